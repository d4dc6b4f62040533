package dev.smalti.prior.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.draw.Known;
import dev.smalti.draw.LogitFilter;
import dev.smalti.draw.Order;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.StepWatcher;
import dev.smalti.draw.Unmasking;
import dev.smalti.draw.UnsupportedSamplingException;
import dev.smalti.network.Denoiser;
import dev.smalti.network.Parameters;
import dev.smalti.prior.process.GridDraw.Step;
import dev.smalti.prior.process.GridDraw.Wish;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

class GridDrawTest {
    private static final TokenSpace SPACE = new TokenSpace(7, 2, 4);

    private static GridDraw draw(TokenSpace space, Sampling sampling) {
        RandomStreams streams = RandomStreams.of(List.of(new Seed(3), new Seed(4)));
        return new GridDraw(space, 0, new Parameters(new Seed(1), Devices.cpu()), sampling, streams);
    }

    /** @param drawn how many of the 8 places are, the last ones */
    private static Known known(int drawn) {
        boolean[] open = new boolean[8];
        Arrays.fill(open, 8 - drawn, 8, true);
        return new Known(2, 4, open, List.of(new long[8]));
    }

    @Test
    void has_the_times_that_are_wished_or_the_usual_ones() {
        Scope.free(() -> {
            assertThat(draw(SPACE, Sampling.USUAL).times(4)).containsExactly(1, 0.75, 0.5, 0.25, 0);
            assertThat(draw(SPACE, Sampling.USUAL.steps(2)).times(4)).containsExactly(1, 0.5, 0);
            assertThat(draw(SPACE, Sampling.USUAL.times(List.of(1.0, 0.3))).times(4))
                    .containsExactly(1, 0.3, 0);
        });
    }

    @Test
    void brings_grids_only_for_those_who_look_at_them() {
        Scope.free(() -> {
            List<String> seen = new ArrayList<>();
            for (boolean looks : new boolean[] {true, false}) {
                GridDraw draw = draw(SPACE, Sampling.USUAL)
                        .watcher(StepWatcher.of(
                                looks, (done, of, xt) -> seen.add(done + "/" + of + " " + (xt != null))));
                draw.run(new double[] {1, 0.5, 0}, null, draw::masks, (x, step) -> x);
            }
            assertThat(seen).containsExactly("1/2 true", "2/2 true", "1/2 false", "2/2 false");
        });
    }

    /** Of 8 places 3 are open; a share of 0.25 are 2 of 8, which are left. */
    @Test
    void reveals_row_by_row_what_is_masked_and_leaves_what_is_known() {
        Denoiser sure = (xt, time, label, at) -> Tensors.cat(
                1, Tensors.zeros(at.size(0), 1), Tensors.filled(30, at.size(0), 1), Tensors.zeros(at.size(0), 5));
        Scope.free(() -> {
            List<long[]> seen = new ArrayList<>();
            GridDraw draw = draw(SPACE, Sampling.USUAL)
                    .known(known(3))
                    .watcher((done, of, xt) -> seen.add(Tensors.toLongs(xt.select(0, 0))))
                    .able(Wish.UNMASKING);
            new MaskedWalk(draw, sure, false, MaskedShares.PLAIN, Unmasking.USUAL.order(Order.RASTER), true)
                    .run(new double[] {0.375, 0.25, 0.125, 0});
            assertThat(seen)
                    .containsExactly(
                            new long[] {0, 0, 0, 0, 0, 1, 7, 7},
                            new long[] {0, 0, 0, 0, 0, 1, 1, 7},
                            new long[] {0, 0, 0, 0, 0, 1, 1, 1});
        });
    }

    @Test
    void refuses_an_order_where_a_prior_draws_in_its_own() {
        Scope.free(() -> {
            GridDraw draw = draw(SPACE, Sampling.USUAL.order(Order.RASTER));
            assertThatThrownBy(() -> draw.run(new double[] {1, 0}, null, draw::masks, (x, step) -> x))
                    .isInstanceOf(UnsupportedSamplingException.class)
                    .hasMessageContainingAll("reveals no masked places", "leave out order");
        });
    }

