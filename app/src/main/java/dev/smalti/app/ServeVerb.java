package dev.smalti.app;

import dev.smalti.run.JobException;
import dev.smalti.studio.ImageServer;
import dev.smalti.studio.Serving;
import dev.smalti.tensor.Phase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "serve", description = "Serves models over HTTP, in the form in which image clients call others.")
final class ServeVerb extends Verb {
    @Parameters(
            paramLabel = "MODEL",
            arity = "1..*",
            description = "run folder of train-prior, or name of a bundled model; the first is the usual one")
    private List<String> models;

    @Option(names = "--port", paramLabel = "PORT", description = "0 for any that is free (default: 8080)")
    private int port = 8080;

    @Option(
            names = "--host",
            paramLabel = "HOST",
            description = "address to listen at; one that others can reach needs a token (default: 127.0.0.1)")
    private String host = "127.0.0.1";

    @Option(
            names = "--token-file",
            paramLabel = "FILE",
            description = "file with the token that clients must send as Authorization: Bearer TOKEN")
    private Path tokenFile;

    @Option(
            names = "--workers",
            paramLabel = "N",
            description = "draws of a model at once, each with weights of its own (default: 1)")
    private int workers = 1;

    @Option(
            names = "--queue",
            paramLabel = "N",
            description = "images of a model that may wait; beyond them clients are told to come again (default: 256)")
    private int queue = 256;

    @Option(names = "--batch", paramLabel = "N", description = "images drawn at once, at most (default: 64)")
    private int batch = 64;

    @Option(names = "--most-images", paramLabel = "N", description = "images of one request, at most (default: 64)")
    private int mostImages = 64;

    @Option(
            names = "--deadline",
            paramLabel = "SECONDS",
            description = "after which a request is answered with an error (default: 300)")
    private long deadline = 300;

    @Option(names = "--studio", description = "also serve the page of smalti studio, to draw, edit and watch with")
    private boolean studio;

    @Option(
            names = "--data",
            paramLabel = "PATH",
            description = "images among which the page of --studio looks for the nearest to what is drawn")
    private Path data;

    @Option(
            names = "--runs",
            paramLabel = "DIR",
            description = "folder whose run folders the page of --studio shows, as they grow")
    private Path runs;

    @Mixin
    private OpeningOptions opening;

    ServeVerb(Console console) {
        super(console);
    }

    @Override
    Answer answer(Interruption interruption) {
        requirePage("--data", data);
        requirePage("--runs", runs);
        progress().see(Phase.of("opening"));
        Serving serving = new Serving(
                models,
                host,
                port,
                token(),
                opening.opening(),
                workers,
                queue,
                batch,
                mostImages,
                Duration.ofSeconds(deadline),
                null,
                null);
        try (ImageServer server = ImageServer.start(studio ? serving.withPage(data, runs) : serving)) {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("address", server.address());
            facts.put("models", server.models());
            say(new Answer(facts, "serving " + String.join(", ", server.models()) + " at " + server.address()));
            while (!interruption.asked()) {
                Thread.sleep(100);
            }
            return null;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return null;
        }
    }

    private void requirePage(String option, Path given) {
        if (given != null && !studio) {
            throw new JobException(option + " is for the page, and none is served: give --studio too");
        }
    }

    /** The first line of the file. */
    private String token() {
        if (tokenFile == null) {
            return null;
        }
        try {
            return Files.readString(tokenFile).lines().findFirst().orElse("").strip();
        } catch (IOException e) {
            throw new JobException("--token-file " + tokenFile + " cannot be read: " + e, e);
        }
    }
}
