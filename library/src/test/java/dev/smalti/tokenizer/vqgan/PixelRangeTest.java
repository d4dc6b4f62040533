package dev.smalti.tokenizer.vqgan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.network.Loss;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.tokenizer.quantize.CodebookConfiguration;
import java.util.List;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

class PixelRangeTest {
    private static final int SIZE = 16;
    private static final Seed SEED = new Seed(5);

    /** With the same weights whatever the range. */
    private static Vqgan vqgan(PixelRange range, AdversarialLoss loss) {
        return new Vqgan(
                new VqganConfiguration(
                        SIZE,
                        8,
                        List.of(1, 1),
                        1,
                        1,
                        null,
                        2,
                        null,
                        null,
                        true,
                        new CodebookConfiguration(32, 8, null, new CodebookConfiguration.Gradient(false)),
                        new AdversarialConfiguration(0, 1.0, 1e4, 8, 1, true, loss),
                        true,
                        null,
                        range),
                new Seed(23),
                Devices.cpu());
    }

    /** Two images of waves, in [-1, 1]. */
    private static Tensor images() {
        float[] values = new float[2 * 3 * SIZE * SIZE];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (0.8 * Math.sin(0.37 * i));
        }
        return Tensors.floats(values).view(2, 3, SIZE, SIZE);
    }

    private static Tensor halved(Tensor images) {
        return images.add(new Scalar(1.0)).mul(new Scalar(0.5));
    }

    private static double most(Tensor one, Tensor other) {
        return one.sub(other).abs().max().item_double();
    }

    @Test
    void a_network_of_the_unit_range_sees_and_makes_images_between_0_and_1() {
        try (Vqgan signed = vqgan(PixelRange.SIGNED, null);
                Vqgan unit = vqgan(PixelRange.UNIT, null);
                NoGradGuard guard = new NoGradGuard()) {
            Scope.free(() -> {
                Tensor codes = unit.encode(images());
                assertThat(codes.equal(signed.encode(halved(images())))).isTrue();
                assertThat(most(halved(unit.decode(codes)), signed.decode(codes)))
                        .isLessThan(1e-6);
            });
        }
    }

    @Test
    void both_players_are_trained_in_it() {
        try (Vqgan signed = vqgan(PixelRange.SIGNED, null);
                Vqgan unit = vqgan(PixelRange.UNIT, null)) {
            Scope.free(() -> {
                for (int player = 0; player < 2; player++) {
                    Loss inside = signed.objectives().get(player).loss(halved(images()), 0, SEED);
                    Loss outside = unit.objectives().get(player).loss(images(), 0, SEED);
                    for (String measure : List.of("reconstruction", "generator", "logits_real")) {
                        if (inside.measures().containsKey(measure)) {
                            assertThat(outside.measures().get(measure).item_double())
                                    .as(measure)
                                    .isCloseTo(inside.measures().get(measure).item_double(), within(1e-6));
                        }
                    }
                }
            });
        }
    }

    /** A value's density is half as high on twice the width. */
    @Test
    void the_density_of_pixels_is_that_of_images_between_minus_1_and_1() {
        try (Vqgan signed = vqgan(PixelRange.SIGNED, null);
                Vqgan unit = vqgan(PixelRange.UNIT, null);
                NoGradGuard guard = new NoGradGuard()) {
            Scope.free(() -> {
                Tensor codes = unit.encode(images());
                double wider = 3.0 * SIZE * SIZE * Math.log(2);
                Tensor expected = signed.pixelNats(halved(images()), codes).add(new Scalar(wider));
                assertThat(most(unit.pixelNats(images(), codes), expected)).isLessThan(1e-3);
            });
        }
    }

    /** Else pixels would weigh twice as much beside the perceptual distance as in training. */
    @Test
    void what_decides_which_checkpoint_is_the_best_is_compared_in_it() {
        try (Vqgan signed = vqgan(PixelRange.SIGNED, null);
                Vqgan unit = vqgan(PixelRange.UNIT, null)) {
            Scope.free(() -> {
                Tensor back = images().mul(new Scalar(0.5));
                assertThat(most(unit.distortion(images(), back), signed.distortion(halved(images()), halved(back))))
                        .isLessThan(1e-6);
            });
        }
    }

    @Test
    void the_players_play_for_the_loss_that_was_asked_for() {
        try (Vqgan hinge = vqgan(null, AdversarialLoss.HINGE);
                Vqgan log = vqgan(null, AdversarialLoss.LOG)) {
            Scope.free(() -> {
                Loss released = hinge.objectives().get(0).loss(images(), 0, SEED);
                Loss printed = log.objectives().get(0).loss(images(), 0, SEED);
                double output =
                        -released.measures().get("generator").item_double(); // small, and so nearly the same everywhere
                assertThat(printed.measures().get("generator").item_double())
                        .isCloseTo(-Math.log1p(Math.exp(output)), within(0.05))
                        .isLessThan(-0.5);
                double real =
                        log.objectives().get(1).loss(images(), 0, SEED).total().item_double();
                assertThat(real).isCloseTo(2 * Math.log(2), within(0.3));
            });
        }
    }
}
