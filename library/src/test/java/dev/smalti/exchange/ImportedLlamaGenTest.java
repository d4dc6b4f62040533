package dev.smalti.exchange;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.draw.LogitFilter;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.job.ImportWeights;
import dev.smalti.prior.Prior;
import dev.smalti.prior.TokenBatch;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** LlamaGen's transformer against its formulas, written out plainly in float64 over the names of the released code. */
class ImportedLlamaGenTest {
    private static final int CODES = 11;
    private static final int CLASSES = 3;
    private static final int LAYERS = 2;
    private static final int WIDTH = 32;
    private static final int HEADS = 2;
    private static final int D = WIDTH / HEADS; // channels of a head
    private static final int HIDDEN = 24;
    private static final int SIDE = 3;
    private static final int L = SIDE * SIDE;
    private static final String[] OVERRIDES = {"prior.network.heads=2", "prior.network.key_value_heads=2"};

    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"model.", "module.", "", "ema."})
    void of_llamagen(String before) {
        Map<String, Tensor> weights = random();
        Map<String, Object> facts = imported(weights, before, 16 * SIDE, OVERRIDES);
        assertThat(facts)
                .containsEntry("kind", "llamagen-gpt")
                .containsEntry("codes", CODES)
                .containsEntry("grid", "3x3")
                .containsEntry("classes", CLASSES)
                .containsEntry("left_out", Map.of("rotations", 1));
        try (Prior prior = RunFolder.open(folder.resolve("run")).prior(Devices.cpu(), List.of())) {
            Tensor x = Tensors.longs(
                            LongStream.range(0, 2 * L).map(i -> i * i % CODES).toArray())
                    .view(2, L);
            long[] labels = {2, CLASSES}; // the last: none
            double[] ours =
                    Tensors.toDoubles(prior.denoiser().logits(x, null, Tensors.longs(labels), null)); // [B·L, K]
            for (int grid = 0; grid < 2; grid++) {
                double[] theirs = Tensors.toDoubles(logits(weights, x.select(0, grid), labels[grid]));
                for (int i = 0; i < theirs.length; i++) {
                    assertThat(ours[grid * theirs.length + i])
                            .as("number %d of grid %d", i, grid)
                            .isCloseTo(theirs[i], within(1e-5));
                }
            }
        }
    }

    @Test
    void draws_by_our_sampler_with_guidance() {
        imported(random(), "model.", 16 * SIDE, OVERRIDES);
        try (Prior prior = RunFolder.open(folder.resolve("run")).prior(Devices.cpu(), List.of())) {
            Sampling sampling = Sampling.USUAL.guidance(0.5).filter(new LogitFilter(1, 8, 1));
            Scope.free(() -> {
                Tensor drawn = prior.sample(prior.draw(sampling, RandomStreams.of(List.of(new Seed(1), new Seed(2))))
                        .labels(Tensors.longs(0, 2)));
                assertThat(Dims.of(drawn)).containsExactly(2, SIDE, SIDE);
                assertThat(LongStream.of(Tensors.toLongs(drawn)).distinct().count())
                        .isGreaterThan(3);
            });
        }
    }

    @Test
    void has_the_likelihood_of_its_guesses() {
        Map<String, Tensor> weights = random();
        imported(weights, "model.", 16 * SIDE, OVERRIDES);
        try (Prior prior = RunFolder.open(folder.resolve("run")).prior(Devices.cpu(), List.of())) {
            Tensor x =
                    Tensors.longs(LongStream.range(0, L).map(i -> 3 * i % CODES).toArray());
            double theirs = torch.log_softmax(logits(weights, x, 1), -1)
                    .gather(1, x.unsqueeze(1))
                    .sum()
                    .neg()
                    .item_double();
            Tensor ours = prior.negativeLogLikelihood(new TokenBatch(x.view(1, L), Tensors.longs(1)), new Seed(1));
            assertThat(ours.item_double()).isCloseTo(theirs, within(1e-4));
        }
    }

    @Test
    void shares_keys_and_values_among_heads_where_there_are_fewer() {
        Map<String, Tensor> weights = random();
        for (int i = 0; i < LAYERS; i++) { // one head of keys and values for both heads of queries
            weights.computeIfPresent(
                    "layers." + i + ".attention.wqkv.weight",
                    (name, all) -> Tensors.cat(
                            0,
                            all.narrow(0, 0, WIDTH + D),
                            all.narrow(0, 2 * WIDTH, D).clone()));
        }
        imported(weights, "model.", 16 * SIDE, "prior.network.heads=2", "prior.network.key_value_heads=1");
        try (Prior prior = RunFolder.open(folder.resolve("run")).prior(Devices.cpu(), List.of())) {
            Tensor x =
                    Tensors.longs(LongStream.range(0, L).map(i -> 3 * i % CODES).toArray());
            Tensor ours = prior.denoiser().logits(x.view(1, L), null, Tensors.longs(1), null);
            Map<String, Tensor> doubled = new LinkedHashMap<>(weights);
            weights.forEach((name, all) -> {
                if (name.contains("wqkv")) {
                    Tensor k = all.narrow(0, WIDTH, D);
                    Tensor v = all.narrow(0, WIDTH + D, D);
                    doubled.put(name, Tensors.cat(0, all.narrow(0, 0, WIDTH), k, k, v, v));
                }
            });
            assertThat(Tensors.toDoubles(ours)).containsExactly(Tensors.toDoubles(logits(doubled, x, 1)), within(1e-5));
        }
    }

    @Test
    void asks_for_a_size_that_tokens_divide() {
        assertThatThrownBy(() -> imported(random(), "model.", 50, OVERRIDES))
                .isInstanceOf(JobException.class)
                .hasMessage("size must be a multiple of 16, the pixels of a token's side, got 50");
    }

    /** Of one grid, int64 [L] -> float64 [L, K]: position 0 is the class, position i the i-th token, whose cell is i - 1. */
    private static Tensor logits(Map<String, Tensor> weights, Tensor tokens, long label) {
        Tensor told = get(weights, "cls_embedding.embedding_table").narrow(0, label, 1);
        Tensor x = Tensors.cat(
                0, told, torch.embedding(get(weights, "tok_embeddings"), tokens.narrow(0, 0, L - 1))); // [L, D]
        for (int i = 0; i < LAYERS; i++) {
            String layer = "layers." + i + ".";
            x = x.add(attention(weights, layer, norm(weights, layer + "attention_norm", x)));
            Tensor normed = norm(weights, layer + "ffn_norm", x);
            Tensor gate = normed.matmul(get(weights, layer + "feed_forward.w1").t());
            Tensor up = normed.matmul(get(weights, layer + "feed_forward.w3").t());
            Tensor hidden = gate.mul(gate.sigmoid()).mul(up);
            x = x.add(hidden.matmul(get(weights, layer + "feed_forward.w2").t()));
        }
        return norm(weights, "norm", x).matmul(get(weights, "output").t());
    }

    private static Tensor norm(Map<String, Tensor> weights, String name, Tensor x) {
        Tensor squares = x.mul(x).sum(1).div(new Scalar((double) WIDTH)).unsqueeze(1); // [L, 1]
        return x.div(squares.add(new Scalar(1e-5)).sqrt()).mul(get(weights, name));
    }

    /** A head and a query at a time. [L, D] -> the same */
    private static Tensor attention(Map<String, Tensor> weights, String layer, Tensor x) {
        double[] all = Tensors.toDoubles(
                x.matmul(get(weights, layer + "attention.wqkv").t())); // [L, 3·D]
        double[] mixed = new double[L * WIDTH];
        for (int head = 0; head < HEADS; head++) {
            double[][] q = new double[L][];
            double[][] k = new double[L][];
            for (int i = 0; i < L; i++) {
                q[i] = turned(all, i * 3 * WIDTH + head * D, i);
                k[i] = turned(all, i * 3 * WIDTH + WIDTH + head * D, i);
            }
            for (int i = 0; i < L; i++) {
                double[] share = new double[i + 1];
                double sum = 0;
                for (int j = 0; j <= i; j++) {
                    double product = 0;
                    for (int c = 0; c < D; c++) {
                        product += q[i][c] * k[j][c];
                    }
                    share[j] = Math.exp(product / Math.sqrt(D));
                    sum += share[j];
                }
                for (int j = 0; j <= i; j++) {
                    for (int c = 0; c < D; c++) {
                        mixed[i * WIDTH + head * D + c] +=
                                share[j] / sum * all[j * 3 * WIDTH + 2 * WIDTH + head * D + c];
                    }
                }
            }
        }
        return Tensors.doubles(mixed)
                .view(L, WIDTH)
                .matmul(get(weights, layer + "attention.wo").t());
    }

    /** D channels from {@code from} on, turned by the row and the column of a position's cell; zeros for the class. */
    private static double[] turned(double[] all, int from, int position) {
        double[] result = new double[D];
        for (int pair = 0; pair < D / 2 && position > 0; pair++) {
            int cell = position - 1;
            int place = pair < D / 4 ? cell / SIDE : cell % SIDE;
            double angle = place * Math.pow(10_000, -(pair % (D / 4)) * 4.0 / D);
            double a = all[from + 2 * pair];
            double b = all[from + 2 * pair + 1];
            result[2 * pair] = a * Math.cos(angle) - b * Math.sin(angle);
            result[2 * pair + 1] = b * Math.cos(angle) + a * Math.sin(angle);
        }
        return result;
    }

    private static Tensor get(Map<String, Tensor> weights, String name) {
        return weights.get(name + ".weight").to(ScalarType.Double);
    }

    private static Map<String, Tensor> random() {
        Map<String, long[]> shapes = new LinkedHashMap<>();
        shapes.put("cls_embedding.embedding_table.weight", new long[] {CLASSES + 1, WIDTH});
        shapes.put("tok_embeddings.weight", new long[] {CODES, WIDTH});
        for (int i = 0; i < LAYERS; i++) {
            String layer = "layers." + i + ".";
            shapes.put(layer + "attention.wqkv.weight", new long[] {3 * WIDTH, WIDTH});
            shapes.put(layer + "attention.wo.weight", new long[] {WIDTH, WIDTH});
            shapes.put(layer + "feed_forward.w1.weight", new long[] {HIDDEN, WIDTH});
            shapes.put(layer + "feed_forward.w3.weight", new long[] {HIDDEN, WIDTH});
            shapes.put(layer + "feed_forward.w2.weight", new long[] {WIDTH, HIDDEN});
            shapes.put(layer + "attention_norm.weight", new long[] {WIDTH});
            shapes.put(layer + "ffn_norm.weight", new long[] {WIDTH});
        }
        shapes.put("norm.weight", new long[] {WIDTH});
        shapes.put("output.weight", new long[] {CODES, WIDTH});
        shapes.put("freqs_cis", new long[] {L + 1, D / 2, 2});
        Map<String, Tensor> weights = new LinkedHashMap<>();
        shapes.forEach((name, shape) -> weights.put(
                name,
                Tensors.zeros(shape).normal_(0, 0.3, new Seed(3).child(name).optional())));
        return weights;
    }

    private Map<String, Object> imported(Map<String, Tensor> weights, String before, int size, String... overrides) {
        Path file = folder.resolve("weights.safetensors");
        Map<String, Tensor> named = new LinkedHashMap<>();
        weights.forEach((name, tensor) -> named.put(before + name, tensor));
        Scope.free(() -> TensorFile.write(file, named, Map.of()));
        return new ImportWeights(file, folder.resolve("run"), null, null, null, size, List.of(overrides)).run();
    }
}
