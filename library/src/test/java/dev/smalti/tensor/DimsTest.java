package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

class DimsTest {
    @Test
    void returns_a_tensor_of_the_right_shape() {
        Tensor tensor = Tensors.zeros(2, 3);
        assertThat(Dims.check("x", tensor, 2, 3)).isSameAs(tensor);
        assertThat(Dims.check("x", tensor, Dims.ANY, 3)).isSameAs(tensor);
    }

    @Test
    void names_the_tensor_and_both_shapes() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Dims.check("labels", Tensors.zeros(2, 3), Dims.ANY, 4))
                .withMessage("labels must have shape [?, 4], got [2, 3]");
    }

    @Test
    void refuses_another_number_of_dimensions() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Dims.check("x", Tensors.zeros(2, 3), 2))
                .withMessage("x must have shape [2], got [2, 3]");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Dims.check("x", Tensors.zeros(2), 2, Dims.ANY))
                .withMessage("x must have shape [2, ?], got [2]");
    }

    @Test
    void reads_the_sizes_of_scalars_and_of_nothing() {
        assertThat(Dims.of(Tensors.zeros(1).reshape())).isEmpty();
        assertThat(Dims.of(Tensors.zeros(4, 0))).containsExactly(4, 0);
    }
}
