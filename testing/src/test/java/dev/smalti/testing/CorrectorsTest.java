package dev.smalti.testing;

import static dev.smalti.testing.Samplers.counts;
import static dev.smalti.testing.Samplers.distance;
import static dev.smalti.testing.Samplers.gibbs;
import static dev.smalti.testing.Samplers.kept;
import static dev.smalti.testing.Samplers.steps;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.draw.Corrector;
import dev.smalti.draw.Corrector.Remask;
import dev.smalti.draw.Corrector.When;
import dev.smalti.draw.Sampling;
import dev.smalti.testing.Samplers.Method;
import dev.smalti.testing.Samplers.World;
import org.junit.jupiter.api.Test;

/** That sweeps keep the joint, and lead to it. */
class CorrectorsTest {
    @Test
    void masking_one_place_and_drawing_it_anew_keeps_the_joint() {
        Sampling exact = counts(1, 1, 1, 1); // draws from the joint itself
        assertThat(distance(World.A, Method.MASKS, gibbs(2, 1, When.END, exact)))
                .isLessThan(1e-9);
        assertThat(distance(World.A, Method.MASKS, gibbs(1, 1, When.BETWEEN, exact)))
                .as("of grids with masks too")
                .isLessThan(1e-9);
        assertThat(distance(World.A, Method.MASKS, gibbs(1, 2, When.END, exact)))
                .as("two places at once don't know of each other")
                .isGreaterThan(0.1);
    }

    @Test
    void sweeps_at_the_end_lead_from_any_law_to_the_joint() {
        leads(Method.MASKS, steps(2), 1e-3);
        leads(Method.D3PM_UNIFORM, kept(2), 1e-3);
        leads(Method.SEDD_UNIFORM, steps(2), 1e-3);
        leads(Method.SEDD_SCORES, steps(2), 1e-3);
        leads(Method.VQ_DIFFUSION, steps(2), 0.02); // the last level that its network knows is not clean
    }

    private static void leads(Method method, Sampling sampling, double most) {
        double before = distance(World.B, method, sampling);
        for (int sweeps : new int[] {1, 2, 4}) {
            double after = distance(World.B, method, gibbs(sweeps, 1, When.END, sampling));
            assertThat(after).as("%s after %d sweeps", method, sweeps).isLessThan(before);
            before = after;
        }
        assertThat(distance(World.B, method, gibbs(150, 1, When.END, sampling)))
                .as("%s after 150 sweeps", method)
                .isLessThan(most);
    }

    @Test
    void half_the_calls_in_sweeps_are_nearer_than_steps_in_A_and_farther_in_B() {
        check(World.A, gibbs(1, 1, When.END, steps(1)), 0.457);
        check(World.A, gibbs(2, 1, When.END, steps(2)), 0.239);
        check(World.A, gibbs(4, 1, When.END, steps(4)), 0.110);
        check(World.B, gibbs(1, 1, When.END, steps(1)), 0.488);
        check(World.B, gibbs(2, 1, When.END, steps(2)), 0.273);
        check(World.B, gibbs(4, 1, When.END, steps(4)), 0.121);
    }

    @Test
    void masking_again_by_cap_is_a_little_nearer_in_B_and_farther_in_A() {
        check(World.A, steps(4).corrector(new Remask(Remask.Kind.CAP, 0.02)), 0.268);
        check(World.A, steps(8).corrector(new Remask(Remask.Kind.CAP, 0.02)), 0.147);
        check(World.B, steps(4).corrector(new Remask(Remask.Kind.CAP, 0.2)), 0.178);
        check(World.B, steps(8).corrector(new Remask(Remask.Kind.CAP, 0.1)), 0.090);
        assertThat(distance(World.B, Method.MASKS, steps(4).corrector(new Corrector.Psi(1))))
                .isCloseTo(distance(World.B, Method.MASKS, steps(4)), within(1e-9));
    }

    private static void check(World world, Sampling sampling, double expected) {
        assertThat(distance(world, Method.MASKS, sampling))
                .as("%s, %s", world, sampling.named())
                .isCloseTo(expected, within(0.005));
    }
}
