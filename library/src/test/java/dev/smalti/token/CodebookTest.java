package dev.smalti.token;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.smalti.tensor.Tensors;
import org.junit.jupiter.api.Test;

class CodebookTest {
    @Test
    void knows_its_codes_and_its_width() {
        Codebook codebook = new Codebook(Tensors.zeros(5, 3));
        assertThat(codebook.codes()).isEqualTo(5);
        assertThat(codebook.width()).isEqualTo(3);
    }

    @Test
    void refuses_vectors_of_another_shape() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Codebook(Tensors.zeros(5)))
                .withMessage("codebook must have shape [?, ?], got [5]");
    }

    @Test
    void refuses_integers() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Codebook(Tensors.longs(1, 2).reshape(2, 1)))
                .withMessage("codebook must have floats, got Long");
    }

    @Test
    void refuses_vectors_that_are_not_finite() {
        assertThatIllegalArgumentException()
                .isThrownBy(() ->
                        new Codebook(Tensors.floats(1, Float.POSITIVE_INFINITY).reshape(2, 1)))
                .withMessage("codebook must be finite, but holds NaN or infinity");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Codebook(Tensors.floats(1, Float.NaN).reshape(2, 1)));
    }
}
