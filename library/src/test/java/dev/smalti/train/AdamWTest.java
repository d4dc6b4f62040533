package dev.smalti.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.network.Parameters;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.List;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class AdamWTest {
    private static final float[] START = {1, -2, 0.5f, 3, -0.1f};
    private static final float[][] GRADIENTS = {
        {0.3f, -0.2f, 0.01f, 5, 0},
        {-0.1f, -0.4f, 0.02f, -1, 0.2f},
        {0.2f, 0.7f, -0.5f, 0.3f, 1e-4f},
        {0.6f, 0, -0.5f, 2, -3}
    };
    private static final double[] RATES = {0.01, 0.02, 0.005, 0.01};
    private static final double BETA1 = 0.9;
    private static final double BETA2 = 0.95;
    private static final double DECAY = 0.1;

    private final Parameters parameters = new Parameters(new Seed(1), Devices.cpu());
    private final Tensor weight = parameters.weight("w", Tensors.floats(START));
    private final Tensor other = parameters.weight("other", Tensors.floats(7, 8));

    @AfterEach
    void close() {
        parameters.close();
    }

    /** With the betas exchanged the first step is the same, but for rounding, and the second is not. */
    @Test
    void takes_the_steps_of_the_textbook() {
        double[] expected = new double[START.length];
        double[] m = new double[START.length];
        double[] v = new double[START.length];
        for (int i = 0; i < START.length; i++) {
            expected[i] = START[i];
        }
        try (AdamW adam = new AdamW(parameters, List.of(BETA1, BETA2), DECAY)) {
            for (int step = 0; step < GRADIENTS.length; step++) {
                textbook(expected, m, v, GRADIENTS[step], RATES[step], step + 1);
                gradient(weight, GRADIENTS[step]);
                adam.step(RATES[step]);
                adam.clearGradients();
                assertThat(Tensors.toDoubles(weight)).as("step " + step).containsExactly(expected, within(1e-6));
            }
            assertThat(Tensors.toDoubles(adam.state().get("exp_avg.w"))).containsExactly(m, within(1e-6));
            assertThat(Tensors.toDoubles(adam.state().get("exp_avg_sq.w"))).containsExactly(v, within(1e-6));
            assertThat(Tensors.toDoubles(adam.state().get("step.w"))).containsExactly(GRADIENTS.length);
        }
    }

    @Test
    void a_step_shows_in_the_versions_of_the_weights_it_changes() {
        try (AdamW adam = new AdamW(parameters, List.of(BETA1, BETA2), DECAY)) {
            long before = weight._version();
            long still = other._version();
            gradient(weight, GRADIENTS[0]);
            adam.step(RATES[0]);
            assertThat(weight._version()).isGreaterThan(before);
            assertThat(other._version()).isEqualTo(still);
        }
    }

    private static void textbook(double[] w, double[] m, double[] v, float[] g, double rate, int t) {
        for (int i = 0; i < w.length; i++) {
            m[i] = BETA1 * m[i] + (1 - BETA1) * g[i];
            v[i] = BETA2 * v[i] + (1 - BETA2) * g[i] * g[i];
            double mHat = m[i] / (1 - Math.pow(BETA1, t));
            double vHat = v[i] / (1 - Math.pow(BETA2, t));
            w[i] -= rate * DECAY * w[i];
            w[i] -= rate * mHat / (Math.sqrt(vHat) + 1e-8);
        }
    }

    @Test
    void leaves_weights_without_a_gradient_alone() {
        try (AdamW adam = new AdamW(parameters, List.of(BETA1, BETA2), DECAY)) {
            adam.step(0.1); // none at all
            assertThat(Tensors.toFloats(weight)).isEqualTo(START);
            gradient(weight, GRADIENTS[0]);
            adam.step(0.1);
            assertThat(Tensors.toFloats(weight)).isNotEqualTo(START);
            assertThat(Tensors.toFloats(other)).containsExactly(7, 8);
            assertThat(Tensors.toDoubles(adam.state().get("step.other"))).containsExactly(0);
        }
    }

    @Test
    void changes_nothing_where_the_device_says_that_something_is_flawed() {
        try (AdamW adam = new AdamW(parameters, List.of(BETA1, BETA2), DECAY)) {
            gradient(weight, GRADIENTS[0]);
            Scope.free(() -> adam.step(0.1, Tensors.floats(1)));
            assertThat(Tensors.toFloats(weight)).isEqualTo(START);
            assertThat(Tensors.toDoubles(adam.state().get("step.w"))).containsExactly(0);
            Scope.free(() -> adam.step(0.1, Tensors.floats(0)));
            assertThat(Tensors.toFloats(weight)).isNotEqualTo(START);
            assertThat(Tensors.toDoubles(adam.state().get("step.w"))).containsExactly(1);
        }
    }

    @Test
    void clips_the_norm_of_all_gradients_together() {
        try (AdamW adam = new AdamW(parameters, List.of(BETA1, BETA2), DECAY)) {
            gradient(weight, 2, 0, 0, 0, 4);
            gradient(other, 4, 0);
            assertThat(norm(adam, 1.5)).isCloseTo(6, within(1e-5)); // √(4 + 16 + 16)
            assertThat(Tensors.toDoubles(Scope.keep(weight::grad)))
                    .containsExactly(new double[] {0.5, 0, 0, 0, 1}, within(1e-5));
            assertThat(Tensors.toDoubles(Scope.keep(other::grad))).containsExactly(new double[] {1, 0}, within(1e-5));
            assertThat(norm(adam, 100)).isCloseTo(1.5, within(1e-5));
            assertThat(Tensors.toDoubles(Scope.keep(other::grad))).containsExactly(new double[] {1, 0}, within(1e-5));
        }
    }

    @Test
    void measures_the_norm_and_clips_nothing_without_a_limit() {
        try (AdamW adam = new AdamW(parameters, List.of(BETA1, BETA2), DECAY)) {
            assertThat(norm(adam, 0)).as("without gradients").isZero();
            gradient(other, 3e10f, 4e10f);
            assertThat(norm(adam, 0)).isCloseTo(5e10, within(1e5));
            assertThat(Tensors.toFloats(Scope.keep(other::grad))).containsExactly(3e10f, 4e10f);
        }
    }

    @Test
    void keeps_the_handle_count() {
        Scope.free(() -> {
            try (AdamW adam = new AdamW(parameters, List.of(BETA1, BETA2), DECAY)) {
                once(adam);
                System.gc();
                long before = Pointer.totalCount();
                for (int i = 0; i < 50; i++) {
                    once(adam);
                }
                assertThat(Pointer.totalCount()).isLessThanOrEqualTo(before);
            }
        });
    }

    @Test
    void clips_as_libtorch_does_to_the_bit() {
        try (AdamW adam = new AdamW(parameters, List.of(BETA1, BETA2), DECAY)) {
            for (float[] each : GRADIENTS) {
                gradient(weight, each);
                gradient(other, 0.3f, -0.7f);
                Tensor[] expected = {
                    Scope.keep(() -> weight.grad().clone()),
                    Scope.keep(() -> other.grad().clone())
                };
                double norm = Scope.value(() -> {
                    expected[0].mutable_grad().put(expected[0].clone());
                    expected[1].mutable_grad().put(expected[1].clone());
                    return torch.clip_grad_norm_(new TensorVector(expected), 0.7);
                });
                assertThat(norm(adam, 0.7)).isEqualTo(norm);
                assertThat(Tensors.toFloats(Scope.keep(weight::grad)))
                        .isEqualTo(Tensors.toFloats(Scope.keep(expected[0]::grad)));
                assertThat(Tensors.toFloats(Scope.keep(other::grad)))
                        .isEqualTo(Tensors.toFloats(Scope.keep(expected[1]::grad)));
                adam.clearGradients();
            }
        }
    }

    private static double norm(AdamW adam, double most) {
        return Scope.value(() -> adam.clip(most).item_double());
    }

    private void once(AdamW adam) {
        gradient(weight, GRADIENTS[0]);
        norm(adam, 1);
        adam.step(0.01);
        adam.clearGradients();
    }

    /** As a backward pass would leave it. */
    private static void gradient(Tensor weight, float... values) {
        Scope.free(() -> weight.mul(Tensors.floats(values)).sum().backward());
    }
}
