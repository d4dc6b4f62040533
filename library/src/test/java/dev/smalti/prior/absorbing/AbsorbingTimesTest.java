package dev.smalti.prior.absorbing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.draw.Canvas;
import dev.smalti.draw.Known;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.network.Denoiser;
import dev.smalti.network.TransformerConfiguration;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

/**
 * A network that knows time is told t - 1 of the first t at which as many tokens are masked as there are, in draws as in
 * training, whatever the steps, the canvas and what is known.
 */
class AbsorbingTimesTest {
    private static final int T = 64;
    private static final TokenSpace SPACE = new TokenSpace(5, 4, 4);

    /** Times told in a step, and the share of the places that are masked then, of all grids. */
    private record Told(double time, double masked) {}

    private static List<Told> told(Sampling sampling, Known known) {
        return told(sampling, known, null);
    }

    /** @param usual steps that the recipe names for draws */
    private static List<Told> told(Sampling sampling, Known known, Integer usual) {
        AbsorbingConfiguration configuration = new AbsorbingConfiguration(
                new TransformerConfiguration(1, 8, 2, null),
                T,
                null,
                null,
                null,
                null,
                null,
                null,
                new AbsorbingConfiguration.Drawn(usual));
        List<Told> told = new ArrayList<>();
        try (AbsorbingDiffusion prior = new AbsorbingDiffusion(configuration, SPACE, 0, new Seed(1), Devices.cpu())) {
            double[] masked = {known == null ? 1 : 0.25};
            Denoiser network = (xt, time, label, at) -> {
                double[] times = Tensors.toDoubles(time);
                assertThat(Arrays.stream(times).distinct().count()).isEqualTo(1);
                if (told.isEmpty() || told.get(told.size() - 1).time() != times[0]) {
                    told.add(new Told(times[0], masked[0]));
                }
                return Tensors.zeros(at.numel(), SPACE.codes());
            };
            List<Seed> seeds =
                    LongStream.range(0, 500).mapToObj(new Seed(7)::child).toList();
            Scope.free(() -> prior.sample(
                    network,
                    prior.draw(sampling, RandomStreams.of(seeds)).known(known).watcher((done, of, xt) -> {
                        Tensor lost = xt.eq(new Scalar(SPACE.mask()));
                        masked[0] = lost.sum().item_double() / lost.numel();
                    })));
        }
        return told;
    }

    private static void check(List<Told> told, double... times) {
        assertThat(told.stream().mapToDouble(Told::time))
                .containsExactly(Arrays.stream(times).boxed().toArray(Double[]::new));
        for (Told each : told) { // (t - 1) / T is below the share that is masked in the mean, t / T not
            assertThat((each.time() + 1) / T).isCloseTo(each.masked(), within(0.03));
        }
    }

    @Test
    void seed_7_tells_the_masked_share_in_few_equal_steps() {
        check(told(Sampling.USUAL.steps(8), null), 63, 55, 47, 39, 31, 23, 15, 7);
    }

    @Test
    void seed_7_tells_the_same_of_a_list_of_the_same_times() {
        List<Double> times = List.of(1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125);
        assertThat(told(Sampling.USUAL.times(times), null)).isEqualTo(told(Sampling.USUAL.steps(8), null));
        check(told(Sampling.USUAL.times(List.of(1.0, 0.5, 0.1)), null), 63, 31, 6);
    }

    @Test
    void seed_7_tells_the_masked_share_of_a_canvas() {
        check(told(Sampling.USUAL.steps(4).canvas(new Canvas(6, 6)), null), 63, 47, 31, 15);
    }

    @Test
    void seed_7_draws_in_as_many_steps_as_the_recipe_names() {
        assertThat(told(Sampling.USUAL, null, 8)).isEqualTo(told(Sampling.USUAL.steps(8), null));
        assertThat(told(Sampling.USUAL.steps(4), null, 8)).isEqualTo(told(Sampling.USUAL.steps(4), null));
        assertThat(told(Sampling.USUAL.canvas(new Canvas(8, 8)), null, 8)).hasSize(32); // four times the places
        assertThatThrownBy(() -> told(Sampling.USUAL, null, T + 1))
                .hasMessage("sampling.steps must be at most the 64 steps of the diffusion, got 65");
    }

    /** A quarter of the grid is drawn: steps before that are needless. */
    @Test
    void seed_7_tells_the_masked_share_where_tokens_are_known() {
        boolean[] open = new boolean[16];
        Arrays.fill(open, 12, 16, true);
        Known known = new Known(4, 4, open, List.of(new long[16]));
        check(told(Sampling.USUAL.steps(8), known), 15, 7);
        check(told(Sampling.USUAL.steps(3), known), 15);
    }
}
