# The command line with the bundled model, as a server at port 8080:
#
#   docker build --tag smalti .
#   docker run --publish 8080:8080 --volume ./token:/run/secrets/smalti-token:ro smalti
#   docker run --volume ./drawn:/work smalti generate fruits-64 --label cherry-1 --count 16 --out cherries
#
# A container is reached from outside it, so the server needs a token of at least 16 letters: the first line of that file.

FROM maven:3.9-eclipse-temurin-17 AS build
WORKDIR /smalti
COPY pom.xml LICENSE ./
COPY bom bom
COPY library library
COPY testing testing
COPY models models
COPY studio studio
COPY doors doors
COPY app app
COPY spark spark
COPY bench bench
COPY examples examples
COPY fuzz fuzz
RUN mvn -q -B -ntp -Dmaven.test.skip=true -pl app -am package && cp app/target/smalti-app-*.jar app/target/lib/

FROM eclipse-temurin:17-jre
RUN useradd --create-home --uid 10001 smalti && install -d -o smalti /work \
    && printf '%s\n' '#!/bin/sh' 'exec java -Xmx2g -XX:+UseSerialGC -Djava.awt.headless=true \' \
        '    -Dorg.bytedeco.javacpp.maxbytes=0 -Dorg.bytedeco.javacpp.maxphysicalbytes=0 -Dsmalti.home=/opt/smalti \' \
        '    ${SMALTI_JAVA_OPTS:-} -cp "/opt/smalti/lib/*" dev.smalti.app.Main "$@"' >/usr/local/bin/smalti \
    && chmod 755 /usr/local/bin/smalti
WORKDIR /work
COPY LICENSE /opt/smalti/LICENSE
COPY models /opt/smalti/models
COPY --from=build /smalti/app/target/lib /opt/smalti/lib

# as the launcher sets them
ENV LC_ALL=C.UTF-8 \
    OMP_WAIT_POLICY=passive \
    MALLOC_MMAP_THRESHOLD_=1073741824 \
    MALLOC_TRIM_THRESHOLD_=2147483647 \
    MALLOC_TOP_PAD_=67108864 \
    MALLOC_ARENA_MAX=1
USER smalti

# unpacks the native libraries, which the first start would do
RUN smalti generate fruits-64 --count 1 --steps 1 --device cpu --out /tmp/drawn && rm -r /tmp/drawn

EXPOSE 8080
HEALTHCHECK --start-period=60s \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /healthz HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
ENTRYPOINT ["smalti"]
CMD ["serve", "fruits-64", "--host", "0.0.0.0", "--port", "8080", "--token-file", "/run/secrets/smalti-token"]
