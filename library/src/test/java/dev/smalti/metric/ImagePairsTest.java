package dev.smalti.metric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.Fixture;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

class ImagePairsTest {
    /** Uniform in [0, 1], float64. */
    private static Tensor images(long seed, long... shape) {
        return Tensors.uniform(new Seed(seed).generator(), shape);
    }

    @Test
    void are_as_similar_as_scikit_image_says() {
        Fixture fixture = Fixture.of("metrics");
        Tensor a = fixture.in("image_a").permute(0, 3, 1, 2); // uint8 [2, 3, 48, 40]
        Tensor b = fixture.in("image_b").permute(0, 3, 1, 2);
        fixture.check("psnr", Tensors.doubles(PeakSignalToNoise.of(a, b, 255)), 1e-5);
        fixture.check("ssim_gaussian11", Tensors.doubles(StructuralSimilarity.of(a, b, 255)), 1e-5);
        double[] luma = StructuralSimilarity.of(luma(a), luma(b), 255);
        fixture.check("ssim_gaussian11_luma", Tensors.doubles(luma), 1e-5);
    }

    /** [B, 3, H, W] -> [B, 1, H, W] */
    private static Tensor luma(Tensor rgb) {
        Tensor weights = Tensors.doubles(0.299, 0.587, 0.114).view(1, 3, 1, 1);
        return rgb.to(ScalarType.Double).mul(weights).sum(new long[] {1}, true, null);
    }

    @Test
    void equal_images_are_at_150_decibels_and_a_similarity_of_1() {
        Tensor x = images(1, 2, 3, 16, 12);
        assertThat(PeakSignalToNoise.of(x, x, 1)).containsExactly(150, 150);
        assertThat(StructuralSimilarity.of(x, x, 1)).containsExactly(new double[] {1, 1}, within(1e-12));
    }

    @Test
    void a_shift_by_a_tenth_of_the_range_is_at_20_decibels() {
        Tensor x = images(2, 1, 3, 16, 12).mul(new Scalar(0.9));
        assertThat(PeakSignalToNoise.of(x, x.add(new Scalar(0.1)), 1)).containsExactly(new double[] {20}, within(1e-9));
    }

    @Test
    void scale_with_the_range() {
        Tensor x = images(3, 2, 3, 16, 12);
        Tensor y = images(4, 2, 3, 16, 12);
        Scalar times = new Scalar(255.0);
        assertThat(PeakSignalToNoise.of(x.mul(times), y.mul(times), 255))
                .containsExactly(PeakSignalToNoise.of(x, y, 1), within(1e-9));
        assertThat(StructuralSimilarity.of(x.mul(times), y.mul(times), 255))
                .containsExactly(StructuralSimilarity.of(x, y, 1), within(1e-9));
    }

    @Test
    void fall_with_every_degradation() {
        Tensor x = images(5, 1, 3, 32, 32);
        double decibels = 150.1;
        double similarity = 1.1;
        for (double noise : new double[] {0, 0.1, 0.3, 0.9}) {
            Tensor y = torch.lerp(x, images(6, 1, 3, 32, 32), new Scalar(noise));
            assertThat(PeakSignalToNoise.of(x, y, 1)[0])
                    .as("dB at noise %s", noise)
                    .isLessThan(decibels);
            assertThat(StructuralSimilarity.of(x, y, 1)[0])
                    .as("at noise %s", noise)
                    .isLessThan(similarity);
            decibels = PeakSignalToNoise.of(x, y, 1)[0];
            similarity = StructuralSimilarity.of(x, y, 1)[0];
        }
    }

    @Test
    void bad_images_are_refused_by_name() {
        Tensor x = images(7, 1, 3, 16, 10);
        assertThatThrownBy(() -> StructuralSimilarity.of(x, x, 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("images must be at least 11x11 pixels for the window, got 10x16; enlarge them");
        assertThatThrownBy(() -> PeakSignalToNoise.of(x, images(7, 1, 3, 16, 11), 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "both images of a pair must have one shape, got [1, 3, 16, 10] and [1, 3, 16, 11]; resize one");
        assertThatThrownBy(() -> PeakSignalToNoise.of(x.mul(new Scalar(255.0)), x, 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageMatching("values of images must span at most their range of 1.0+, got .*; "
                        + "give the true range or clamp the values");
        assertThatThrownBy(() -> PeakSignalToNoise.of(x, x.sub(new Scalar(2.0)).log(), 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("images must be finite, got 480 of 480 that are not; ");
        assertThatThrownBy(() -> PeakSignalToNoise.of(x.narrow(0, 0, 0), x, 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("images must not be empty, got [0, 3, 16, 10]; add images");
    }
}
