package dev.smalti.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HaltonTransformerTest {
    private static final int K = 5;
    private static final int L = 4;

    /** With LlamaGen's 16,384 codes and the mask, 1,000 classes; the large one's 480.0 million are those for 24 × 24 tokens. */
    @ParameterizedTest
    @CsvSource({
        "6, 384, 6, 16, 23.0",
        "12, 512, 6, 16, 69.3",
        "12, 768, 12, 16, 142.2",
        "24, 1024, 16, 16, 479.7",
        "24, 1024, 16, 24, 480.0"
    })
    void has_the_weights_of_the_published_sizes(int layers, int width, int heads, int side, String millions) {
        long one = weights(1, width, heads, side, 16384);
        long layer = weights(2, width, heads, 1, 1) - weights(1, width, heads, 1, 1);
        assertThat("%.1f".formatted((one + (layers - 1) * layer) / 1e6)).isEqualTo(millions);
    }

    private static long weights(int layers, int width, int heads, int side, int codes) {
        try (Parameters parameters = new Parameters(new Seed(1), Devices.cpu())) {
            NetworkShape shape = new NetworkShape(side, side, codes + 1L, codes, 1000, 0);
            new HaltonTransformer(parameters, new HaltonTransformerConfiguration(layers, width, heads), shape);
            return parameters.count();
        }
    }

    @Test
    void computes_the_same_logits_at_some_positions_as_everywhere() {
        for (int patch : new int[] {1, 2}) {
            try (Parameters parameters = new Parameters(new Seed(2), Devices.cpu())) {
                HaltonTransformer network = tiny(parameters, patch, 2, 0);
                Scope.free(() -> {
                    Tensor xt =
                            Tensors.longs(5, 0, 1, 5, 2, 3, 4, 5, 5, 5, 5, 5).view(3, L);
                    Tensor label = Tensors.longs(0, 1, 2);
                    double[] all = Tensors.toDoubles(network.logits(xt, null, label, null));
                    assertThat(all).hasSize(3 * L * K);
                    for (long[] at :
                            new long[][] {{0}, {3, 4}, {1, 2, 3, 11}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}}) {
                        double[] expected = Arrays.stream(at)
                                .boxed()
                                .flatMapToDouble(i -> Arrays.stream(all, (int) (i * K), (int) (i * K + K)))
                                .toArray();
                        for (boolean training : new boolean[] {false, true}) {
                            parameters.training(training);
                            assertThat(Tensors.toDoubles(network.logits(xt, null, label, Tensors.longs(at))))
                                    .containsExactly(expected, within(1e-5));
                        }
                        parameters.training(false);
                    }
                });
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void sees_every_token_and_the_class(int patch) {
        try (Parameters parameters = new Parameters(new Seed(2), Devices.cpu())) {
            HaltonTransformer network = tiny(parameters, patch, 1, 0);
            Scope.free(() -> {
                double[] before = first(network, 0, 5, 0, 1, 2);
                for (long[] other : new long[][] {{5, 3, 1, 2}, {5, 0, 4, 2}, {5, 0, 1, 3}}) {
                    assertThat(first(network, 0, other)).isNotEqualTo(before);
                }
                assertThat(first(network, 1, 5, 0, 1, 2)).isNotEqualTo(before);
                assertThat(first(network, 0, 5, 0, 1, 2)).isEqualTo(before);
            });
        }
    }

    /** Blocks begin as the identity, so that only tokens of one patch see one another. */
    @Test
    void merges_the_tokens_of_a_patch_and_puts_each_back_in_its_place() {
        try (Parameters parameters = new Parameters(new Seed(2), Devices.cpu())) {
            HaltonTransformer network = new HaltonTransformer(
                    parameters,
                    new HaltonTransformerConfiguration(2, 12, 3, 16, 1, 2, null),
                    new NetworkShape(4, 6, K + 1, K, 0, 0));
            Map<String, String> shapes = new TreeMap<>();
            parameters.weights().forEach((name, weight) -> shapes.put(name, Dims.text(Dims.of(weight))));
            assertThat(shapes)
                    .containsEntry("in_proj.weight", "[12, 12, 2, 2]")
                    .containsEntry("out_proj.weight", "[48, 12, 1, 1]")
                    .containsEntry("pos_emb.weight", "[24, 12]");
            Scope.free(() -> {
                Tensor xt = torch.zeros(new long[] {1, 24}, Tensors.options(ScalarType.Long));
                Tensor before = network.logits(xt, null, null, null);
                for (int cell = 0; cell < 24; cell++) {
                    Tensor other = xt.index_fill(1, Tensors.longs(cell), new Scalar(3L));
                    Tensor change = network.logits(other, null, null, null).sub(before);
                    long[] changed = Tensors.toLongs(
                            change.abs().sum(1).gt(new Scalar(1e-7)).nonzero().squeeze(1));
                    int corner = cell / 12 * 12 + cell % 6 / 2 * 2;
                    assertThat(changed).containsExactly(corner, corner + 1, corner + 6, corner + 7);
                }
            });
        }
    }

    /** out_proj of one patch's channel c·4 + 2i + j, in row i and column j of the patch. */
    @Test
    void splits_a_patch_row_by_row() {
        try (Parameters parameters = new Parameters(new Seed(2), Devices.cpu())) {
            HaltonTransformer network = new HaltonTransformer(
                    parameters,
                    new HaltonTransformerConfiguration(1, 4, 1, 16, 1, 2, null),
                    new NetworkShape(2, 2, K + 1, K, 0, 0));
            Scope.free(() -> {
                try (NoGradGuard guard = new NoGradGuard()) {
                    Tensor weight = parameters.weights().get("out_proj.weight"); // [16, 4, 1, 1]
                    Tensor xt = Tensors.longs(0, 1, 2, 3).view(1, 4);
                    for (int place = 0; place < 4; place++) {
                        weight.normal_(0, 1, new Seed(place).optional());
                        Tensor before = network.logits(xt, null, null, null); // [4, K]
                        weight.view(4, 4, 4).select(1, place).mul_(new Scalar(-1.0)); // of all c
                        Tensor change = network.logits(xt, null, null, null).sub(before);
                        long[] changed = Tensors.toLongs(change.abs()
                                .sum(1)
                                .gt(new Scalar(1e-7))
                                .nonzero()
                                .squeeze(1));
                        assertThat(changed).containsExactly(place);
                    }
                }
            });
        }
    }

    @Test
    void drops_activations_in_training_only() {
        try (Parameters parameters = new Parameters(new Seed(2), Devices.cpu())) {
            HaltonTransformer network = tiny(parameters, 1, 1, 0.5);
            Scope.free(() -> {
                assertThat(first(network, 0, 5, 0, 1, 2)).isEqualTo(first(network, 0, 5, 0, 1, 2));
                parameters.training(true);
                assertThat(first(network, 0, 5, 0, 1, 2)).isNotEqualTo(first(network, 0, 5, 0, 1, 2));
            });
        }
    }

    /** As in bfloat16 on a CPU, where libtorch's fused kernel is the slower one. */
    @Test
    void mixes_the_same_in_float64_without_the_fused_kernel() {
        Scope.free(() -> {
            Tensor q = torch.rand(new long[] {2, 3, 4, 5}, new Seed(1).optional(), Tensors.options(ScalarType.Float));
            Tensor kv =
                    torch.rand(new long[] {2, 2, 3, 7, 5}, new Seed(2).optional(), Tensors.options(ScalarType.Float));
            double[] fused = Tensors.toDoubles(Attention.mix(q, kv.select(0, 0), kv.select(0, 1), 0));
            Tensor wide = kv.to(ScalarType.Double);
            assertThat(Tensors.toDoubles(
                            Attention.mix(q.to(ScalarType.Double), wide.select(0, 0), wide.select(0, 1), 0)))
                    .containsExactly(fused, within(1e-6));
        });
    }

    @Test
    void refuses_sizes_that_make_no_network() {
        assertThatThrownBy(() -> new HaltonTransformerConfiguration(0, 32, 4))
                .hasMessage("layers must be at least 1, got 0");
        assertThatThrownBy(() -> new HaltonTransformerConfiguration(1, 3, 4))
                .hasMessage("heads must be at least 1 and at most the width, got 4 and 3");
        assertThatThrownBy(() -> new HaltonTransformerConfiguration(1, 8, 4, 0, null, null, null))
                .hasMessage("feed_forward must be at least 1, got 0");
        assertThatThrownBy(() -> new HaltonTransformerConfiguration(1, 8, 4, null, -1, null, null))
                .hasMessage("registers must be at least 0, got -1");
        assertThatThrownBy(() -> new HaltonTransformerConfiguration(1, 8, 4, null, null, 3, null))
                .hasMessage("patch must be 1 or 2, got 3");
        assertThatThrownBy(() -> new HaltonTransformerConfiguration(1, 8, 4, null, null, null, 1.0))
                .hasMessage("dropout must be in [0, 1), got 1.0");
        HaltonTransformerConfiguration merging = new HaltonTransformerConfiguration(1, 8, 4, null, null, 2, null);
        HaltonTransformerConfiguration plain = new HaltonTransformerConfiguration(1, 8, 4);
        try (Parameters parameters = new Parameters(new Seed(2), Devices.cpu())) {
            assertThatThrownBy(() -> merging.build(parameters, new NetworkShape(2, 3, K + 1, K, 0, 0)))
                    .hasMessage("patch 2 needs an even grid, got 2 × 3");
            assertThatThrownBy(() -> plain.build(parameters, new NetworkShape(2, 2, K, K + 1, 0, 0)))
                    .hasMessage("outputs must be at most the inputs, whose embedding is the head, got 6 and 5");
        }
    }

    private static double[] first(HaltonTransformer network, long label, long... tokens) {
        Tensor all = network.logits(Tensors.longs(tokens).view(1, L), null, Tensors.longs(label), null);
        return Arrays.copyOf(Tensors.toDoubles(all), K);
    }

    private static HaltonTransformer tiny(Parameters parameters, int patch, int registers, double dropout) {
        HaltonTransformer network = new HaltonTransformer(
                parameters,
                new HaltonTransformerConfiguration(3, 13, 3, 16, registers, patch, dropout),
                new NetworkShape(2, 2, K + 1, K, 2, 0));
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                parameters.weights().forEach((name, weight) -> {
                    if (!name.contains("ln") && !name.contains("norm_final")) {
                        weight.normal_(0, 0.3, new Seed(3).child(name).optional());
                    }
                });
            }
        });
        return network;
    }
}
