package dev.smalti.distributed;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleBiFunction;
import org.assertj.core.data.Offset;

/**
 * Images, tokens and recipes so small that fifty steps take seconds, and processes that train on them together.
 *
 * @param all that were started
 */
record SharedWorld(Path folder, List<Started> all) implements AutoCloseable {
    private static final long STEPS = 50;
    private static final double ROUNDING = 1e-5;
    private static final double NOTHING = 1e-8; // of a gradient, such as that of the bias of keys
    private static final double SHARE = 1e-3; // of a number, or of the length of a moment

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
            "lcmd", "  embedding: {dimension: 8, origin: learnt}\n  evidence: true\n",
            "rdpm", "  dimension: 4\n");

    private static final String STUDENT = PRIOR.formatted("maskgit") + """
              network: {layers: 1, width: 16, heads: 2}
              masks: 4
              mask_share: 0.6
            distillation: {auxiliary_rate: 3, steps: 2}
            """;

    SharedWorld(Path folder) {
        this(folder, new ArrayList<>());
    }

    /** Ends those that a test has left. */
    @Override
    public void close() {
        all.forEach(each -> each.process().destroyForcibly());
        all.clear();
    }

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
        write("student", STUDENT + TRAINING.formatted("3.0e-4", ""));
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
            Started started = new Started(builder.redirectOutput(said.toFile()).start(), said);
            all.add(started);
            return started;
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

    /** Holds two runs to have learnt the same in all steps, but for roundings. */
    void same(String name, String one, String other) throws IOException {
        Path first = folder.resolve(name + one);
        Path second = folder.resolve(name + other);
        assertThat(Checkpoints.steps(first)).as(name).last().isEqualTo(STEPS);
        assertThat(Checkpoints.steps(second)).as(name).last().isEqualTo(STEPS);
        compare(first, second, "weights.safetensors", (a, b) -> most(a, b));
        compare(first, second, "averaged.safetensors", (a, b) -> most(a, b));
        moments(first, second);
        measures(first, second);
    }

    private static double most(float[] a, float[] b) {
        double most = 0;
        for (int i = 0; i < a.length; i++) {
            double apart = Math.abs((double) a[i] - b[i]);
            most = Double.isNaN(apart) ? Double.POSITIVE_INFINITY : Math.max(most, apart);
        }
        return most;
    }

    private static void compare(Path first, Path second, String file, ToDoubleBiFunction<float[], float[]> apart) {
        Map<String, float[]> others = tensors(second, file);
        Map<String, float[]> own = tensors(first, file);
        assertThat(others.keySet()).isEqualTo(own.keySet());
        own.forEach((name, values) -> assertThat(apart.applyAsDouble(values, others.get(name)))
                .as("%s of %s in %s", name, file, second)
                .isLessThan(ROUNDING));
    }

    /** Adam's step is the same whatever the scale of gradients; its moments aren't. What is nothing but roundings isn't compared. */
    private static void moments(Path first, Path second) {
        Map<String, float[]> others = tensors(second, "optimizer.safetensors");
        Map<String, float[]> own = tensors(first, "optimizer.safetensors");
        assertThat(others.keySet()).isEqualTo(own.keySet());
        own.forEach((name, values) -> {
            double size = Math.sqrt(squares(values, new float[values.length]));
            if (size > (name.contains("exp_avg_sq") ? NOTHING * NOTHING : NOTHING)) {
                assertThat(Math.sqrt(squares(values, others.get(name))))
                        .as("%s in %s, of length %s", name, second, size)
                        .isLessThan(SHARE * size);
            }
        });
    }

    private static double squares(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
        }
        return sum;
    }

    private static Map<String, float[]> tensors(Path run, String name) {
        Map<String, float[]> tensors = new LinkedHashMap<>();
        try (TensorFile file =
                TensorFile.open(Checkpoints.latest(run).orElseThrow().resolve(name))) {
            for (String each : file.names()) {
                tensors.put(each, Scope.value(() -> Tensors.toFloats(file.tensor(each))));
            }
        }
        return tensors;
    }

    /** The losses and held-out measures of the log; those of a run that was ended between two lines of the other, over the same steps. */
    private static void measures(Path first, Path second) throws IOException {
        List<Map<String, Double>> lines = lines(first);
        List<Map<String, Double>> own = over(lines, lines);
        List<Map<String, Double>> others = over(lines, lines(second));
        assertThat(own).hasSameSizeAs(lines).isNotEmpty();
        for (int i = 0; i < own.size(); i++) {
            Map<String, Double> line = others.get(i);
            assertThat(line.keySet()).isEqualTo(own.get(i).keySet());
            own.get(i).forEach((name, value) -> assertThat(line.get(name))
                    .as("%s in %s", name, line)
                    .isCloseTo(value, Offset.offset(ROUNDING + SHARE * Math.abs(value))));
        }
    }

    /** These lines at the steps of those: means weighed by the steps that they are of, and what is measured at a step as it is. */
    private static List<Map<String, Double>> over(List<Map<String, Double>> those, List<Map<String, Double>> lines) {
        List<Map<String, Double>> over = new ArrayList<>();
        for (boolean heldOut : new boolean[] {false, true}) {
            List<Map<String, Double>> kind =
                    lines.stream().filter(line -> measured(line) == heldOut).toList();
            double begun = 0;
            for (Map<String, Double> that :
                    those.stream().filter(line -> measured(line) == heldOut).toList()) {
                double end = that.get("step");
                double from = heldOut ? end - 1 : begun;
                over.add(mean(kind, from, end));
                begun = end;
            }
        }
        return over;
    }

    private static boolean measured(Map<String, Double> line) {
        return line.keySet().stream().anyMatch(name -> name.startsWith("held_out."));
    }

    /** The mean of the lines after a step up to another, at the last's step. */
    private static Map<String, Double> mean(List<Map<String, Double>> lines, double from, double end) {
        Map<String, Double> mean = new LinkedHashMap<>();
        double begun = from;
        for (Map<String, Double> line : lines) {
            double step = line.get("step");
            if (step > from && step <= end) {
                double share = (step - begun) / (end - from);
                line.forEach((name, value) -> mean.merge(name, share * value, Double::sum));
                begun = step;
            }
        }
        mean.put("step", begun);
        return mean;
    }

    private static List<Map<String, Double>> lines(Path run) throws IOException {
        List<Map<String, Double>> lines = new ArrayList<>();
        for (String each : Files.readAllLines(run.resolve("metrics.jsonl"))) {
            Map<String, Double> line = new LinkedHashMap<>();
            new ObjectMapper().readTree(each).properties().forEach(field -> {
                String name = field.getKey();
                if (name.equals("step") || name.endsWith("loss") || name.startsWith("held_out.")) {
                    line.put(name, field.getValue().asDouble());
                }
            });
            lines.add(line);
        }
        return lines;
    }
}
