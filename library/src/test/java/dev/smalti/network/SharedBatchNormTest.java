package dev.smalti.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.distributed.ThreadGroups;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

class SharedBatchNormTest {
    private static final int ITEMS = 4;

    /** Values, gradients of the input, of weight and bias, and running statistics. */
    private record Found(double[] y, double[] x, double[] weight, double[] bias, double[] mean, double[] variance) {}

    private static Found found(int first, int items, int members) {
        try (Parameters parameters = new Parameters(new Seed(1), Devices.cpu())) {
            BatchNorm norm = new BatchNorm(parameters, 3, 0.5);
            parameters.training(true);
            Tensor x = random(1).narrow(0, first, items).clone();
            x.set_requires_grad(true);
            Tensor y = norm.forward(x);
            y.mul(random(2).narrow(0, first, items))
                    .sum()
                    .div(new Scalar((double) ITEMS / members))
                    .backward();
            return new Found(
                    Tensors.toDoubles(y),
                    Tensors.toDoubles(x.grad()),
                    Tensors.toDoubles(parameters.weights().get("weight").grad()),
                    Tensors.toDoubles(parameters.weights().get("bias").grad()),
                    Tensors.toDoubles(parameters.all().get("running_mean")),
                    Tensors.toDoubles(parameters.all().get("running_var")));
        }
    }

    private static Tensor random(long seed) {
        return Tensors.uniform(new Seed(seed).generator(), ITEMS, 3, 2, 5).to(ScalarType.Float);
    }

    @Test
    void two_members_normalise_and_learn_as_one() throws Exception {
        Found whole = Scope.value(() -> found(0, ITEMS, 1));
        List<Found> halves = ThreadGroups.run(2, rank -> found(rank * ITEMS / 2, ITEMS / 2, 2));
        for (int rank = 0; rank < 2; rank++) {
            for (int i = 0; i < whole.y().length / 2; i++) {
                int at = rank * whole.y().length / 2 + i;
                assertThat(halves.get(rank).y()[i]).isCloseTo(whole.y()[at], within(1e-5));
                assertThat(halves.get(rank).x()[i] / 2).isCloseTo(whole.x()[at], within(1e-5));
            }
            assertThat(halves.get(rank).mean()).containsExactly(whole.mean(), within(1e-6));
            assertThat(halves.get(rank).variance()).containsExactly(whole.variance(), within(1e-6));
        }
        for (int c = 0; c < 3; c++) {
            assertThat((halves.get(0).weight()[c] + halves.get(1).weight()[c]) / 2)
                    .isCloseTo(whole.weight()[c], within(1e-5));
            assertThat((halves.get(0).bias()[c] + halves.get(1).bias()[c]) / 2)
                    .isCloseTo(whole.bias()[c], within(1e-5));
        }
    }
}
