package dev.smalti.draw;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.draw.RandomStreams.Use;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

class RandomStreamsTest {
    private static final int LENGTH = 4;

    @Test
    void gives_a_grid_the_same_numbers_whatever_is_beside_it_and_came_before() {
        Seed mine = new Seed(8);
        double[] alone = numbers(List.of(mine), 0, 3, LENGTH);
        assertThat(numbers(List.of(new Seed(1), new Seed(2), mine), 2, 3, LENGTH))
                .isEqualTo(alone);
        Scope.free(() -> {
            RandomStreams streams = RandomStreams.of(List.of(mine, new Seed(3)));
            streams.uniform(Use.CODES, 1, 99);
            assertThat(Tensors.toDoubles(streams.uniform(Use.PLACES, 3, LENGTH).select(0, 0)))
                    .isEqualTo(alone);
        });
    }

    /** A place's number is the same however many places there are. */
    @Test
    void gives_a_place_its_number_whatever_the_size_of_the_grid() {
        double[] few = numbers(List.of(new Seed(8)), 0, 2, 5);
        double[] many = numbers(List.of(new Seed(8)), 0, 2, 5000);
        assertThat(Arrays.copyOf(many, 5)).isEqualTo(few);
    }

    @Test
    void gives_grids_uses_and_steps_numbers_of_their_own() {
        Scope.free(() -> {
            RandomStreams streams = RandomStreams.of(List.of(new Seed(8), new Seed(9)));
            Set<Double> all = new HashSet<>();
            int count = 0;
            for (Use use : Use.values()) {
                for (int step = 0; step < 50; step++) {
                    for (double each : Tensors.toDoubles(streams.uniform(use, step, 30))) {
                        all.add(each);
                        count++;
                    }
                }
            }
            assertThat(all).hasSize(count);
        });
    }

    /** SplitMix64, of which Java has an implementation of its own. */
    @Test
    void gives_the_numbers_of_a_generator_that_is_well_known() {
        SplittableRandom random =
                new Seed(8).child(Use.PLACES.ordinal()).child(3).random();
        double[] expected = random.doubles(1000).toArray();
        assertThat(numbers(List.of(new Seed(8)), 0, 3, 1000)).isEqualTo(expected);
    }

    @Test
    void gives_the_same_numbers_on_a_device() {
        Scope.free(() -> {
            List<Seed> seeds = List.of(new Seed(8), new Seed(-1));
            Tensor there = RandomStreams.of(seeds, Devices.of("auto")).uniform(Use.CODES, 7, 100);
            Tensor here = RandomStreams.of(seeds).uniform(Use.CODES, 7, 100);
            assertThat(Tensors.toDoubles(there)).isEqualTo(Tensors.toDoubles(here));
        });
    }

    private static double[] numbers(List<Seed> seeds, int grid, long step, long length) {
        return Scope.value(() -> Tensors.toDoubles(
                RandomStreams.of(seeds).uniform(Use.PLACES, step, length).select(0, grid)));
    }

    @Test
    void seed_5_gives_uniform_numbers_and_exponential_ones_of_mean_1() {
        int many = 20_000;
        Scope.free(() -> {
            RandomStreams streams = RandomStreams.of(List.of(new Seed(5)));
            double[] uniform = Tensors.toDoubles(streams.uniform(Use.PLACES, 1, many));
            assertThat(Arrays.stream(uniform).min().orElseThrow()).isBetween(0.0, 0.01);
            assertThat(Arrays.stream(uniform).max().orElseThrow()).isBetween(0.99, Math.nextDown(1.0));
            double deviation = Math.sqrt(1.0 / 12 / many);
            assertThat(Arrays.stream(uniform).average().orElseThrow()).isCloseTo(0.5, within(4 * deviation));
            double[] exponential = Tensors.toDoubles(streams.exponential(Use.ORDER, 1, many));
            assertThat(Arrays.stream(exponential).average().orElseThrow()).isCloseTo(1, within(4 / Math.sqrt(many)));
            double beyond = Arrays.stream(exponential).filter(e -> e > 3).count() / (double) many;
            assertThat(beyond).isCloseTo(Math.exp(-3), within(4 * Math.sqrt(Math.exp(-3) / many)));
        });
    }

