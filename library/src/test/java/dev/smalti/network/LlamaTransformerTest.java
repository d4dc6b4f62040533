package dev.smalti.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LlamaTransformerTest {
    private static final NetworkShape TOKENS = new NetworkShape(2, 3, 8, 7, 2, 0);
    private static final NetworkShape VECTORS = NetworkShape.ofVectors(2, 3, 5, 7, 2);

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void gives_some_positions_the_logits_that_they_have_among_all(boolean rotary) {
        Scope.free(() -> {
            try (Parameters parameters = new Parameters(new Seed(1), Devices.cpu());
                    NoGradGuard guard = new NoGradGuard()) {
                Denoiser network =
                        new LlamaTransformerConfiguration(2, 16, 2, rotary, null, null).build(parameters, TOKENS);
                wake(parameters);
                Tensor xt = Tensors.longs(0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3).view(2, 6);
                Tensor time = Tensors.floats(0.5f, 2f);
                Tensor all = network.logits(xt, time, Tensors.longs(0, 2), null); // [12, 7]
                Tensor some = network.logits(xt, time, Tensors.longs(0, 2), Tensors.longs(1, 6, 11));
                assertThat(Tensors.toDoubles(some))
                        .containsExactly(Tensors.toDoubles(all.index_select(0, Tensors.longs(1, 6, 11))), within(1e-6));
                assertThat(all.abs().max().item_double()).isGreaterThan(0.01);
            }
        });
    }

    @Test
    void starts_at_zero() {
        Scope.free(() -> {
            try (Parameters parameters = new Parameters(new Seed(1), Devices.cpu())) {
                Denoiser network = new LlamaTransformerConfiguration(1, 16, 2).build(parameters, TOKENS);
                Tensor logits = network.logits(Tensors.filled(3, 1, 6), Tensors.floats(1f), Tensors.longs(1), null);
                assertThat(Tensors.toDoubles(logits)).hasSize(6 * 7).containsOnly(0);
            }
        });
    }

    @Test
    void projects_vectors_through_a_bottleneck_and_has_none_for_tokens() {
        Scope.free(() -> {
            try (Parameters narrow = new Parameters(new Seed(1), Devices.cpu());
                    Parameters plain = new Parameters(new Seed(1), Devices.cpu());
                    Parameters none = new Parameters(new Seed(1), Devices.cpu())) {
                LlamaTransformerConfiguration configuration = new LlamaTransformerConfiguration(1, 16, 2);
                configuration.bottleneck(3).build(narrow, VECTORS);
                configuration.build(plain, VECTORS);
                assertThat(plain.count() - narrow.count()).isEqualTo(5 * 16 + 16 - (5 * 3 + 3 + 3 * 16 + 16));
                assertThatThrownBy(() -> configuration.bottleneck(3).build(none, TOKENS))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessage("bottleneck must be left out where tokens come in, which have no width, got 3");
            }
        });
        assertThatThrownBy(() -> new LlamaTransformerConfiguration(1, 16, 2).bottleneck(0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("bottleneck must be at least 1, got 0");
    }

    /** Layers that start at zero let nothing through. */
    private static void wake(Parameters parameters) {
        GeneratorOptional draw = new Seed(2).optional();
        parameters
                .weights()
                .values()
                .forEach(weight -> weight.add_(weight.mul(new Scalar(0.0)).normal_(0, 0.1, draw)));
    }
}
