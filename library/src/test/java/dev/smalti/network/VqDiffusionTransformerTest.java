package dev.smalti.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.network.VqDiffusionTransformerConfiguration.Positions;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.Arrays;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class VqDiffusionTransformerTest {
    private static final int K = 5;
    private static final int L = 6;

    /**
     * The paper of VQ-LCMD counts 56 M and 246 M weights in this network where vectors of 256 numbers come in in place
     * of tokens: a linear layer and 1024 vectors for the tokens and positions here, and no weights in plain
     * normalisation.
     */
    @Test
    void has_the_56_05_and_246_4_million_weights_of_vq_lcmd_but_for_what_comes_in() {
        long small = count(15, 512, 8, 0);
        long large = count(24, 768, 16, 1000);
        assertThat("%.2f".formatted((small + embedded(512) - 15 * 2 * 512) / 1e6))
                .isEqualTo("56.05");
        assertThat("%.1f".formatted((large + embedded(768)) / 1e6)).isEqualTo("246.4");
        assertThat("%.1f".formatted(small / 1e6)).isEqualTo("56.2");
        assertThat("%.1f".formatted(large / 1e6)).isEqualTo("246.8");
    }

    private static long embedded(long width) {
        return 256 * width + width + 1024 * 256 - (1025 + 16 + 16) * width;
    }

    private static long count(int layers, int width, int heads, int classes) {
        try (Parameters parameters = new Parameters(new Seed(1), Devices.cpu())) {
            new VqDiffusionTransformer(
                    parameters,
                    new VqDiffusionTransformerConfiguration(layers, width, heads, false, null, null, null),
                    new NetworkShape(16, 16, 1025, 1024, classes, 0));
            return parameters.count();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void computes_the_same_logits_at_some_positions_as_everywhere(boolean convolution) {
        try (Parameters parameters = new Parameters(new Seed(2), Devices.cpu())) {
            VqDiffusionTransformer network = tiny(parameters, convolution, 10, 2, 0);
            Scope.free(() -> {
                Tensor xt = Tensors.longs(5, 0, 1, 5, 2, 3, 4, 5, 5, 5, 5, 5).view(2, L);
                Tensor time = Tensors.floats(0, 9);
                Tensor label = Tensors.longs(0, 2);
                double[] all = Tensors.toDoubles(network.logits(xt, time, label, null));
                for (long[] at : new long[][] {{0}, {1, 2, 3, 11}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}}) {
                    double[] expected = Arrays.stream(at)
                            .boxed()
                            .flatMapToDouble(i -> Arrays.stream(all, (int) (i * K), (int) (i * K + K)))
                            .toArray();
                    assertThat(Tensors.toDoubles(network.logits(xt, time, label, Tensors.longs(at))))
                            .containsExactly(expected, within(1e-5));
                }
            });
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {10, 0})
    void sees_every_token_its_place_the_time_and_the_class(int times) {
        try (Parameters parameters = new Parameters(new Seed(2), Devices.cpu())) {
            VqDiffusionTransformer network = tiny(parameters, false, times, 2, 0);
            Scope.free(() -> {
                Tensor xt = Tensors.longs(5, 0, 1, 5, 2, 3).view(1, L);
                double[] before = first(network, xt, times == 0 ? 0.1 : 1, 0);
                for (int i = 0; i < L; i++) {
                    Tensor other = xt.clone();
                    other.select(1, i).fill_(new Scalar(4L));
                    assertThat(apart(first(network, other, times == 0 ? 0.1 : 1, 0), before))
                            .isGreaterThan(1e-3);
                }
                Tensor swapped = Tensors.longs(5, 1, 0, 5, 2, 3).view(1, L);
                assertThat(apart(first(network, swapped, times == 0 ? 0.1 : 1, 0), before))
                        .isGreaterThan(1e-3);
                assertThat(apart(first(network, xt, times == 0 ? 0.5 : 7, 0), before))
                        .isGreaterThan(1e-3);
                assertThat(apart(first(network, xt, times == 0 ? 0.1 : 1, 2), before))
                        .isGreaterThan(1e-3);
            });
        }
    }

    @Test
    void takes_no_time_for_time_0_where_time_is_continuous() {
        try (Parameters parameters = new Parameters(new Seed(2), Devices.cpu())) {
            VqDiffusionTransformer network = tiny(parameters, false, 0, 0, 0);
            Scope.free(() -> {
                Tensor xt = Tensors.longs(5, 0, 1, 5, 2, 3).view(1, L);
                assertThat(Tensors.toDoubles(network.logits(xt, null, null, null)))
                        .containsExactly(Tensors.toDoubles(network.logits(xt, Tensors.floats(0), null, null)));
            });
        }
    }

    @Test
    void drops_activations_in_training_only() {
        try (Parameters parameters = new Parameters(new Seed(2), Devices.cpu())) {
            VqDiffusionTransformer network = tiny(parameters, true, 10, 0, 0.5);
            Scope.free(() -> {
                Tensor xt = Tensors.longs(5, 0, 1, 5, 2, 3).view(1, L);
                double[] once = first(network, xt, 1, -1);
                assertThat(first(network, xt, 1, -1)).containsExactly(once);
                parameters.training(true);
                assertThat(apart(first(network, xt, 1, -1), first(network, xt, 1, -1)))
                        .isGreaterThan(1e-3);
            });
        }
    }

    @Test
    void drops_weights_of_attention_in_training_only() {
        try (Parameters parameters = new Parameters(new Seed(2), Devices.cpu())) {
            VqDiffusionTransformer network = with(parameters, 0.5, null, null);
            Scope.free(() -> {
                Tensor xt = Tensors.longs(5, 0, 1, 5, 2, 3).view(1, L);
                double[] once = first(network, xt, 1, -1);
                assertThat(first(network, xt, 1, -1)).containsExactly(once);
                parameters.training(true);
                assertThat(apart(first(network, xt, 1, -1), first(network, xt, 1, -1)))
                        .isGreaterThan(1e-3);
            });
        }
    }

    @Test
    void positions_may_be_sines_and_cosines_of_the_place_in_raster_order_which_are_not_learnt() {
        try (Parameters sines = new Parameters(new Seed(2), Devices.cpu());
                Parameters learnt = new Parameters(new Seed(2), Devices.cpu())) {
            VqDiffusionTransformer network = with(sines, null, Positions.SINUSOIDAL, null);
            with(learnt, null, null, null);
            assertThat(learnt.count() - sines.count()).isEqualTo((2 + 3) * 16); // rows and columns of width 16
            Scope.free(() -> {
                double[] table = Tensors.toDoubles(VqDiffusionTransformer.sines(6, 4));
                for (int i = 0; i < 6; i++) {
                    double[] place = {Math.sin(i), Math.cos(i), Math.sin(i / 100.0), Math.cos(i / 100.0)};
                    assertThat(Arrays.copyOfRange(table, 4 * i, 4 * i + 4)).containsExactly(place, within(1e-6));
                }
                double[] before = first(network, Tensors.longs(5, 0, 1, 5, 2, 3).view(1, L), 0.1, -1);
                double[] swapped =
                        first(network, Tensors.longs(5, 1, 0, 5, 2, 3).view(1, L), 0.1, -1);
                assertThat(apart(before, swapped)).isGreaterThan(1e-3);
            });
        }
    }

    @Test
    void a_smaller_scale_of_time_is_a_longer_time() {
        try (Parameters usual = new Parameters(new Seed(2), Devices.cpu());
                Parameters scaled = new Parameters(new Seed(2), Devices.cpu())) {
            VqDiffusionTransformer network = with(usual, null, null, null);
            VqDiffusionTransformer slower = with(scaled, null, null, 1000.0);
            Scope.free(() -> {
                Tensor xt = Tensors.longs(5, 0, 1, 5, 2, 3).view(1, L);
                assertThat(first(slower, xt, 0.5, -1)).containsExactly(first(network, xt, 0.125, -1));
                assertThat(apart(first(slower, xt, 0.5, -1), first(network, xt, 0.5, -1)))
                        .isGreaterThan(1e-3);
            });
        }
    }

    private static VqDiffusionTransformer with(
            Parameters parameters, Double attentionDropout, Positions positions, Double timeScale) {
        return new VqDiffusionTransformer(
                parameters,
                new VqDiffusionTransformerConfiguration(
                        2, 16, 2, false, null, null, 0.3, attentionDropout, positions, timeScale),
                new NetworkShape(2, 3, 6, K, 0, 0));
    }

    @Test
    void refuses_sizes_that_do_not_fit() {
        assertThatThrownBy(
                        () -> new VqDiffusionTransformerConfiguration(2, 8, 2, null, null, null, null, 1.0, null, null))
                .hasMessage("attention_dropout must be in [0, 1), got 1.0");
        assertThatThrownBy(
                        () -> new VqDiffusionTransformerConfiguration(2, 8, 2, null, null, null, null, null, null, 0.0))
                .hasMessage("time_scale must be above 0, got 0.0");
        assertThatThrownBy(() -> new VqDiffusionTransformerConfiguration(0, 8, 2, null, null, null, null))
                .hasMessage("layers must be at least 1, got 0");
        assertThatThrownBy(() -> new VqDiffusionTransformerConfiguration(1, 9, 3, null, null, null, null))
                .hasMessage("width must be even and a multiple of heads, got 9 and 3");
        assertThatThrownBy(() -> new VqDiffusionTransformerConfiguration(1, 8, 2, null, 0, null, null))
                .hasMessage("expansion must be at least 1, got 0");
        assertThatThrownBy(() -> new VqDiffusionTransformerConfiguration(1, 8, 2, null, null, 1.0, null))
                .hasMessage("dropout must be in [0, 1), got 1.0");
        assertThatThrownBy(() -> new VqDiffusionTransformerConfiguration(1, 8, 2, null, null, null, 0.0))
                .hasMessage("deviation must be above 0, got 0.0");
    }

    private static VqDiffusionTransformer tiny(
            Parameters parameters, boolean convolution, int times, int classes, double dropout) {
        return new VqDiffusionTransformer(
                parameters,
                new VqDiffusionTransformerConfiguration(2, 16, 2, convolution, 2, dropout, 0.5),
                new NetworkShape(2, 3, K + 1, K, classes, times));
    }

    /** Logits of the first position; label -1 for none. */
    private static double[] first(VqDiffusionTransformer network, Tensor xt, double time, long label) {
        Tensor labels = label < 0 ? null : Tensors.longs(label);
        return Tensors.toDoubles(network.logits(xt, Tensors.floats((float) time), labels, Tensors.longs(0)));
    }

    private static double apart(double[] a, double[] b) {
        double most = 0;
        for (int i = 0; i < a.length; i++) {
            most = Math.max(most, Math.abs(a[i] - b[i]));
        }
        return most;
    }
}
