package dev.smalti.draw;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

class RandomStreamsTest {
    private static final int LENGTH = 4;
    private static final int CODES = 3;

    @Test
    void gives_a_grid_the_same_numbers_whatever_is_beside_it() {
        Seed mine = new Seed(8);
        double[] alone = numbers(List.of(mine), 0, new long[] {1, 3});
        double[] last = numbers(List.of(new Seed(1), new Seed(2), mine), 2, new long[] {0, 1, 2, 3, 7, 9, 11});
        double[] first = numbers(List.of(mine, new Seed(3)), 0, new long[] {1, 3, 4, 5, 6, 7});
        assertThat(last).isEqualTo(alone);
        assertThat(first).isEqualTo(alone);
    }

    @Test
    void gives_grids_numbers_of_their_own() {
        assertThat(numbers(List.of(new Seed(8)), 0, new long[] {1, 3}))
                .isNotEqualTo(numbers(List.of(new Seed(9)), 0, new long[] {1, 3}));
    }

    /** Uniform numbers, exponential ones at two positions, and uniform ones again, of one grid. */
    private static double[] numbers(List<Seed> seeds, int grid, long[] at) {
        return Scope.value(() -> {
            try (RandomStreams draws = RandomStreams.of(seeds)) {
                double[] before = Tensors.toDoubles(draws.uniform(LENGTH).select(0, grid));
                double[] all = Tensors.toDoubles(draws.exponential(at, LENGTH, CODES));
                double[] after = Tensors.toDoubles(draws.uniform(LENGTH).select(0, grid));
                int rowsBefore =
                        (int) Arrays.stream(at).filter(i -> i / LENGTH < grid).count();
                double[] own = Arrays.copyOfRange(all, rowsBefore * CODES, (rowsBefore + 2) * CODES);
                double[] together = Arrays.copyOf(before, before.length + own.length + after.length);
                System.arraycopy(own, 0, together, before.length, own.length);
                System.arraycopy(after, 0, together, before.length + own.length, after.length);
                return together;
            }
        });
    }

    @Test
    void seed_5_gives_uniform_numbers_and_exponential_ones_of_mean_1() {
        int many = 20_000;
        Scope.free(() -> {
            try (RandomStreams draws = RandomStreams.of(List.of(new Seed(5)))) {
                double[] uniform = Tensors.toDoubles(draws.uniform(many));
                assertThat(Arrays.stream(uniform).min().orElseThrow()).isBetween(0.0, 0.01);
                assertThat(Arrays.stream(uniform).max().orElseThrow()).isBetween(0.99, Math.nextDown(1.0));
                double deviation = Math.sqrt(1.0 / 12 / many);
                assertThat(Arrays.stream(uniform).average().orElseThrow()).isCloseTo(0.5, within(4 * deviation));
                double[] exponential = Tensors.toDoubles(
                        draws.exponential(LongStream.range(0, many).toArray(), many, 1));
                assertThat(Arrays.stream(exponential).average().orElseThrow())
                        .isCloseTo(1, within(4 / Math.sqrt(many)));
                double beyond = Arrays.stream(exponential).filter(e -> e > 3).count() / (double) many;
                assertThat(beyond).isCloseTo(Math.exp(-3), within(4 * Math.sqrt(Math.exp(-3) / many)));
            }
        });
    }

    @Test
    void seed_5_gives_normal_numbers_and_none_that_is_infinite() {
        int many = 20_000;
        Scope.free(() -> {
            try (RandomStreams draws = RandomStreams.of(List.of(new Seed(5), new Seed(6)))) {
                double[] normal = Tensors.toDoubles(draws.normal(many / 2));
                assertThat(normal).hasSize(many);
                double mean = Arrays.stream(normal).average().orElseThrow();
                double variance =
                        Arrays.stream(normal).map(z -> z * z).average().orElseThrow();
                assertThat(mean).isCloseTo(0, within(4 / Math.sqrt(many)));
                assertThat(variance).isCloseTo(1, within(4 * Math.sqrt(2.0 / many)));
                double beyond = Arrays.stream(normal).filter(z -> z > 2).count() / (double) many;
                assertThat(beyond).isCloseTo(0.02275, within(4 * Math.sqrt(0.02275 / many)));
            }
            try (RandomStreams zero = new Zeros()) {
                assertThat(Tensors.toDoubles(zero.normal(2))).containsExactly(new double[] {-8.2, -8.2}, within(0.1));
            }
        });
    }

    /** The smallest of all uniform numbers. */
    private static final class Zeros implements RandomStreams {
        @Override
        public long grids() {
            return 1;
        }

        @Override
        public Tensor uniform(long length) {
            return Tensors.doubles(new double[(int) length]).view(1, -1);
        }

        @Override
        public Tensor exponential(long[] at, long length, long codes) {
            throw new UnsupportedOperationException("only uniform numbers are asked for");
        }

        @Override
        public void close() {}
    }
}
