package dev.smalti.app;

import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "smalti",
        description = "Draws images by discrete diffusion over tokens, and learns to.",
        synopsisSubcommandLabel = "VERB",
        commandListHeading = "%nVerbs:%n",
        versionProvider = Root.Version.class,
        footer = {
            "",
            "smalti VERB --help says what a verb takes. Exit code 0: done; 1: failed; 2: wrong usage or bad input.",
            "SMALTI_JAVA_OPTS gives options to Java, such as -Xmx8g; SMALTI_DEBUG=1 shows the stack trace of an error."
        })
final class Root implements Callable<Integer> {
    private final Console console;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "show this help")
    private boolean help;

    @Option(names = "--version", versionHelp = true, description = "show the version")
    private boolean version;

    @Spec
    private CommandSpec spec;

    Root(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() {
        spec.commandLine().usage(console.err());
        return Failure.BAD_INPUT;
    }

    /** As the build says. */
    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() throws IOException {
            Properties properties = new Properties();
            try (InputStream stream =
                    Root.class.getResourceAsStream("/META-INF/maven/dev.smalti/smalti-app/pom.properties")) {
                if (stream != null) {
                    properties.load(stream);
                }
            }
            return new String[] {"smalti " + properties.getProperty("version", "from a source tree")};
        }
    }
}
