package dev.smalti.tokenizer.vqgan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

class AttentionBlockTest {
    @Test
    void large_maps_are_mixed_part_by_part_to_the_same() {
        Scope.free(() -> {
            Tensor q = normal(1);
            Tensor k = normal(2);
            Tensor v = normal(3);
            double[] whole = Tensors.toDoubles(AttentionBlock.mixed(q, k, v, 2 * 35 * 35));
            for (long most : new long[] {0, 2 * 35, 2 * 35 * 8 + 1, 2 * 35 * 34}) {
                assertThat(Tensors.toDoubles(AttentionBlock.mixed(q, k, v, most)))
                        .as("at most %d scores at once", most)
                        .containsExactly(whole, within(1e-6));
            }
        });
    }

    private static Tensor normal(long seed) {
        return Tensors.zeros(2, 4, 35).normal_(0, 1, new Seed(seed).optional()); // [B, C, L]
    }
}
