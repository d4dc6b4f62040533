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
    }

    @Test
    void sweeps_are_worth_more_at_the_end_than_between() {
        check(Method.D3PM_UNIFORM, gibbs(3, 1, When.END, kept(4)), 0.108);
        check(Method.D3PM_UNIFORM, gibbs(7, 1, When.END, kept(8)), 0.031);
        check(Method.D3PM_UNIFORM, gibbs(1, 1, When.BETWEEN, kept(4)), 0.156);
        check(Method.D3PM_UNIFORM, gibbs(1, 1, When.BETWEEN, kept(8)), 0.061);
        check(Method.SEDD_UNIFORM, gibbs(3, 1, When.END, steps(4)), 0.108);
        assertThat(figure(World.B, Method.D3PM_UNIFORM, gibbs(3, 1, When.END, kept(4)))
                        .passes())
                .isEqualTo(7);
    }

    @Test
    void psi_loses_tokens_anew_at_little_cost() {
        check(Method.D3PM_UNIFORM, kept(4).corrector(new Corrector.Psi(0.95)), 0.184);
        check(Method.D3PM_UNIFORM, kept(8).corrector(new Corrector.Psi(0.95)), 0.086);
    }

    @Test
    void guesses_of_the_others_alone_look_ahead() {
        check(Method.SEDD_UNIFORM, trapezoidal(0.5, steps(2)), 0.080);
        check(Method.SEDD_UNIFORM, trapezoidal(1.0 / 3, steps(2)), 0.081);
        assertThat(distance(World.B, Method.SEDD_UNIFORM, multistep(0.5, steps(4))))
                .isLessThan(distance(World.B, Method.SEDD_UNIFORM, steps(4)) - 0.01);
    }

    private static void check(Method method, Sampling sampling, double expected) {
        assertThat(distance(World.B, method, sampling))
                .as("%s, %s", method, sampling.named())
                .isCloseTo(expected, within(0.005));
    }
}
