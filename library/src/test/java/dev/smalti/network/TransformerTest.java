package dev.smalti.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.Arrays;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

class TransformerTest {
    private static final int K = 5;
    private static final int L = 4;

    @Test
    void has_the_76_8_million_weights_of_unleashing_transformers() {
        try (Parameters parameters = new Parameters(new Seed(1), Devices.cpu())) {
            new Transformer(
                    parameters,
                    new TransformerConfiguration(24, 512, 8, null),
                    new NetworkShape(16, 16, 1025, 1024, 0, 0));
            assertThat("%.1f".formatted(parameters.count() / 1e6)).isEqualTo("76.8");
        }
    }

    @Test
    void computes_the_same_logits_at_some_positions_as_everywhere() {
        try (Parameters parameters = new Parameters(new Seed(2), Devices.cpu())) {
            Transformer network = tiny(parameters, 0);
            Scope.free(() -> {
                Tensor xt = Tensors.longs(5, 0, 1, 5, 2, 3, 4, 5, 5, 5, 5, 5).view(3, L);
                Tensor label = Tensors.longs(0, 1, 2);
                double[] all = Tensors.toDoubles(network.logits(xt, null, label, null));
                for (long[] at : new long[][] {{0}, {3, 4}, {1, 2, 3, 11}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}}) {
                    double[] expected = Arrays.stream(at)
                            .boxed()
                            .flatMapToDouble(i -> Arrays.stream(all, (int) (i * K), (int) (i * K + K)))
                            .toArray();
                    assertThat(Tensors.toDoubles(network.logits(xt, null, label, Tensors.longs(at))))
                            .containsExactly(expected, within(1e-5));
                    parameters.training(true);
                    assertThat(Tensors.toDoubles(network.logits(xt, null, label, Tensors.longs(at))))
                            .containsExactly(expected, within(1e-5));
                    parameters.training(false);
                }
            });
        }
    }

    @Test
    void sees_every_token_and_the_class() {
        try (Parameters parameters = new Parameters(new Seed(2), Devices.cpu())) {
            Transformer network = tiny(parameters, 0);
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

    @Test
    void drops_activations_in_training_only() {
        try (Parameters parameters = new Parameters(new Seed(2), Devices.cpu())) {
            Transformer network = tiny(parameters, 0.5);
            Scope.free(() -> {
                assertThat(first(network, 0, 5, 0, 1, 2)).isEqualTo(first(network, 0, 5, 0, 1, 2));
                parameters.training(true);
                assertThat(first(network, 0, 5, 0, 1, 2)).isNotEqualTo(first(network, 0, 5, 0, 1, 2));
            });
        }
    }

    @Test
    void refuses_a_width_that_heads_do_not_divide() {
        assertThatThrownBy(() -> new TransformerConfiguration(2, 30, 4, null))
                .hasMessage("width must be a multiple of heads, got 30 and 4");
        assertThatThrownBy(() -> new TransformerConfiguration(0, 32, 4, null))
                .hasMessage("layers must be at least 1, got 0");
    }

    private static double[] first(Transformer network, long label, long... tokens) {
        Tensor all = network.logits(Tensors.longs(tokens).view(1, L), null, Tensors.longs(label), null);
        return Arrays.copyOf(Tensors.toDoubles(all), K);
    }

    private static Transformer tiny(Parameters parameters, double dropout) {
        Transformer network = new Transformer(
                parameters, new TransformerConfiguration(3, 12, 3, dropout), new NetworkShape(2, 2, K + 1, K, 2, 0));
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                parameters.weights().forEach((name, weight) -> {
                    if (!name.contains("ln")) {
                        weight.normal_(0, 0.5, new Seed(3).child(name).optional());
                    }
                });
            }
        });
        return network;
    }
}
