package dev.smalti.distributed;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenFile;
import dev.smalti.train.Checkpoints;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;

/** Images, tokens and recipes so small that fifty steps take seconds, and processes that train on them together. */
record SharedWorld(Path folder) {
    private static final String TRAINING = """
        training:
          {steps: 50, batch: 8, learning_rate: %s, warm_up: 3, averaging: 0.9, precision: fp32, device: cpu,
           log_every: 10, checkpoint_every: 25, preview_every: 0, validate_every: 25%s}
        """;

    private static final Map<String, String> TOKENIZERS =
            Map.of("tokenizer", """
            seed: 3
            data: {flip: true, crop: random, held_out: 0.1}
            tokenizer:
              kind: vqgan
              size: 16
              patch: 4
              channels: 64
              multipliers: [1]
              res_blocks: 1
              codebook: {codes: 16, dimension: 4, update: moving_average}
              adversarial: {start: 5, channels: 4, layers: 2}
            """, "tokenizer-even", """
            seed: 4
            data: {held_out: 0}
            tokenizer:
              kind: vqgan
              size: 16
              patch: 4
              channels: 64
              multipliers: [1]
              res_blocks: 1
              codebook: {codes: 16, dimension: 4, entropy: 0.1}
              adversarial: {start: 1000, channels: 4, layers: 1}
            """, "tokenizer-noisy", """
            seed: 5
            data: {held_out: 0}
            tokenizer:
              kind: vqgan
              size: 16
              patch: 4
              channels: 64
              multipliers: [1]
              res_blocks: 1
              codebook: {codes: 16, dimension: 4, choice: projection}
              adversarial: {start: 1000, channels: 4, layers: 1}
            """, "tokenizer-steps", """
            seed: 6
            data: {held_out: 0}
            tokenizer:
              kind: rdpm
              steps: 3
              schedule: linear
              autoencoder:
                size: 16
                patch: 4
                channels: 64
                multipliers: [1]
                res_blocks: 1
                codebook: {codes: 16, dimension: 4, update: moving_average, commitment: 0.02}
                adversarial: {start: 1000, channels: 4, layers: 1}
            """);

    private static final String FEATURES = """
        seed: 7
        data: {flip: true, crop: random, held_out: 0.1}
        classifier: {size: 16, channels: 8, multipliers: [1, 2], shift: 2, dropout: 0}
        """;
    private static final String PRIOR = """
        seed: 5
        held_out: 0.1
        prior:
          kind: %s
        """;

    /** The kinds of priors that are trained here, with more of their recipes. */
    private static final Map<String, String> PRIORS = Map.of(
            "absorbing", "",
            "maskgit", "",
            "vqdiffusion", "  steps: 8\n",
            "d3pm", "  steps: 8\n",
            "sedd", "",
            "autoregressive", "",
            "lcmd", "  embedding: {dimension: 8, origin: learnt}\n  evidence: true\n");

