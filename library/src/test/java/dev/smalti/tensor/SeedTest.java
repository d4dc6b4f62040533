package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.HashSet;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

class SeedTest {
    private static final int MANY = 10_000;

    @Test
    void gives_the_same_numbers_again() {
        assertThat(draw(new Seed(7))).isEqualTo(draw(new Seed(7)));
        assertThat(new Seed(7).random().nextLong())
                .isEqualTo(new Seed(7).random().nextLong());
        assertThat(new Seed(7).child("noise").child(3))
                .isEqualTo(new Seed(7).child("noise").child(3));
    }

    @Test
    void gives_other_numbers_for_other_seeds() {
        assertThat(draw(new Seed(7))).isNotEqualTo(draw(new Seed(8)));
        assertThat(draw(new Seed(7))).isNotEqualTo(draw(new Seed(7).child(0)));
    }

    @Test
    void does_not_change_when_numbers_are_drawn() {
        Seed seed = new Seed(7);
        Seed before = seed.child(1);
        draw(seed);
        assertThat(seed.child(1)).isEqualTo(before);
    }

    @Test
    void has_children_that_differ() {
        Set<Long> values = new HashSet<>();
        for (long root = 0; root < 10; root++) {
            for (long index = 0; index < 1000; index++) {
                values.add(new Seed(root).child(index).value());
            }
            values.add(new Seed(root).child("weights").value());
            values.add(new Seed(root).child("data").value());
            values.add(new Seed(root).child("").value());
        }
        assertThat(values).hasSize(10 * 1003);
    }

    @Test
    void seed_42_has_children_whose_first_numbers_are_uniform() {
        double sum = 0;
        double squares = 0;
        for (int i = 0; i < MANY; i++) {
            double value = first(new Seed(42).child(i));
            sum += value;
            squares += value * value;
        }
        assertThat(sum / MANY).isCloseTo(1.0 / 2, within(4 * 0.289 / Math.sqrt(MANY)));
        assertThat(squares / MANY).isCloseTo(1.0 / 3, within(4 * 0.298 / Math.sqrt(MANY)));
    }

    @Test
    void seed_42_has_children_uncorrelated_with_their_neighbours_and_with_their_parents() {
        double neighbours = 0;
        double parents = 0;
        for (int i = 0; i < MANY; i++) {
            double value = first(new Seed(42).child(i)) - 0.5;
            neighbours += value * (first(new Seed(42).child(i + 1)) - 0.5);
            parents += (first(new Seed(i)) - 0.5) * (first(new Seed(i).child(0)) - 0.5);
        }
        double deviation = 1.0 / 12 / Math.sqrt(MANY); // of the mean of products of independent uniform numbers
        assertThat(neighbours / MANY).isCloseTo(0, within(4 * deviation));
        assertThat(parents / MANY).isCloseTo(0, within(4 * deviation));
    }

    private static double first(Seed seed) {
        return seed.random().nextDouble();
    }

    private static float[] draw(Seed seed) {
        Tensor numbers = Tensors.zeros(4);
        return Tensors.toFloats(numbers.uniform_(0, 1, seed.optional()));
    }
}
