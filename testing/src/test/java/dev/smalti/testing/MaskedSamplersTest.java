package dev.smalti.testing;

import static dev.smalti.testing.Samplers.at;
import static dev.smalti.testing.Samplers.bound;
import static dev.smalti.testing.Samplers.by;
import static dev.smalti.testing.Samplers.counts;
import static dev.smalti.testing.Samplers.distance;
import static dev.smalti.testing.Samplers.figure;
import static dev.smalti.testing.Samplers.multistep;
import static dev.smalti.testing.Samplers.steps;
import static dev.smalti.testing.Samplers.trapezoidal;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.draw.Order;
import dev.smalti.draw.Sampling;
import dev.smalti.testing.Samplers.Method;
import dev.smalti.testing.Samplers.World;
import org.junit.jupiter.api.Test;

/** Against figures of another program, which knows nothing of priors and draws: dense sums over all grids, in NumPy. */
class MaskedSamplersTest {
    @Test
    void coins_miss_what_places_of_one_step_know_of_each_other() {
        check(World.A, steps(2), 0.462);
        check(World.A, steps(4), 0.266);
        check(World.A, steps(8), 0.143);
        check(World.B, steps(2), 0.338);
        check(World.B, steps(4), 0.188);
        check(World.B, steps(8), 0.098);
        check(World.B, at(4, u -> 1 - Math.cos(u * Math.PI / 2)), 0.256);
    }

    @Test
    void counts_are_nearer_and_exact_a_token_at_a_time() {
        check(World.A, counts(2, 2), 0.345);
        check(World.B, counts(2, 4), 0.245);
        check(World.B, counts(1, 1, 2, 2), 0.044);
        assertThat(distance(World.A, Method.MASKS, counts(1, 1, 1, 1))).isLessThan(1e-9);
    }

    @Test
    void looking_ahead_costs_no_call_and_is_nearer() {
        check(World.FIRST, multistep(0.5, steps(2)), 0.372);
        check(World.FIRST, multistep(0.5, steps(4)), 0.187);
        check(World.FIRST, multistep(0.75, steps(4)), 0.175);
        check(World.FIRST, multistep(0.25, counts(1, 1, 2)), 0.258);
        check(World.B, multistep(0.5, steps(4)), 0.069);
        check(World.B, multistep(0.75, steps(8)), 0.012);
        check(World.B, multistep(0.1, counts(1, 1, 2, 2)), 0.022);
        assertThat(figure(World.B, Method.MASKS, multistep(0.5, steps(4))).passes())
                .isEqualTo(4);
    }

    @Test
    void two_calls_a_step_are_nearer_than_two_steps() {
        check(World.A, trapezoidal(0.5, steps(1)), 0.354);
        check(World.A, trapezoidal(0.5, steps(2)), 0.201);
        check(World.B, trapezoidal(0.5, steps(1)), 0.212);
        check(World.B, trapezoidal(0.5, steps(2)), 0.069);
        check(World.B, trapezoidal(0.5, steps(4)), 0.029);
        check(World.B, trapezoidal(1.0 / 3, steps(1)), 0.098);
        check(World.A, trapezoidal(1.0 / 3, steps(2)), 0.233);
        assertThat(figure(World.B, Method.MASKS, trapezoidal(0.5, steps(2))).passes())
                .isEqualTo(4);
    }

    @Test
    void an_entropy_bound_takes_as_many_calls_as_a_grid_needs() {
        check(World.A, bound(0.6), 0.041);
        check(World.B, bound(0.6), 0.089);
        check(World.B, bound(0.4), 0.015);
        assertThat(figure(World.A, Method.MASKS, bound(0.6)).calls()).isCloseTo(3.77, within(5e-3));
        assertThat(figure(World.B, Method.MASKS, bound(0.6)).calls()).isCloseTo(3.69, within(5e-3));
        assertThat(figure(World.B, Method.MASKS, bound(0.4)).calls()).isCloseTo(4.75, within(5e-3));
    }

    @Test
    void confidence_in_what_was_drawn_bends_the_joint_however_many_steps_there_are() {
        check(World.A, by(Order.CONFIDENCE, counts(2, 2)), 0.433);
        check(World.A, by(Order.CONFIDENCE, counts(1, 1, 1, 1)), 0.530);
        check(World.B, by(Order.CONFIDENCE, counts(3, 3)), 0.544);
        check(World.B, by(Order.CONFIDENCE, counts(1, 1, 1, 3)), 0.454);
        for (Order order : new Order[] {Order.ENTROPY, Order.MARGIN, Order.MOMENT, Order.RASTER}) {
            assertThat(distance(World.A, Method.MASKS, by(order, counts(1, 1, 1, 1))))
                    .as("%s chooses by what is known before it draws", order)
                    .isLessThan(1e-9);
        }
    }

    @Test
    void sedd_takes_as_many_steps_and_one_that_denoises() {
        assertThat(figure(World.B, Method.SEDD_ABSORB, steps(3)).passes()).isEqualTo(4);
        // three equal steps of coins, and next to nothing left
        assertThat(distance(World.B, Method.SEDD_ABSORB, steps(3)))
                .isCloseTo(distance(World.B, Method.MASKS, steps(3)), within(1e-3));
    }

    private static void check(World world, Sampling sampling, double expected) {
        assertThat(distance(world, Method.MASKS, sampling))
                .as("%s, %s", world, sampling.named())
                .isCloseTo(expected, within(0.005));
    }
}
