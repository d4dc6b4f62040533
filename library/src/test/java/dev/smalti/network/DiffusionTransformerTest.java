package dev.smalti.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.network.DiffusionTransformerConfiguration.Positions;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class DiffusionTransformerTest {
    private static final NetworkShape SHAPE = new NetworkShape(2, 3, 6, 5, 2, 0);

    /** The published fixture has no classes, so that is left to the other tests. */
    private static DiffusionTransformer tiny(Parameters parameters, Positions positions, boolean learnt) {
        DiffusionTransformer network = new DiffusionTransformer(
                parameters, new DiffusionTransformerConfiguration(2, 16, 2, 8, positions, learnt, null), SHAPE);
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                parameters
                        .weights()
                        .forEach((name, weight) ->
                                weight.normal_(0, 0.4, new Seed(3).child(name).optional()));
            }
        });
        return network;
    }

    private static double[] logits(Denoiser network, double sigma, long label, long... tokens) {
        return Scope.value(() -> Tensors.toDoubles(network.logits(
                Tensors.longs(tokens).view(1, -1), Tensors.floats((float) sigma), Tensors.longs(label), null)));
    }

    @ParameterizedTest
    @EnumSource
    void sees_every_token_the_time_and_the_class(Positions positions) {
        try (Parameters parameters = new Parameters(new Seed(1), Devices.cpu())) {
            Denoiser network = tiny(parameters, positions, true);
            double[] before = logits(network, 0.5, 0, 0, 1, 2, 3, 4, 5);
            assertThat(logits(network, 0.5, 0, 0, 1, 2, 3, 4, 5)).isEqualTo(before);
            assertThat(logits(network, 0.6, 0, 0, 1, 2, 3, 4, 5)).isNotEqualTo(before);
            assertThat(logits(network, 0.5, 1, 0, 1, 2, 3, 4, 5)).isNotEqualTo(before);
            assertThat(logits(network, 0.5, 0, 0, 1, 2, 3, 4, 4)[0]).isNotEqualTo(before[0]);
        }
    }

    @ParameterizedTest
    @EnumSource
    void only_learnt_positions_tell_places_of_an_empty_grid_apart(Positions positions) {
        for (boolean learnt : new boolean[] {false, true}) {
            try (Parameters parameters = new Parameters(new Seed(1), Devices.cpu())) {
                double[] all = logits(tiny(parameters, positions, learnt), 0.5, 0, 5, 5, 5, 5, 5, 5);
                double apart = 0;
                for (int i = 0; i < 5; i++) {
                    apart = Math.max(apart, Math.abs(all[i] - all[25 + i]));
                }
                assertThat(apart > 1e-4).isEqualTo(learnt);
            }
        }
    }

    @Test
    void gives_the_same_logits_at_some_positions_as_everywhere() {
        try (Parameters parameters = new Parameters(new Seed(1), Devices.cpu())) {
            Denoiser network = tiny(parameters, Positions.ROTARY_2D, true);
            Scope.free(() -> {
                Tensor xt = Tensors.longs(0, 1, 2, 3, 4, 5, 5, 5, 5, 0, 0, 0).view(2, 6);
                Tensor time = Tensors.floats(0.2f, 3f);
                Tensor label = Tensors.longs(2, 1);
                Tensor at = Tensors.longs(1, 4, 6, 11);
                double[] expected =
                        Tensors.toDoubles(network.logits(xt, time, label, null).index_select(0, at));
                assertThat(Tensors.toDoubles(network.logits(xt, time, label, at)))
                        .containsExactly(expected, within(1e-5));
            });
        }
    }

    /** Products of rotated queries and keys: the same for all pairs of places that lie alike. */
    @Test
    void rotations_tell_only_how_far_apart_two_places_are() {
        try (Parameters parameters = new Parameters(new Seed(1), Devices.cpu())) {
            int height = 3;
            int width = 4;
            Rotary grid = Rotary.grid(parameters, height, width, 8);
            Rotary line = Rotary.line(parameters, 12, 8);
            Scope.free(() -> {
                Tensor q = torch.randn(1, 8).to(ScalarType.Float).expand(12, 8);
                Tensor k = torch.randn(1, 8).to(ScalarType.Float).expand(12, 8);
                double[] inGrid = Tensors.toDoubles(
                        torch.matmul(grid.turn(q), grid.turn(k).t()));
                double[] inLine = Tensors.toDoubles(
                        torch.matmul(line.turn(q), line.turn(k).t()));
                for (int a = 0; a < 12; a++) {
                    for (int b = 0; b < 12; b++) {
                        int dx = a % width - b % width;
                        int dy = a / width - b / width;
                        int from = Math.max(0, dy) * width + Math.max(0, dx); // the same way from another place
                        int to = Math.max(0, -dy) * width + Math.max(0, -dx);
                        assertThat(inGrid[a * 12 + b]).isCloseTo(inGrid[from * 12 + to], within(1e-4));
                        assertThat(inLine[a * 12 + b])
                                .isCloseTo(inLine[Math.max(0, a - b) * 12 + Math.max(0, b - a)], within(1e-4));
                    }
                }
                assertThat(inGrid[1]).isNotCloseTo(inGrid[width], within(1e-4)); // a column on, a row on
            });
        }
    }

    @Test
    void drops_weights_of_attention_in_training_only() {
        try (Parameters parameters = new Parameters(new Seed(2), Devices.cpu())) {
            Denoiser network = new DiffusionTransformer(
                    parameters, new DiffusionTransformerConfiguration(2, 16, 2, 8, null, null, null, 0.5), SHAPE);
            try (NoGradGuard guard = new NoGradGuard()) {
                parameters
                        .weights()
                        .forEach((name, weight) ->
                                weight.normal_(0, 0.3, new Seed(9).child(name).optional()));
            }
            double[] once = logits(network, 0.5, 0, 5, 0, 1, 5, 2, 3);
            assertThat(logits(network, 0.5, 0, 5, 0, 1, 5, 2, 3)).containsExactly(once);
            parameters.training(true);
            assertThat(logits(network, 0.5, 0, 5, 0, 1, 5, 2, 3)).isNotEqualTo(once);
        }
    }

    @Test
    void refuses_heads_that_rotations_cannot_turn() {
        assertThatThrownBy(() -> new DiffusionTransformerConfiguration(1, 12, 2, null, Positions.ROTARY_2D, null, null))
                .hasMessage("width / heads must be a multiple of 4 for rotary_2d, got 6");
        assertThatThrownBy(() -> new DiffusionTransformerConfiguration(1, 9, 3, null, null, null, null))
                .hasMessage("width / heads must be a multiple of 2 for rotary_1d, got 3");
    }
}
