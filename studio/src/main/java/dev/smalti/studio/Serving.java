package dev.smalti.studio;

import dev.smalti.model.Opening;
import dev.smalti.run.JobException;
import dev.smalti.tensor.Phrase;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/**
 * What is served, and within which limits.
 *
 * @param models run folders of {@code train-prior}, or names of bundled models; at least one
 * @param host name or address to listen at
 * @param port 0 for any that is free
 * @param token that clients must send; null for none, which only a loopback address allows
 * @param opening how models are opened
 * @param workers draws of a model at once, each with weights of its own; 1..64
 * @param queue images of a model that may wait; at least 1
 * @param batch images of the size of training drawn at once, at most; at least 1
 * @param mostImages of a request; at least 1
 * @param deadline of a request, after which it is answered with an error
 * @param data images among which neighbours are looked for; null for none
 * @param runs folder whose run folders can be watched; null for none
 * @param page whether there is a page to draw, edit and watch with, and what it calls
 */
public record Serving(
        List<String> models,
        String host,
        int port,
        String token,
        Opening opening,
        int workers,
        int queue,
        int batch,
        int mostImages,
        Duration deadline,
        Path data,
        Path runs,
        boolean page) {
    private static final int LEAST_TOKEN = 16;

    public Serving {
        models = List.copyOf(models);
        if (models.isEmpty()) {
            throw new JobException("a server needs a model: a run folder of train-prior, or the name of a bundled one");
        }
        require("port", port, 0, 65_535);
        require("workers", workers, 1, 64);
        require("queue", queue, 1, 1_000_000);
        require("batch", batch, 1, 4_096);
        require("images", mostImages, 1, 4_096);
        if (deadline.isNegative() || deadline.isZero()) {
            throw new JobException("deadline must be above 0, got " + deadline);
        }
        if (token != null && token.length() < LEAST_TOKEN) {
            throw new JobException(Phrase.of("a token must have at least %d letters, so that nobody guesses it, got %d")
                    .with(LEAST_TOKEN, token.length()));
        }
        if (runs != null && !Files.isDirectory(runs)) {
            throw new JobException("runs must be a folder with run folders in it, got " + runs);
        }
        if (token == null && !isLoopback(host)) {
            throw new JobException(Phrase.of(
                            "host %s can be reached by others, so a token is needed: --token-file FILE, or leave --host out to"
                                    + " listen at this machine alone")
                    .with(host));
        }
    }

    /** Without the page. */
    public Serving(
            List<String> models,
            String host,
            int port,
            String token,
            Opening opening,
            int workers,
            int queue,
            int batch,
            int mostImages,
            Duration deadline,
            Path data,
            Path runs) {
        this(models, host, port, token, opening, workers, queue, batch, mostImages, deadline, data, runs, false);
    }

    /** On this machine alone, within the usual limits, without the page. */
    public static Serving of(List<String> models, int port) {
        return new Serving(
                models, "127.0.0.1", port, null, Opening.USUAL, 1, 256, 64, 64, Duration.ofMinutes(5), null, null);
    }

    /** With the page. @param data null for none @param runs null for none */
    public Serving withPage(Path data, Path runs) {
        return new Serving(
                models, host, port, token, opening, workers, queue, batch, mostImages, deadline, data, runs, true);
    }

    private static void require(String what, int value, int least, int most) {
        if (value < least || value > most) {
            throw new JobException(Phrase.of("%s must be from %d to %d, got %d").with(what, least, most, value));
        }
    }

    private static boolean isLoopback(String host) {
        try {
            return InetAddress.getByName(host).isLoopbackAddress();
        } catch (UnknownHostException e) {
            throw new JobException("host " + host + " is not known: give a name or an address of this machine", e);
        }
    }
}
