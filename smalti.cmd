@echo off
rem Runs the command line on Windows; builds it first, with Maven, when it isn't there. The file smalti beside it is for other systems.
rem
rem   JAVA_HOME          the Java to use (17 or newer); else the one on the PATH
rem   SMALTI_JAVA_OPTS   options for Java, such as -Xmx8g
rem   SMALTI_MAVEN_ARGS  arguments of the build, such as -Pcuda
rem   SMALTI_CLASSPATH   jars and folders of yours, separated by semicolons
rem
rem After a change of the sources: smalti.cmd --build
setlocal DisableDelayedExpansion
set "SMALTI_HOME=%~dp0"
if "%SMALTI_HOME:~-1%"=="\" set "SMALTI_HOME=%SMALTI_HOME:~0,-1%"
set "SMALTI_TARGET=%SMALTI_HOME%\app\target"

set "SMALTI_JAVA=java"
if defined JAVA_HOME set "SMALTI_JAVA=%JAVA_HOME%\bin\java.exe"
set "SMALTI_VERSION="
rem by way of a file: a path with parentheses would end the list of a for
set "SMALTI_TEXT=%TEMP%\smalti-%RANDOM%%RANDOM%.txt"
"%SMALTI_JAVA%" -version >"%SMALTI_TEXT%" 2>&1
for /f "usebackq tokens=1-3" %%a in ("%SMALTI_TEXT%") do if "%%b"=="version" set "SMALTI_VERSION=%%~c"
del /q "%SMALTI_TEXT%"
if not defined SMALTI_VERSION (
    echo smalti: Java is missing: install a JDK of version 17 or newer, and set JAVA_HOME to it or put it on the PATH 1>&2
    exit /b 1
)
for /f "delims=.-+_" %%m in ("%SMALTI_VERSION%") do set "SMALTI_MAJOR=%%m"
if %SMALTI_MAJOR% LSS 17 (
    echo smalti: Java 17 or newer is needed, and this one is %SMALTI_VERSION%: install a newer JDK, or set JAVA_HOME to one 1>&2
    exit /b 1
)
set "SMALTI_ACCESS="
if %SMALTI_MAJOR% GEQ 24 set "SMALTI_ACCESS=--enable-native-access=ALL-UNNAMED"

if "%~1"=="--build" goto build
if exist "%SMALTI_TARGET%\launcher\built" goto run

:build
where mvn >nul 2>&1
if errorlevel 1 (
    echo smalti: Maven is missing, and Smalti must be built first: install Maven 3.8 or newer and put it on the PATH 1>&2
    exit /b 1
)
echo building Smalti (first use, about a minute) 1>&2
if not exist "%SMALTI_TARGET%\launcher" mkdir "%SMALTI_TARGET%\launcher"
if exist "%SMALTI_TARGET%\launcher\built" del /q "%SMALTI_TARGET%\launcher\built"
if exist "%SMALTI_TARGET%\lib" rmdir /s /q "%SMALTI_TARGET%\lib"
if exist "%SMALTI_TARGET%\smalti-app-*.jar" del /q "%SMALTI_TARGET%\smalti-app-*.jar"
pushd "%SMALTI_HOME%"
call mvn -q -B -Dmaven.test.skip=true -pl app -am %SMALTI_MAVEN_ARGS% package 1>&2
set "SMALTI_CODE=%ERRORLEVEL%"
popd
if not "%SMALTI_CODE%"=="0" (
    echo smalti: the build failed; the messages above say why 1>&2
    exit /b 1
)
type nul >"%SMALTI_TARGET%\launcher\built"
if "%~1"=="--build" exit /b 0

:run
rem all jars of the program lie in two folders; after a build there is one smalti-app, and lib has the others
set "SMALTI_JARS="
for %%j in ("%SMALTI_TARGET%\smalti-app-*.jar") do set "SMALTI_JARS=%%~fj"
set "SMALTI_JARS=%SMALTI_JARS%;%SMALTI_TARGET%\lib\*"
if defined SMALTI_CLASSPATH set "SMALTI_JARS=%SMALTI_JARS%;%SMALTI_CLASSPATH%"
if not defined OMP_WAIT_POLICY set "OMP_WAIT_POLICY=passive"
"%SMALTI_JAVA%" -Xmx2g -XX:+UseSerialGC -Djava.awt.headless=true -Dorg.bytedeco.javacpp.maxbytes=0 -Dorg.bytedeco.javacpp.maxphysicalbytes=0 "-Dsmalti.home=%SMALTI_HOME%" %SMALTI_ACCESS% %SMALTI_JAVA_OPTS% -cp "%SMALTI_JARS%" dev.smalti.app.Main %*
exit /b %ERRORLEVEL%