    @Test
    void begins_with_masks_but_where_tokens_are_known() {
        Scope.free(() -> {
            assertThat(Tensors.toLongs(draw(SPACE, Sampling.USUAL).nothing()))
                    .hasSize(16)
                    .containsOnly(7);
            assertThat(Tensors.toLongs(
                            draw(SPACE, Sampling.USUAL).known(known(2)).masks()))
                    .containsExactly(0, 0, 0, 0, 0, 0, 7, 7, 0, 0, 0, 0, 0, 0, 7, 7);
        });
    }

    @Test
    void leaves_out_steps_after_which_no_more_is_known_than_before_the_first() {
        Scope.free(() -> {
            double[] times = {1, 0.75, 0.5, 0.25, 0};
            GridDraw all = draw(SPACE, Sampling.USUAL);
            assertThat(all.unknownYet(times, t -> t)).isEqualTo(times);
            GridDraw half = draw(SPACE, Sampling.USUAL).known(known(4));
            assertThat(half.unknownYet(times, t -> t)).containsExactly(new double[] {0.5, 0.25, 0}, within(1e-9));
            GridDraw three = draw(SPACE, Sampling.USUAL).known(known(3)); // 0.375, between two times
            assertThat(three.unknownYet(times, t -> t)).containsExactly(new double[] {0.375, 0.25, 0}, within(1e-9));
            GridDraw one = draw(SPACE, Sampling.USUAL).known(known(1)); // the last step is always taken
            assertThat(one.unknownYet(times, t -> t)).containsExactly(new double[] {0.125, 0}, within(1e-9));
        });
    }

    /** t² of the tokens are masked at t: a quarter at 1/2. */
    @Test
    void begins_when_as_many_are_masked_as_are_unknown_whatever_the_schedule() {
        Scope.free(() -> {
            GridDraw quarter = draw(SPACE, Sampling.USUAL).known(known(2));
            assertThat(quarter.unknownYet(new double[] {1, 0.9, 0.4, 0}, t -> t * t))
                    .containsExactly(new double[] {0.5, 0.4, 0}, within(1e-9));
            // whole times of a chain: 3 of 4 is the first at which a quarter is masked
            double[] left = quarter.unknownYet(new double[] {4, 3, 2, 0}, t -> Math.ceil(t) >= 3 ? 0.3 : 0.1);
            assertThat(left[0]).isGreaterThan(2).isLessThanOrEqualTo(3);
            assertThat(Math.ceil(left[0])).isEqualTo(3);
            assertThat(Arrays.copyOfRange(left, 1, left.length)).containsExactly(2, 0);
        });
    }

    @Test
    void seed_3_draws_the_same_codes_in_pieces_as_at_once() {
        int codes = 1 << 20; // 16 places are a piece, and there are 24
        Scope.free(() -> {
            TokenSpace space = new TokenSpace(codes, 3, 4);
            GridDraw draw = draw(space, Sampling.USUAL);
            Tensor at = torch.arange(new Scalar(24L), Tensors.options(ScalarType.Long));
            Tensor logits = torch.randn(
                    new long[] {24, codes},
                    new GeneratorOptional(new Seed(5).generator()),
                    Tensors.options(ScalarType.Float));
            long[] most = {0};
            long[] heard = {0};
            draw.listener((where, log, drawn) -> {
                most[0] = Math.max(most[0], log.numel());
                heard[0] += where.numel();
            });
            Step step = new Step(2, 3, 0.6, 0.3, null, LogitFilter.NONE);
            long[] pieces = Tensors.toLongs(draw.pick(at, logits, step));
            assertThat(most[0]).isLessThanOrEqualTo(GridDraw.PIECE);
            assertThat(heard[0]).isEqualTo(24);
            long[] whole = Tensors.toLongs(
                    RandomStreams.of(List.of(new Seed(3), new Seed(4))).pick(2, at, 12, logits.to(ScalarType.Double)));
            assertThat(pieces).isEqualTo(whole);
        });
    }
}
