package dev.smalti.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.network.Parameters;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class MovingAverageTest {
    private final Parameters parameters = new Parameters(new Seed(1), Devices.cpu());
    private final Tensor weight = parameters.weight("w", Tensors.floats(1, 2));
    private final Tensor buffer = parameters.buffer("seen", Tensors.floats(0));

    @AfterEach
    void close() {
        parameters.close();
    }

    @Test
    void decays_by_what_is_smaller_of_its_decay_and_1_plus_n_over_10_plus_n() {
        try (MovingAverage average = new MovingAverage(parameters, 0.3)) {
            double expected = 1;
            for (int n = 0; n < 6; n++) {
                set(n + 3, n + 4, n);
                average.update();
                double decay = Math.min(0.3, (1.0 + n) / (10.0 + n));
                expected = decay * expected + (1 - decay) * (n + 3);
                assertThat(Tensors.toDoubles(average.tensors().get("w"))[0]).isCloseTo(expected, within(1e-5));
                assertThat(Tensors.toDoubles(average.tensors().get("seen"))).containsExactly(n);
            }
            assertThat(average.updates()).isEqualTo(6);
        }
    }

    @Test
    void takes_the_place_of_the_weights_and_gives_it_back() {
        try (MovingAverage average = new MovingAverage(parameters, 0.9)) {
            set(5, 6, 7);
            assertThatThrownBy(() -> average.with(() -> {
                        assertThat(Tensors.toFloats(weight)).containsExactly(1, 2);
                        assertThat(Tensors.toFloats(buffer)).containsExactly(0);
                        throw new IllegalStateException("on the way");
                    }))
                    .hasMessage("on the way");
            assertThat(Tensors.toFloats(weight)).containsExactly(5, 6);
            assertThat(Tensors.toFloats(buffer)).containsExactly(7);
            assertThat(Tensors.toFloats(average.tensors().get("w"))).containsExactly(1, 2);
        }
    }

    private void set(float first, float second, float seen) {
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                weight.copy_(Tensors.floats(first, second));
                buffer.copy_(Tensors.floats(seen));
            }
        });
    }
}
