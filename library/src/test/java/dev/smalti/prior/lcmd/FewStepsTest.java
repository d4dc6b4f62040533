package dev.smalti.prior.lcmd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.network.Denoiser;
import dev.smalti.network.DiffusionTransformerConfiguration;
import dev.smalti.prior.lcmd.LcmdConfiguration.Embedding;
import dev.smalti.prior.lcmd.LcmdConfiguration.Origin;
import dev.smalti.prior.lcmd.LcmdConfiguration.Sampler;
import dev.smalti.prior.lcmd.LcmdConfiguration.Steps;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What the samplers lose in few steps, by the exact guess of a joint of four tokens of five codes: the first class of the known
 * joint that priors are tried on, with its cells the other way round, and five vectors of norm 4 in 16 dimensions.
 */
class FewStepsTest {
    private static final int CODES = 5;
    private static final int LENGTH = 4;
    private static final int WIDTH = 16;
    private static final int GRIDS = 101;
    private static final int AT_ONCE = 1000;

    /** λ that this schedule is kept within are those of t = 1/8 and 7/8, so that the steps of both ends lead nowhere. */
    private static final ShiftedCosine MIDDLE = new ShiftedCosine(1.0, -2 * Math.log(Math.tan(Math.PI / 16)));

    @Test
    void errors_fall_with_the_step_for_ddim_and_with_its_square_for_multistep() {
        Scope.free(() -> {
            double[] truth = end(Sampler.MULTISTEP, 1000); // which DDIM's come to as well;
            double[] ddim = errors(Sampler.DDIM, truth);
            double[] multistep = errors(Sampler.MULTISTEP, truth);
            for (int i = 1; i < ddim.length; i++) {
                assertThat(ddim[i - 1] / ddim[i]).as("DDIM").isCloseTo(2, within(0.3));
                assertThat(multistep[i - 1] / multistep[i]).as("multistep").isCloseTo(4, within(0.8));
            }
            assertThat(multistep[0]).isLessThan(ddim[0]);
        });
    }

    private static double[] errors(Sampler sampler, double[] truth) {
        return Arrays.stream(new int[] {32, 64, 128})
                .mapToDouble(steps -> error(end(sampler, steps), truth))
                .toArray();
    }

    /** The median of the grids' greatest: here and there a grid is so undecided that its tokens change. */
    private static double error(double[] z, double[] truth) {
        double[] each = new double[GRIDS];
        for (int i = 0; i < z.length; i++) {
            int grid = i / (LENGTH * WIDTH);
            each[grid] = Math.max(each[grid], Math.abs(z[i] - truth[i]));
        }
        Arrays.sort(each);
        return each[GRIDS / 2];
    }

    /** The vectors of {@value #GRIDS} grids, seed 3, which tokens are read of. [B·L·D] */
    private static double[] end(Sampler sampler, int steps) {
        try (Lcmd prior = build(MIDDLE, sampler)) {
            ExactGuess exact = exact(prior);
            List<double[]> seen = new ArrayList<>();
            Denoiser watched = (z, time, label, at) -> {
                seen.add(Tensors.toDoubles(z));
                return exact.logits(z, time, label, at);
            };
            prior.sample(watched, prior.draw(Sampling.USUAL.steps(steps), draws(0, GRIDS)));
            return seen.get(seen.size() - 1);
        }
    }

    /** Perfect draws score 0.043, independent tokens 0.68. */
    @ParameterizedTest
    @CsvSource({"3, 0.182, 0.160, 0.157", "7, 0.088, 0.086, 0.063"})
    void with_the_exact_guess_multistep_comes_nearest_to_the_joint(
            int steps, double ancestral, double ddim, double multistep) {
        assertThat(distance(Sampler.ANCESTRAL, steps)).as("ancestral").isCloseTo(ancestral, within(0.01));
        assertThat(distance(Sampler.DDIM, steps)).as("DDIM").isCloseTo(ddim, within(0.01));
        assertThat(distance(Sampler.MULTISTEP, steps)).as("multistep").isCloseTo(multistep, within(0.01));
    }

    /** Total variation of 20,000 grids, seed 3. */
    private static double distance(Sampler sampler, int steps) {
        return Scope.value(() -> {
            try (Lcmd prior = build(new ShiftedCosine(0.5, null), sampler)) {
                ExactGuess exact = exact(prior);
                List<Tensor> grids = new ArrayList<>();
                for (int from = 0; from < 20_000; from += AT_ONCE) {
                    grids.add(prior.sample(exact, prior.draw(Sampling.USUAL.steps(steps), draws(from, AT_ONCE))));
                }
                return exact.totalVariation(Tensors.cat(grids).view(-1, LENGTH));
            }
        });
    }

    private static Lcmd build(ShiftedCosine noise, Sampler sampler) {
        LcmdConfiguration configuration = new LcmdConfiguration(
                new DiffusionTransformerConfiguration(1, 16, 2, 16, null, null, null),
                new Embedding(WIDTH, Origin.NORMALISED, null),
                noise,
                null,
                null,
                null,
                null,
                null,
                new Steps(null, sampler),
                null,
                null);
        return (Lcmd) configuration.build(new TokenSpace(CODES, 2, 2), 0, new Seed(5), Devices.cpu());
    }

    private static ExactGuess exact(Lcmd prior) {
        return ExactGuess.of(
                CODES, LENGTH, prior.student().embeddings().vectors().detach(), 20, 2.3);
    }

    private static RandomStreams draws(int from, int count) {
        return RandomStreams.of(LongStream.range(from, from + count)
                .mapToObj(new Seed(3)::child)
                .toList());
    }
}