    /** Neighbours in place, step and grid; of independent numbers the mean product is 1/4, its deviation below 0.25 / √n. */
    @Test
    void seed_6_gives_numbers_that_do_not_follow_from_their_neighbours() {
        int many = 10_000;
        Scope.free(() -> {
            RandomStreams streams = RandomStreams.of(List.of(new Seed(6), new Seed(7)));
            double[] one = Tensors.toDoubles(streams.uniform(Use.CODES, 1, many));
            double[] two = Tensors.toDoubles(streams.uniform(Use.CODES, 2, many));
            double[] three = Tensors.toDoubles(streams.uniform(Use.ORDER, 1, many));
            double place = 0;
            double step = 0;
            double use = 0;
            double grid = 0;
            for (int i = 0; i < many - 1; i++) {
                place += one[i] * one[i + 1];
                step += one[i] * two[i];
                use += one[i] * three[i];
                grid += one[i] * one[many + i];
            }
            for (double sum : new double[] {place, step, use, grid}) {
                assertThat(sum / (many - 1)).isCloseTo(0.25, within(4 * 0.25 / Math.sqrt(many)));
            }
        });
    }

    @Test
    void seed_5_gives_normal_numbers_and_none_that_is_infinite() {
        int many = 20_000;
        Scope.free(() -> {
            RandomStreams streams = RandomStreams.of(List.of(new Seed(5), new Seed(6)));
            double[] normal = Tensors.toDoubles(streams.normal(Use.NOISE, 1, many / 2));
            assertThat(normal).hasSize(many);
            double mean = Arrays.stream(normal).average().orElseThrow();
            double variance = Arrays.stream(normal).map(z -> z * z).average().orElseThrow();
            assertThat(mean).isCloseTo(0, within(4 / Math.sqrt(many)));
            assertThat(variance).isCloseTo(1, within(4 * Math.sqrt(2.0 / many)));
            double beyond = Arrays.stream(normal).filter(z -> z > 2).count() / (double) many;
            assertThat(beyond).isCloseTo(0.02275, within(4 * Math.sqrt(0.02275 / many)));

            RandomStreams zero = new Zeros();
            assertThat(Tensors.toDoubles(zero.normal(Use.NOISE, 1, 2)))
                    .containsExactly(new double[] {-8.2, -8.2}, within(0.1));
            assertThat(Tensors.toDoubles(zero.exponential(Use.NOISE, 1, 1))[0]).isPositive();
        });
    }

    @Test
    void numbers_of_several_steps_and_of_places_at_steps_of_their_own_are_those_of_the_steps() {
        RandomStreams streams = RandomStreams.of(List.of(new Seed(3), new Seed(4)));
        long[] steps = {2, 1, 7};
        double[] together = Tensors.toDoubles(streams.uniform(RandomStreams.Use.CODES, steps, 3)); // [3, 2, 3]
        double[] own =
                Tensors.toDoubles(streams.inTurn(RandomStreams.Use.CODES, new long[] {2, 1, 7, 7, 2, 1})); // [2, 3]
        for (int s = 0; s < steps.length; s++) {
            double[] one = Tensors.toDoubles(streams.uniform(RandomStreams.Use.CODES, steps[s], 3)); // [2, 3]
            assertThat(Arrays.copyOfRange(together, 6 * s, 6 * s + 6)).containsExactly(one);
            assertThat(own[s]).isEqualTo(one[s]);
            assertThat(own[3 + (s + 1) % 3]).isEqualTo(one[3 + (s + 1) % 3]);
        }
    }

    /** The smallest of all uniform numbers. */
    private static final class Zeros implements RandomStreams {
        @Override
        public long grids() {
            return 1;
        }

        @Override
        public Tensor uniform(Use use, long step, long length) {
            return Tensors.doubles(new double[(int) length]).view(1, -1);
        }
    }
}
