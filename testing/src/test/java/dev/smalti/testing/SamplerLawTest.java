package dev.smalti.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.Unmasking;
import dev.smalti.draw.Unmasking.Reveal;
import dev.smalti.network.NetworkConfiguration;
import dev.smalti.prior.Prior;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.prior.absorbing.AbsorbingConfiguration;
import dev.smalti.prior.sedd.SeddConfiguration;
import dev.smalti.prior.sedd.SeddConfiguration.Parametrisation;
import dev.smalti.prior.sedd.SeddConfiguration.Transitions;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

class SamplerLawTest {
    private static final int DRAWN = 20_000;

    private final Joint joint = Joint.potts(2);

    @Test
    void masked_tokens_are_drawn_as_the_law_says() {
        drawsFollowTheLaw(1, ExactPosterior.ofMasks(joint), SamplerLawTest::absorbing, 3);
    }

    @Test
    void replaced_tokens_are_drawn_as_the_law_says() {
        drawsFollowTheLaw(0, ExactPosterior.ofNoise(joint), SamplerLawTest::uniform, 3);
    }

    /** 20,000 grids, seed 1: of 64 states they would lie 0.02 from their own law. */
    private void drawsFollowTheLaw(
            double masked,
            ExactPosterior network,
            Function<NetworkConfiguration, PriorConfiguration> method,
            int steps) {
        Sampling sampling = Sampling.USUAL.steps(steps);
        SamplerLaw.Law law = SamplerLaw.of(joint, masked, network, method, sampling);
        assertThat(Arrays.stream(law.probability()).sum()).isCloseTo(1, within(1e-9));
        double[] shares = new double[joint.states()];
        Scope.free(() -> {
            try (Prior prior = method.apply(network).build(joint.space(), 0, new Seed(0), Devices.cpu())) {
                Seed seed = new Seed(1);
                List<Seed> seeds =
                        IntStream.range(0, DRAWN).mapToObj(seed::child).toList();
                long[] codes = Tensors.toLongs(prior.sample(prior.draw(sampling, RandomStreams.of(seeds))));
                for (int grid = 0; grid < DRAWN; grid++) {
                    int state = 0;
                    for (int place = 0; place < 6; place++) {
                        state = 2 * state + (int) codes[grid * 6 + place];
                    }
                    shares[state] += 1.0 / DRAWN;
                }
            }
        });
        double apart = 0;
        for (int state = 0; state < shares.length; state++) {
            apart += Math.abs(shares[state] - law.probability()[state]) / 2;
        }
        assertThat(apart).as("total variation of the draws to their law").isLessThan(0.03);
        assertThat(joint.totalVariation(law.probability())).as("to the joint").isGreaterThan(0.2);
    }

    @Test
    void calls_are_counted_for_a_draw_and_for_a_grid() {
        SamplerLaw.Law law =
                SamplerLaw.of(joint, 1, ExactPosterior.ofMasks(joint), SamplerLawTest::absorbing, steps(2));
        assertThat(law.passes()).isEqualTo(2);
        // asked in a step of two unless none of six coins falls, or all have fallen in the first
        assertThat(law.calls()).isCloseTo(2 * (1 - 1.0 / 64), within(1e-9));
    }

    @Test
    void sets_of_first_places_come_by_all_orders() {
        double[] weights = {1, 2, 0, 5};
        Decisions decisions = new Decisions();
        decisions.begin(1, List.of());
        Branches branches = Scope.value(() -> {
            Tensor log = Tensors.doubles(weights).log().view(1, 4);
            try {
                decisions.first(RandomStreams.Use.ORDER, 1, log, Tensors.longs(2));
                throw new AssertionError("nothing was decided");
            } catch (Branches thrown) {
                return thrown;
            }
        });
        assertThat(branches.count()).isEqualTo(3);
        for (int each = 0; each < 3; each++) {
            long[] chosen = branches.outcomes(each, each + 1);
            int[] two = IntStream.range(0, 4).filter(i -> chosen[i] == 1).toArray();
            double a = weights[two[0]] / 8;
            double b = weights[two[1]] / 8;
            assertThat(branches.share(each)).isCloseTo(a * b / (1 - a) + b * a / (1 - b), within(1e-12));
        }
    }

    @Test
    void orders_are_all_permutations_once() {
        List<String> orders = Decisions.permutations(4).stream()
                .map(Arrays::toString)
                .distinct()
                .toList();
        assertThat(orders).hasSize(24).contains("[3, 0, 2, 1]");
    }

    @Test
    void numbers_that_cannot_be_counted_are_refused() {
        Decisions decisions = new Decisions();
        assertThatThrownBy(() -> decisions.uniform(RandomStreams.Use.NOISE, 1, 6))
                .isInstanceOf(UnsupportedOperationException.class)
                .hasMessage("a law is of decisions that can be counted, and random numbers of use NOISE can't:"
                        + " ask for coins, pick, first, below or permutation");
    }

    private static Sampling steps(int steps) {
        return Sampling.USUAL.steps(steps).unmasking(Unmasking.USUAL.reveal(Reveal.COINS));
    }

    private static PriorConfiguration absorbing(NetworkConfiguration network) {
        return new AbsorbingConfiguration(network, null, null, null, null, null);
    }

    private static PriorConfiguration uniform(NetworkConfiguration network) {
        return new SeddConfiguration(
                network, Transitions.UNIFORM, null, Parametrisation.EXACT, null, null, null, null, null);
    }
}
