package dev.smalti.corruption;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

class MaskTokensTest {
    private static final TokenSpace SPACE = new TokenSpace(5, 1, 4);
    private static final int DRAWN = 100_000;

    /** How often each token is drawn. [K + m] */
    private static long[] counts(MaskTokens tokens) {
        return Scope.value(() -> {
            long[] drawn = Tensors.toLongs(tokens.tokens(Tensors.uniform(new Seed(1).generator(), DRAWN / 4, 4)));
            long[] counts = new long[(int) tokens.inputs()];
            LongStream.of(drawn).forEach(token -> counts[(int) token]++);
            return counts;
        });
    }

    @Test
    void seed_1_draws_every_mask_token_alike() {
        long[] counts = counts(new MaskTokens(SPACE, 3, 1));
        assertThat(counts).startsWith(0, 0, 0, 0, 0);
        for (int mask = 5; mask < 8; mask++) {
            assertThat((double) counts[mask]).isBetween(DRAWN / 3 * 0.98, DRAWN / 3 * 1.02);
        }
    }

    @Test
    void seed_1_draws_codes_for_the_share_that_shows_no_mask_token() {
        long[] counts = counts(new MaskTokens(SPACE, 2, 0.6));
        for (int code = 0; code < 5; code++) {
            assertThat((double) counts[code]).isBetween(DRAWN * 0.08 * 0.96, DRAWN * 0.08 * 1.04);
        }
        for (int mask = 5; mask < 7; mask++) {
            assertThat((double) counts[mask]).isBetween(DRAWN * 0.3 * 0.98, DRAWN * 0.3 * 1.02);
        }
    }

    @Test
    void stays_in_range_at_the_ends_of_the_numbers() {
        Scope.free(() -> {
            Tensor ends = Tensors.doubles(0, Math.nextDown(0.7), 0.7, Math.nextDown(1.0))
                    .view(1, 4);
            assertThat(Tensors.toLongs(new MaskTokens(SPACE, 3, 0.7).tokens(ends)))
                    .containsExactly(5, 7, 0, 4);
        });
    }

    @Test
    void shows_them_at_masked_places_alone() {
        Scope.free(() -> {
            MaskTokens tokens = new MaskTokens(SPACE, 3, 1);
            Tensor xt = Tensors.longs(0, 5, 4, 5).view(1, 4);
            assertThat(Tensors.toLongs(tokens.show(xt, Tensors.longs(5, 6, 5, 7).view(1, 4))))
                    .containsExactly(0, 6, 4, 7);
        });
    }

    @Test
    void draws_nothing_where_there_is_one_mask_token() {
        Scope.free(() -> {
            MaskTokens one = new MaskTokens(SPACE, 1, 1);
            Tensor xt = Tensors.longs(0, 5, 4, 5).view(1, 4);
            assertThat(one.random()).isFalse();
            assertThat(one.show(xt, new Seed(1).generator())).isSameAs(xt);
        });
    }

    @Test
    void refuses_what_is_out_of_range() {
        assertThatThrownBy(() -> new MaskTokens(SPACE, 0, 1)).hasMessage("masks must be at least 1, got 0");
        assertThatThrownBy(() -> new MaskTokens(SPACE, 1, 0)).hasMessage("mask_share must be in (0, 1], got 0.0");
        assertThatThrownBy(() -> new MaskTokens(SPACE, 1, 1.5)).hasMessage("mask_share must be in (0, 1], got 1.5");
    }
}