    void write() throws IOException {
        for (Map.Entry<String, String> each : TOKENIZERS.entrySet()) {
            write(each.getKey(), each.getValue() + TRAINING.formatted("3.0e-5", ""));
        }
        write("features", FEATURES + TRAINING.formatted("1.0e-3", ""));
        for (Map.Entry<String, String> each : PRIORS.entrySet()) {
            String prior =
                    PRIOR.formatted(each.getKey()) + each.getValue() + "  network: {layers: 1, width: 16, heads: 2}\n";
            write(each.getKey(), prior + TRAINING.formatted("3.0e-4", ", accumulation: 2"));
        }
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < 30; i++) {
            byte[] rgb = new byte[3 * 20 * 18];
            random.nextBytes(rgb);
            for (int j = 0; j < rgb.length; j++) {
                rgb[j] = (byte) (rgb[j] / 8 + j * (i + 1) / 7 + 40 * i);
            }
            Path kind = folder.resolve("images").resolve(i % 2 == 0 ? "even" : "odd");
            Pictures.writePng(kind.resolve(i + ".png"), new Pixels(20, 18, rgb));
        }
        Scope.free(() -> {
            long[] codes = random.longs(60 * 6, 0, 7).toArray();
            long[] labels = random.longs(60, 0, 3).toArray();
            try (TokenFile file = TokenFile.of(Tensors.longs(codes).view(60, 2, 3), 7)
                    .labels(Tensors.longs(labels))
                    .build()) {
                file.write(folder.resolve("tokens.safetensors"));
            }
        });
    }

    private void write(String name, String recipe) throws IOException {
        Files.writeString(folder.resolve(name + ".yaml"), recipe);
    }

    /** A process that trains, and what it says. */
    record Started(Process process, Path said) {
        String text() {
            try {
                return Files.readString(said);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        /** Waits for a line that it says. */
        void says(String line, long seconds) throws InterruptedException, IOException {
            try (WatchService watch = FileSystems.getDefault().newWatchService()) {
                said.getParent().register(watch, StandardWatchEventKinds.ENTRY_MODIFY);
                long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
                while (!text().contains(line)) {
                    assertThat(process.isAlive() && System.nanoTime() < end)
                            .as(text())
                            .isTrue();
                    WatchKey key = watch.poll(200, TimeUnit.MILLISECONDS);
                    if (key != null) {
                        key.pollEvents();
                        key.reset();
                    }
                }
            }
        }

        /** Waits until it has ended because another has gone. */
        void misses(long seconds) throws InterruptedException {
            assertThat(process.waitFor(seconds, TimeUnit.SECONDS)).as(text()).isTrue();
            assertThat(process.exitValue()).as(text()).isEqualTo(3);
            assertThat(text()).contains("lost: process ");
        }

        void done(long seconds) throws InterruptedException {
            assertThat(process.waitFor(seconds, TimeUnit.SECONDS)).as(text()).isTrue();
            assertThat(process.exitValue()).as(text()).isZero();
        }
    }

    /** Starts one that reads where to come from its environment. @param before what stands before java */
    Started start(List<String> before, Map<String, String> environment, String behind, String... names) {
        List<String> command = new ArrayList<>(before);
        command.addAll(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Djava.awt.headless=true",
                "-cp",
                System.getProperty("java.class.path"),
                Member.class.getName(),
                folder.toString(),
                behind));
        command.addAll(List.of(names));
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().putAll(environment);
        try {
            Path said = Files.createTempFile(folder, "said", ".txt");
            return new Started(builder.redirectOutput(said.toFile()).start(), said);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Starts so many of one machine, which meet in a file of that name. */
    List<Started> together(int size, String store, String behind, String... names) {
        Rendezvous meeting = Rendezvous.here(size, folder.resolve("store" + store));
        List<Started> started = new ArrayList<>();
        for (int rank = 0; rank < size; rank++) {
            started.add(start(List.of(), meeting.environment(rank), behind, names));
        }
        return started;
    }

    /** Starts so many that meet at a port, each behind {@code before} of its own. */
    List<Started> meeting(String address, int port, List<List<String>> before, String behind, String... names) {
        List<Started> started = new ArrayList<>();
        for (int rank = 0; rank < before.size(); rank++) {
            Map<String, String> environment = Map.of(
                    "RANK", Integer.toString(rank),
                    "WORLD_SIZE", Integer.toString(before.size()),
                    "MASTER_ADDR", address,
                    "MASTER_PORT", Integer.toString(port));
            started.add(start(before.get(rank), environment, behind, names));
        }
        return started;
    }

    /** The largest difference between the newest weights of two runs. */
    double difference(String name, String one, String other) {
        double most = 0;
        try (TensorFile first = weights(name + one);
                TensorFile second = weights(name + other)) {
            assertThat(second.names()).isEqualTo(first.names());
            for (String each : first.names()) {
                float[] a = Scope.value(() -> Tensors.toFloats(first.tensor(each)));
                float[] b = Scope.value(() -> Tensors.toFloats(second.tensor(each)));
                for (int i = 0; i < a.length; i++) {
                    most = Math.max(most, Math.abs((double) a[i] - b[i]));
                    if (Float.isNaN(a[i] - b[i])) {
                        return Double.NaN;
                    }
                }
            }
        }
        return most;
    }

    private TensorFile weights(String run) {
        return TensorFile.open(
                Checkpoints.latest(folder.resolve(run)).orElseThrow().resolve("weights.safetensors"));
    }
}
