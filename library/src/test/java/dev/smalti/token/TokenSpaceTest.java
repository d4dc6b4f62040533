package dev.smalti.token;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

class TokenSpaceTest {
    private final TokenSpace space = new TokenSpace(1024, 8, 7);

    @Test
    void counts_the_grid_and_puts_the_mask_behind_the_codes() {
        assertThat(space.length()).isEqualTo(56);
        assertThat(space.mask()).isEqualTo(1024);
        assertThat(new TokenSpace(2, 1 << 17, 1 << 17).length()).isEqualTo(1L << 34);
    }

    @Test
    void refuses_fewer_than_two_codes() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new TokenSpace(1, 8, 8))
                .withMessage("a token space must have 2 to 2147483646 codes, got 1");
        assertThatIllegalArgumentException().isThrownBy(() -> new TokenSpace(Integer.MAX_VALUE, 8, 8));
    }

    @Test
    void refuses_an_empty_grid() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new TokenSpace(2, 0, 8))
                .withMessage("a token grid must have at least one row and one column, got 0 × 8");
        assertThatIllegalArgumentException().isThrownBy(() -> new TokenSpace(2, 8, -1));
    }

    @Test
    void returns_codes_that_belong_to_it() {
        Tensor codes = Tensors.longs(0, 1023, 5, 7).reshape(2, 2);
        assertThat(space.check("fruits.safetensors", codes)).isSameAs(codes);
        Tensor none = Tensors.zeros(0, 8, 7).to(ScalarType.Long);
        assertThat(space.check("nothing", none)).isSameAs(none);
    }

    @Test
    void names_the_first_code_beyond_the_alphabet_and_its_place() {
        Tensor codes = Tensors.longs(1, 2, 3, 4, 5, 1024, 3000, 1024).reshape(4, 2);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> space.check("fruits.safetensors", codes))
                .withMessage("codes must be below 1024, got 1024 at [2, 1] of fruits.safetensors");
    }

    @Test
    void names_the_first_negative_code_and_its_place() {
        Tensor codes = Tensors.longs(0, 0, 0, 0, 0, 0, -2, -1).reshape(2, 2, 2);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> space.check("the prior's sample", codes))
                .withMessage("codes must be 0 or more, got -2 at [1, 1, 0] of the prior's sample");
    }

    @Test
    void finds_a_negative_code_in_a_type_too_narrow_for_the_alphabet() {
        Tensor codes = Tensors.longs(3, 127, -128).to(ScalarType.Char);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> space.check("x", codes))
                .withMessage("codes must be 0 or more, got -128 at [2] of x");
    }

    @Test
    void checks_views_in_their_own_order() {
        Tensor codes = Tensors.longs(0, 2000, 0, 0, 0, 3000).reshape(2, 3).t(); // [3, 2]
        assertThatIllegalArgumentException()
                .isThrownBy(() -> space.check("x", codes))
                .withMessageContaining("got 2000 at [1, 0]");
    }

    @Test
    void refuses_codes_that_are_no_integers() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> space.check("x", Tensors.floats(1)))
                .withMessage("codes must be integers, got Float of x");
    }
}
