package dev.smalti.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;

/**
 * Kills every verb that writes, by SIGKILL at random moments, gives the same command again, and compares what comes of it with
 * what an undisturbed process writes, byte for byte but for times. On inputs of its own, which are trained in seconds.
 *
 * <p>{@code ./bench/kills [MINUTES [SEED [VERB…]]]} prints one JSON object: kills, trials, and what was wrong.
 */
public final class Kills {
    private static final int MOST = 3; // kills a trial
    private static final String TRAINING =
            "training: {steps: %d, batch: 4, learning_rate: 1.0e-3, precision: fp32, averaging: 0.9, log_every: 4,"
                    + " checkpoint_every: 3, validate_every: 4, keep_best: true, preview_every: 8}\n";
    private static final String TOKENIZER = """
        seed: 1
        data: {held_out: 0.1}
        tokenizer:
          kind: vqgan
          size: 16
          patch: 2
          channels: 8
          multipliers: [1, 1]
          res_blocks: 1
          codebook: {codes: 16, dimension: 8, update: moving_average}
          adversarial: {start: 2, channels: 8, layers: 2}
          pixel_likelihood: true
        """;
    private static final String PRIOR = """
        seed: 2
        held_out: 0.1
        prior:
          kind: absorbing
          network: {layers: 1, width: 16, heads: 2}
        """;
    private static final String FEATURES = """
        seed: 7
        data: {held_out: 0.1}
        classifier: {size: 16, channels: 8, multipliers: [1, 2]}
        """;

    private final Path folder;
    private final List<KilledVerb> verbs = new ArrayList<>();

    private Kills(Path folder) {
        this.folder = folder;
    }

    public static void main(String[] arguments) throws IOException {
        double minutes = arguments.length > 0 ? Double.parseDouble(arguments[0]) : 10;
        long seed = arguments.length > 1 ? Long.parseLong(arguments[1]) : 0;
        List<String> asked = List.of(arguments).subList(Math.min(2, arguments.length), arguments.length);
        Map<String, Object> results = Folders.temporary(folder -> {
            try {
                return new Kills(folder).run(minutes, seed, asked);
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        System.out.println(new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(results));
    }

    private Map<String, Object> run(double minutes, long seed, List<String> asked)
            throws IOException, InterruptedException {
        prepare(asked);
        Random random = new Random(seed);
        long end = System.nanoTime() + (long) (minutes * TimeUnit.MINUTES.toNanos(1));
        for (int round = 0; System.nanoTime() < end; round++) {
            for (KilledVerb each : verbs) {
                if (System.nanoTime() < end) {
                    each.trial(folder.resolve("trials").resolve(each.name() + "-" + round), MOST, random);
                    System.err.println(each.name() + ", round " + (round + 1) + ": " + each.result());
                }
            }
        }
        Map<String, Object> results = new LinkedHashMap<>();
        verbs.forEach(each -> results.put(each.name(), each.result()));
        return results;
    }

    /** All inputs, and every verb once without a kill. */
    private void prepare(List<String> asked) throws IOException, InterruptedException {
        String images = images().toString();
        String vqgan = recipe("vqgan", TOKENIZER, 10).toString();
        String absorbing = recipe("absorbing", PRIOR, 24).toString();
        String features = recipe("features", FEATURES, 10).toString();
        String half = images + "/blue/0.png";
        Path made = made("tokenizer", "train-tokenizer", vqgan, "--data", images, "--out", "OUT/run");
        String tokenizer = made.resolve("run").toString();
        String tokens = made("tokens", "encode", tokenizer, "--data", images, "--out", "OUT/tokens.safetensors")
                .resolve("tokens.safetensors")
                .toString();
        Path trained = made("prior", "train-prior", absorbing, "--tokens", tokens, "--out", "OUT/run");
        String prior = trained.resolve("run").toString();
        String plan = text("plan.yaml", """
                {tokens: %s, held_out: %s, real: %s, draws: 16, resamples: 8, set: [training.steps=8],
                 priors: [{name: absorbing, recipe: %s}], sweeps: [{steps: [1, 2]}]}
                """.formatted(tokens, tokens, images, absorbing))
                .toString();

        add(asked, "train-tokenizer", null, vqgan, "--data", images, "--out", "OUT/run", "--resume");
        add(asked, "train-prior", null, absorbing, "--tokens", tokens, "--out", "OUT/run", "--resume");
        add(asked, "train-features", null, features, "--data", images, "--out", "OUT/run", "--resume");
        add(asked, "encode", null, tokenizer, "--data", images, "--out", "OUT/t", "--resume", "--batch", "2");
        String[] drawn = {prior, "--count", "40", "--batch", "4", "--seed", "3"};
        add(asked, "generate png", null, with(drawn, "--out", "OUT/images", "--resume"));
        add(asked, "generate tokens", null, with(drawn, "--out", "OUT/t", "--format", "tokens", "--resume"));
        add(asked, "generate npz", null, with(drawn, "--out", "OUT/a.npz", "--format", "npz"));
        add(asked, "edit", null, prior, "--image", half, "--mask", "8,0,8,16", "--count", "20", "--out", "OUT/edits");
        add(asked, "pack", null, prior, "--out", "OUT/packed");
        add(
                asked,
                "evaluate",
                null,
                with(
                        new String[] {"--real", images, "--fake", prior, "--count", "32", "--resamples", "50"},
                        "--out",
                        "OUT/result.json",
                        "--card",
                        "OUT/card.md",
                        "--cache",
                        "OUT/cache"));
        add(asked, "compare", null, plan, "--out", "OUT/compared");
        add(asked, "search-steps", trained, "OUT/run", "--tokens", tokens, "--steps", "2,3", "--shares", "12");
    }

    private void add(List<String> asked, String name, Path start, String... arguments)
            throws IOException, InterruptedException {
        if (!asked.isEmpty() && !asked.contains(name)) {
            return;
        }
        String[] all = with(new String[] {name.split(" ", 2)[0]}, arguments);
        System.err.println(name + ", undisturbed");
        try {
            verbs.add(new KilledVerb(name, start, folder.resolve("trials").resolve(name), all));
        } catch (IllegalStateException e) {
            System.err.println(e.getMessage());
        }
    }

    private static String[] with(String[] first, String... more) {
        List<String> all = new ArrayList<>(List.of(first));
        all.addAll(List.of(more));
        return all.toArray(String[]::new);
    }

    /** The folder that a command was given, and filled. */
    private Path made(String name, String... arguments) throws IOException, InterruptedException {
        System.err.println(name);
        Path work = folder.resolve(name);
        new KilledVerb(name, null, work, arguments);
        return work.resolve("undisturbed");
    }

    private Path images() {
        Path images = folder.resolve("images");
        for (String name : List.of("red", "blue")) {
            for (int i = 0; i < 40; i++) {
                Random random = new Random(name.hashCode() + i);
                byte[] rgb = new byte[3 * 16 * 16];
                for (int j = 0; j < rgb.length; j++) {
                    boolean strong = j % 3 == (name.equals("blue") ? 2 : 0);
                    rgb[j] = (byte) (strong ? 200 + random.nextInt(50) : random.nextInt(60));
                }
                Pictures.writePng(images.resolve(name).resolve(i + ".png"), new Pixels(16, 16, rgb));
            }
        }
        return images;
    }

    private Path recipe(String name, String text, int steps) {
        return text(name + ".yaml", text + TRAINING.formatted(steps));
    }

    private Path text(String name, String text) {
        try {
            return Files.writeString(folder.resolve(name), text);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
