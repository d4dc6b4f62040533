package dev.smalti.corruption;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

class AbsorbingTest {
    private final Absorbing absorbing = new Absorbing(new TokenSpace(7, 2, 2));

    @Test
    void seed_3_loses_the_share_that_is_asked_for() {
        Scope.free(() -> {
            int length = 40_000;
            float[] shares = {0.01f, 0.3f, 0.5f, 0.99f};
            Tensor lost = Absorbing.independent(Tensors.floats(shares), uniform(3, shares.length, length));
            double[] found = Tensors.toDoubles(lost.to(ScalarType.Double).mean(1));
            for (int i = 0; i < shares.length; i++) {
                double deviation = Math.sqrt(shares[i] * (1 - shares[i]) / length);
                assertThat(found[i]).isCloseTo(shares[i], within(4 * deviation));
            }
        });
    }

    @Test
    void loses_nothing_at_0_and_everything_at_1() {
        Scope.free(() -> {
            Tensor u = torch.full(new long[] {2, 3}, new Scalar(0.0), Tensors.options(ScalarType.Double));
            u.select(0, 1).fill_(new Scalar(Math.nextDown(1.0))); // the ends of [0, 1)
            assertThat(Tensors.toLongs(Absorbing.independent(Tensors.floats(0, 0), u)))
                    .containsOnly(0);
            assertThat(Tensors.toLongs(Absorbing.independent(Tensors.floats(1, 1), u)))
                    .containsOnly(1);
        });
    }

    @Test
    void loses_exactly_as_many_as_asked_for() {
        Scope.free(() -> {
            long[] counts = {0, 1, 4, 8, 9};
            Tensor lost = Absorbing.exactly(Tensors.longs(counts), uniform(5, counts.length, 9));
            assertThat(Tensors.toLongs(lost.sum(1))).isEqualTo(counts);
        });
    }

    @Test
    void seed_11_loses_all_sets_of_2_out_of_5_alike() {
        int draws = 20_000;
        Map<Long, Integer> times = new TreeMap<>();
        Scope.free(() -> {
            Tensor lost = Absorbing.exactly(Tensors.filled(2, draws), uniform(11, draws, 5));
            Tensor set =
                    lost.to(ScalarType.Long).mul(Tensors.longs(1, 2, 4, 8, 16)).sum(1);
            Arrays.stream(Tensors.toLongs(set)).forEach(each -> times.merge(each, 1, Integer::sum));
        });
        assertThat(times).hasSize(10);
        double expected = draws / 10.0;
        double chi = times.values().stream()
                .mapToDouble(n -> (n - expected) * (n - expected) / expected)
                .sum();
        assertThat(chi).as("chi-square, 9 degrees of freedom").isLessThan(33.7); // beyond it: 1e-4
    }

    @Test
    void writes_the_mask_where_tokens_are_lost_and_counts_it() {
        Scope.free(() -> {
            Tensor x0 = Tensors.longs(0, 1, 6, 3, 6, 6, 0, 2).view(2, 4);
            Tensor lost = Tensors.longs(1, 0, 0, 1, 0, 0, 0, 1).view(2, 4).to(ScalarType.Bool);
            Tensor xt = absorbing.mask(x0, lost);
            assertThat(Tensors.toLongs(xt)).containsExactly(7, 1, 6, 7, 6, 6, 0, 7);
            assertThat(Tensors.toLongs(absorbing.masked(xt))).containsExactly(1, 0, 0, 1, 0, 0, 0, 1);
            assertThat(Tensors.toLongs(absorbing.count(xt))).containsExactly(2, 1);
        });
    }

    private static Tensor uniform(long seed, long rows, long columns) {
        return torch.rand(new long[] {rows, columns}, new Seed(seed).optional(), Tensors.options(ScalarType.Double));
    }
}
