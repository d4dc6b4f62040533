package dev.smalti.prior.absorbing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.draw.Known;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.RandomStreams.Use;
import dev.smalti.draw.Sampling;
import dev.smalti.network.Denoiser;
import dev.smalti.network.TransformerConfiguration;
import dev.smalti.prior.TokenBatch;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.DoubleStream;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

/** Absorbing diffusion whose masked places show one of several mask tokens. */
class AbsorbingMasksTest {
    private static final int K = 3;
    private static final int MASKS = 2;

    private static AbsorbingDiffusion prior(TokenSpace space) {
        TransformerConfiguration network = new TransformerConfiguration(2, 16, 2, 0.0, 0.5);
        return new AbsorbingDiffusion(
                new AbsorbingConfiguration(network, null, null, null, null, null, MASKS, null, null),
                space,
                0,
                new Seed(1),
                Devices.cpu());
    }

    private static RandomStreams streams(int grids) {
        return RandomStreams.of(
                LongStream.range(0, grids).mapToObj(new Seed(2)::child).toList());
    }

    @Test
    void shows_the_network_the_same_mask_token_as_long_as_a_place_is_masked() {
        TokenSpace space = new TokenSpace(K, 3, 3);
        try (AbsorbingDiffusion prior = prior(space)) {
            List<long[]> seen = new ArrayList<>();
            Denoiser watched = (xt, time, label, at) -> {
                seen.add(Tensors.toLongs(xt));
                return prior.network().logits(xt, time, label, at);
            };
            Scope.free(() -> {
                boolean[] open = {false, true, true, true, true, true, true, true, true};
                Known known = new Known(3, 3, open, List.of(new long[] {2, 0, 0, 0, 0, 0, 0, 0, 0}));
                prior.sample(
                        watched, prior.draw(Sampling.USUAL.steps(4), streams(1)).known(known));
                long[] tokens =
                        Tensors.toLongs(prior.maskTokens().tokens(streams(1).uniform(Use.MASKS, 0, 9)));
                assertThat(LongStream.of(tokens).boxed())
                        .contains((long) K, K + 1L)
                        .allMatch(token -> token >= K && token < K + MASKS);
                assertThat(seen).hasSizeGreaterThan(1);
                long[] all = tokens.clone();
                all[0] = 2;
                assertThat(seen.get(0)).isEqualTo(all);
                for (long[] xt : seen) {
                    for (int place = 0; place < 9; place++) {
                        if (xt[place] >= K) {
                            assertThat(xt[place]).isEqualTo(tokens[place]);
                        }
                    }
                }
            });
        }
    }

    /** One pass draws two places independently given what they show, and jointly over that. */
    @Test
    void draws_jointly_in_one_pass_what_follows_from_the_mask_tokens() {
        TokenSpace space = new TokenSpace(K, 1, 2);
        try (AbsorbingDiffusion prior = prior(space)) {
            Denoiser first = (xt, time, label, at) -> { // both places say which mask token the first shows
                Tensor which = xt.select(1, 0).sub(new Scalar((long) K)); // [B], 0 or 1
                Tensor both = which.unsqueeze(1).expand(-1, 2).flatten().index_select(0, at);
                return torch.one_hot(both, K).to(ScalarType.Float).mul(new Scalar(100.0));
            };
            Scope.free(() -> {
                long[] drawn = Tensors.toLongs(prior.sample(first, prior.draw(Sampling.USUAL.steps(1), streams(400))));
                long ones = 0;
                for (int i = 0; i < drawn.length; i += 2) {
                    assertThat(drawn[i]).isEqualTo(drawn[i + 1]).isBetween(0L, 1L);
                    ones += drawn[i];
                }
                assertThat(ones).isBetween(160L, 240L);
            });
        }
    }

    @Test
    void seed_5_bounds_the_likelihood_in_the_mean_over_mask_tokens() {
        TokenSpace space = new TokenSpace(K, 1, 2);
        long[] x0 = {2, 0};
        try (AbsorbingDiffusion prior = prior(space)) {
            double exact = Scope.value(() -> {
                double sum = 0;
                for (long mask = K; mask < K + MASKS; mask++) {
                    sum += nats(prior, x0, mask, x0[1], 0) / 2 / 2; // one masked: either, of weight 1
                    sum += nats(prior, x0, x0[0], mask, 1) / 2 / 2;
                    for (long other = K; other < K + MASKS; other++) { // both, of weight 1/2
                        double both = nats(prior, x0, mask, other, 0) + nats(prior, x0, mask, other, 1);
                        sum += both / 2 / 4;
                    }
                }
                return sum;
            });
            double[] all = Scope.value(() -> Tensors.toDoubles(prior.negativeLogLikelihood(
                    new TokenBatch(
                            Tensors.longs(x0).view(1, 2).expand(20_000, 2).contiguous(), null),
                    new Seed(5))));
            double mean = DoubleStream.of(all).average().orElseThrow();
            double square = DoubleStream.of(all).map(x -> x * x).average().orElseThrow();
            double error = Math.sqrt((square - mean * mean) / all.length);
            assertThat(error).isLessThan(0.02 * exact);
            assertThat(mean).isCloseTo(exact, within(4 * error));
        }
    }

    /** -ln p of a place, given what both show. */
    private static double nats(AbsorbingDiffusion prior, long[] x0, long first, long second, int place) {
        Tensor logits = prior.network()
                .logits(Tensors.longs(first, second).view(1, 2), Tensors.floats(0), null, Tensors.longs(place));
        return -Tensors.toDoubles(torch.log_softmax(logits.detach(), -1))[(int) x0[place]];
    }
}
