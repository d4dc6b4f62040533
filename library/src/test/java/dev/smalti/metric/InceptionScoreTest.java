package dev.smalti.metric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.Fixture;
import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

class InceptionScoreTest {
    /** Each of 10 classes for 150 of 1,500 images; float64 [1500, 10]. */
    private static Tensor sure() {
        return torch.eye(10, Tensors.options(ScalarType.Double)).repeat(150, 1);
    }

    @Test
    void is_torch_fidelitys_in_order_in_one_split_and_shuffled() {
        Fixture fixture = Fixture.of("metrics");
        int splits = fixture.settings("is_splits").asInt();
        Tensor logits = fixture.in("logits");
        Estimate score = InceptionScore.ofLogits(logits, splits);
        fixture.check("is_mean", Tensors.doubles(score.mean()).squeeze(), 1e-5);
        fixture.check("is_std", Tensors.doubles(score.deviation()).squeeze(), 1e-5);
        Estimate one = InceptionScore.ofLogits(logits, 1);
        fixture.check("is_one_split", Tensors.doubles(one.mean()).squeeze(), 1e-5);
        assertThat(one.deviation()).isZero();
        Estimate shuffled = InceptionScore.ofLogits(logits.index_select(0, fixture.in("is_permutation")), splits);
        fixture.check("is_shuffled_mean", Tensors.doubles(shuffled.mean()).squeeze(), 1e-5);
        fixture.check("is_shuffled_std", Tensors.doubles(shuffled.deviation()).squeeze(), 1e-5);
    }

    @Test
    void lies_between_1_for_one_class_or_no_idea_and_k_for_all_classes_without_doubt() {
        Tensor certain = sure().mul(new Scalar(1e4));
        assertThat(InceptionScore.ofLogits(certain, 1).mean()).isCloseTo(10, within(1e-12));
        assertThat(InceptionScore.ofLogits(certain, 10).mean()).isCloseTo(10, within(1e-12));
        Tensor one = certain.narrow(0, 0, 1).repeat(50, 1);
        assertThat(InceptionScore.ofLogits(one, 1).mean()).isCloseTo(1, within(1e-12));
        assertThat(InceptionScore.ofLogits(torch.zeros_like(sure()), 1).mean()).isCloseTo(1, within(1e-12));
    }

    @Test
    void falls_with_every_degradation() {
        double before = 10.001;
        for (double sharpness : new double[] {20, 5, 2, 1, 0}) {
            double after = InceptionScore.ofLogits(sure().mul(new Scalar(sharpness)), 1)
                    .mean();
            assertThat(after).as("score at sharpness %s", sharpness).isLessThan(before);
            before = after;
        }
    }

    @Test
    void bad_input_is_refused_by_name() {
        assertThatThrownBy(() -> InceptionScore.ofLogits(sure().narrow(0, 0, 9), 10))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("logits must be of at least 10 images, got 9; add images");
        assertThatThrownBy(() -> InceptionScore.ofLogits(sure(), 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("splits must be at least 1, got 0");
        assertThatThrownBy(() -> InceptionScore.ofLogits(sure().log(), 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("logits must be finite, got 13500 of 15000 that are not; ");
    }
}
