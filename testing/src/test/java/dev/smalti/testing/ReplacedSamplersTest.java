package dev.smalti.testing;

import static dev.smalti.testing.Samplers.distance;
import static dev.smalti.testing.Samplers.figure;
import static dev.smalti.testing.Samplers.gibbs;
import static dev.smalti.testing.Samplers.kept;
import static dev.smalti.testing.Samplers.multistep;
import static dev.smalti.testing.Samplers.steps;
import static dev.smalti.testing.Samplers.trapezoidal;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.draw.Corrector;
import dev.smalti.draw.Corrector.When;
import dev.smalti.draw.Sampling;
import dev.smalti.testing.Samplers.Method;
import dev.smalti.testing.Samplers.World;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Against figures of another program, which knows nothing of priors and draws: dense sums over all grids, in NumPy. */
class ReplacedSamplersTest {
    @Test
    void ancestral_steps_near_the_joint_by_half_as_they_double() {
        check(Method.D3PM_UNIFORM, kept(4), 0.183);
        check(Method.D3PM_UNIFORM, kept(8), 0.085);
        check(Method.D3PM_UNIFORM, kept(16), 0.040);
        check(Method.SEDD_UNIFORM, steps(4), 0.183);
        check(Method.SEDD_UNIFORM, steps(8), 0.085);
        inA(kept(4), 0.387);
        inA(kept(8), 0.199);
        inA(kept(16), 0.093);
    }

    @Test
    void sweeps_are_worth_more_at_the_end_than_between() {
        check(Method.D3PM_UNIFORM, gibbs(3, 1, When.END, kept(4)), 0.108);
        check(Method.D3PM_UNIFORM, gibbs(7, 1, When.END, kept(8)), 0.031);
        check(Method.D3PM_UNIFORM, gibbs(1, 1, When.BETWEEN, kept(4)), 0.156);
        check(Method.D3PM_UNIFORM, gibbs(1, 1, When.BETWEEN, kept(8)), 0.061);
        check(Method.SEDD_UNIFORM, gibbs(3, 1, When.END, steps(4)), 0.108);
        inA(gibbs(1, 1, When.END, kept(2)), 0.342);
        inA(gibbs(3, 1, When.END, kept(4)), 0.129);
        inA(gibbs(7, 1, When.END, kept(8)), 0.034);
        inA(gibbs(1, 1, When.BETWEEN, kept(2)), 0.578);
        inA(gibbs(1, 1, When.BETWEEN, kept(4)), 0.322);
        inA(gibbs(1, 1, When.BETWEEN, kept(8)), 0.141);
        assertThat(figure(World.B, Method.D3PM_UNIFORM, gibbs(3, 1, When.END, kept(4)))
                        .passes())
                .isEqualTo(7);
    }

    @Test
    void psi_loses_tokens_anew_at_little_cost() {
        check(Method.D3PM_UNIFORM, kept(4).corrector(new Corrector.Psi(0.95)), 0.184);
        check(Method.D3PM_UNIFORM, kept(8).corrector(new Corrector.Psi(0.95)), 0.086);
        inA(kept(4).corrector(new Corrector.Psi(0.95)), 0.389);
        inA(kept(8).corrector(new Corrector.Psi(0.95)), 0.202);
        inA(kept(16).corrector(new Corrector.Psi(0.95)), 0.096);
    }

    @Test
    void guesses_of_the_others_alone_look_ahead() {
        check(Method.SEDD_UNIFORM, trapezoidal(0.5, steps(2)), 0.080);
        check(Method.SEDD_UNIFORM, trapezoidal(0.5, steps(4)), 0.037);
        check(Method.SEDD_UNIFORM, trapezoidal(1.0 / 3, steps(2)), 0.081);
        check(Method.SEDD_UNIFORM, trapezoidal(1.0 / 3, steps(4)), 0.034);
    }

    @Test
    void what_denoises_in_the_end_does_not_look_ahead() {
        // it takes no time, and D3PM has no such step
        assertThat(distance(World.B, Method.SEDD_UNIFORM, multistep(0.5, steps(4))))
                .isCloseTo(distance(World.B, Method.D3PM_UNIFORM, multistep(0.5, kept(4))), within(0.005));
    }

    @Test
    @Tag("learning") // 390,000 states and what is remembered of them
    void guesses_of_the_others_alone_look_ahead_in_A() {
        check(World.FIRST, Method.SEDD_UNIFORM, trapezoidal(0.5, steps(2)), 0.333);
        check(World.FIRST, Method.SEDD_UNIFORM, trapezoidal(0.5, steps(3)), 0.228);
        check(World.FIRST, Method.SEDD_UNIFORM, trapezoidal(1.0 / 3, steps(2)), 0.377);
        check(World.FIRST, Method.SEDD_UNIFORM, trapezoidal(1.0 / 3, steps(3)), 0.257);
    }

    @Test
    void ratios_draw_what_guesses_draw_that_they_follow_from() {
        for (Sampling each : new Sampling[] {steps(4), gibbs(3, 1, When.END, steps(4)), multistep(0.5, steps(4))}) {
            assertThat(distance(World.B, Method.SEDD_SCORES, each))
                    .as("%s", each.named())
                    .isCloseTo(distance(World.B, Method.SEDD_UNIFORM, each), within(1e-4)); // ratios are float32
        }
    }

    private static void inA(Sampling sampling, double expected) {
        check(World.A, Method.D3PM_UNIFORM, sampling, expected);
    }

    private static void check(Method method, Sampling sampling, double expected) {
        check(World.B, method, sampling, expected);
    }

    private static void check(World world, Method method, Sampling sampling, double expected) {
        assertThat(distance(world, method, sampling))
                .as("%s, %s, %s", world, method, sampling.named())
                .isCloseTo(expected, within(0.005));
    }
}
