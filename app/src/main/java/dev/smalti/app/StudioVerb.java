package dev.smalti.app;

import dev.smalti.studio.ImageServer;
import dev.smalti.studio.Serving;
import dev.smalti.tensor.Phase;
import java.awt.Desktop;
import java.awt.GraphicsEnvironment;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "studio", description = "Serves a page on this machine to draw, edit and watch trainings with.")
final class StudioVerb extends Verb {
    private static final String BUNDLED = "fruits-64";

    @Parameters(
            paramLabel = "MODEL",
            arity = "0..*",
            description = "run folder of train-prior, or name of a bundled model; the first is the usual one"
                    + " (default: " + BUNDLED + ")")
    private List<String> models = List.of();

    @Option(names = "--port", paramLabel = "PORT", description = "0 for any that is free (default: 8080)")
    private int port = 8080;

    @Option(
            names = "--data",
            paramLabel = "PATH",
            description = "images among which the page looks for the nearest to what is drawn")
    private Path data;

    @Option(names = "--runs", paramLabel = "DIR", description = "folder whose run folders the page shows, as they grow")
    private Path runs;

    @Option(names = "--no-open", description = "don't open the page in a browser")
    private boolean notOpened;

    @Mixin
    private OpeningOptions opening;

    StudioVerb(Console console) {
        super(console);
    }

    @Override
    Answer answer(Interruption interruption) {
        progress().see(Phase.of("opening"));
        Serving serving = new Serving(
                        models.isEmpty() ? List.of(BUNDLED) : models,
                        "127.0.0.1",
                        port,
                        null,
                        opening.opening(),
                        1,
                        256,
                        16,
                        64,
                        Duration.ofMinutes(30),
                        data,
                        runs)
                .withPage(data, runs);
        try (ImageServer server = ImageServer.start(serving)) {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("address", server.address());
            facts.put("models", server.models());
            say(new Answer(
                    facts,
                    "the studio with " + String.join(", ", server.models()) + " is at " + server.address()
                            + " (Ctrl-C ends it)"));
            if (!notOpened) {
                open(server.address());
            }
            while (!interruption.asked()) {
                Thread.sleep(100);
            }
            return null;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return null;
        }
    }

    /** Where there is a desktop; elsewhere the address was printed. */
    private static void open(String address) {
        try {
            if (!GraphicsEnvironment.isHeadless()
                    && Desktop.isDesktopSupported()
                    && Desktop.getDesktop().isSupported(Desktop.Action.BROWSE)) {
                Desktop.getDesktop().browse(URI.create(address));
            }
        } catch (IOException | UnsupportedOperationException | java.awt.AWTError e) {
            // the address was printed
        }
    }
}
