package dev.smalti.tokenizer.vqgan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.util.Arrays;
import java.util.function.DoubleUnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

class AdversarialLossTest {
    private static final float[] REAL = {2, -0.5f, 0.25f, 7};
    private static final float[] FAKE = {-3, 0.5f, -0.25f, 12};

    private static double mean(float[] values, DoubleUnaryOperator of) {
        double[] wide = new double[values.length];
        Arrays.setAll(wide, i -> values[i]);
        return Arrays.stream(wide).map(of).average().orElseThrow();
    }

    /** D(T(x)) of eq. 9b, a probability. */
    private static double probability(double output) {
        return 1 / (1 + Math.exp(-output));
    }

    private static double ofDiscriminator(AdversarialLoss loss) {
        return Scope.value(() ->
                loss.ofDiscriminator(Tensors.floats(REAL), Tensors.floats(FAKE)).item_double());
    }

    private static double ofAutoencoder(AdversarialLoss loss) {
        return Scope.value(() -> loss.ofAutoencoder(Tensors.floats(FAKE)).item_double());
    }

    @Test
    void the_printed_loss_is_equation_9b_which_one_player_raises_and_the_other_lowers() {
        double onReal = mean(REAL, d -> Math.log(probability(d)));
        double onFake = mean(FAKE, d -> Math.log1p(-probability(d)));
        assertThat(onFake).isLessThan(-3); // almost all of it of the last one
        assertThat(ofDiscriminator(AdversarialLoss.LOG)).isCloseTo(-(onReal + onFake), within(1e-5));
        assertThat(ofAutoencoder(AdversarialLoss.LOG)).isCloseTo(onFake, within(1e-5));
    }

    @Test
    void the_released_loss_is_the_hinge() {
        double hinge = mean(REAL, d -> Math.max(0, 1 - d)) + mean(FAKE, d -> Math.max(0, 1 + d));
        assertThat(ofDiscriminator(AdversarialLoss.HINGE)).isCloseTo(hinge / 2, within(1e-5));
        assertThat(ofAutoencoder(AdversarialLoss.HINGE)).isCloseTo(-mean(FAKE, d -> d), within(1e-5));
    }

    @Test
    void the_printed_loss_hardly_moves_a_reconstruction_that_the_discriminator_is_sure_is_none() {
        assertThat(slope(AdversarialLoss.LOG)).isCloseTo(-probability(-6), within(1e-6));
        assertThat(slope(AdversarialLoss.HINGE)).isEqualTo(-1);
    }

    /** Of the autoencoder's loss at an output of -6. */
    private static double slope(AdversarialLoss loss) {
        return Scope.value(() -> {
            Tensor output = Tensors.floats(-6).requires_grad_(true);
            loss.ofAutoencoder(output).backward();
            return output.grad().item_double();
        });
    }
}
