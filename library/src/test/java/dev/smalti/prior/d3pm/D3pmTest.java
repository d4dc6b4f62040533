package dev.smalti.prior.d3pm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.corruption.Posterior;
import dev.smalti.draw.LogitFilter;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.Unmasking;
import dev.smalti.draw.Unmasking.Reveal;
import dev.smalti.network.Loss;
import dev.smalti.network.TransformerConfiguration;
import dev.smalti.prior.Prior;
import dev.smalti.prior.PriorObjective;
import dev.smalti.prior.TokenBatch;
import dev.smalti.prior.absorbing.AbsorbingConfiguration;
import dev.smalti.prior.d3pm.D3pmConfiguration.Noise;
import dev.smalti.prior.d3pm.D3pmConfiguration.Transitions;
import dev.smalti.prior.process.ImportanceMasking;
import dev.smalti.prior.process.LowDiscrepancyTimes;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.List;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class D3pmTest {
    private static final TokenSpace SPACE = new TokenSpace(7, 2, 3);
    private static final int T = 8;

    /** The same seed makes the same network; with the same times and masks it gives the same bound. */
    @Test
    void is_absorbing_diffusion_term_by_term_where_transitions_absorb() {
        try (Prior ours = d3pm(Transitions.ABSORBING, Posterior.NORMALISED, 0);
                Prior theirs = absorbing()) {
            for (int i = 0; i < 20; i++) {
                Seed seed = new Seed(i);
                Scope.free(() -> {
                    Loss own = plainLoss(ours, seed);
                    assertThat(own.total().item_double())
                            .isCloseTo(loss(theirs, seed).total().item_double(), within(1e-5));
                    assertThat(own.measures().get("elbo_bits").item_double())
                            .isCloseTo(own.total().item_double(), within(1e-9));
                });
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Posterior.class)
    void draws_what_absorbing_diffusion_draws_of_the_same_random_numbers(Posterior posterior) {
        try (Prior ours = d3pm(Transitions.ABSORBING, posterior, 0);
                Prior theirs = absorbing()) {
            for (int steps : new int[] {T, T / 2, 1}) {
                Sampling sampling = Sampling.USUAL
                        .unmasking(Unmasking.USUAL.reveal(Reveal.COINS))
                        .steps(steps)
                        .filter(new LogitFilter(0.7, 5, 0.9))
                        .guidance(2);
                assertThat(draw(ours, sampling)).isEqualTo(draw(theirs, sampling));
            }
        }
    }

    private static long[] draw(Prior prior, Sampling sampling) {
        List<Seed> seeds = LongStream.range(0, 20).mapToObj(new Seed(3)::child).toList();
        return Scope.value(() -> {
            RandomStreams draws = RandomStreams.of(seeds);
            long[] labels = LongStream.range(0, 20).map(i -> i % 3).toArray();
            return Tensors.toLongs(prior.sample(prior.draw(sampling, draws).labels(Tensors.longs(labels))));
        });
    }

    @Test
    void adds_the_cross_entropy_in_proportion() {
        double[] totals = new double[3];
        for (int i = 0; i < 3; i++) {
            try (Prior prior = d3pm(Transitions.UNIFORM, Posterior.JOINT, 0.5 * i, 0.001)) {
                totals[i] =
                        Scope.value(() -> plainLoss(prior, new Seed(2)).total().item_double());
            }
        }
        double entropy = totals[1] - totals[0];
        assertThat(totals[2] - totals[1]).isCloseTo(entropy, within(1e-6));
        // a network that starts from small weights guesses all codes alike; λ T CE
        assertThat(entropy).isCloseTo(0.5 * T * Math.log(7) / Math.log(2), within(0.01));
    }

    /** Of one grid at an early time nothing may be masked, and the network has nothing to say. */
    @Test
    void takes_grids_of_which_nothing_is_lost() {
        try (Prior prior = d3pm(Transitions.ABSORBING, Posterior.NORMALISED, 0.001)) {
            int nothing = 0;
            for (int i = 0; i < 40; i++) {
                Seed seed = new Seed(i);
                TokenBatch one = batch(1);
                double nats =
                        Scope.value(() -> prior.negativeLogLikelihood(new TokenBatch(one.codes(), one.labels()), seed)
                                .item_double());
                nothing += nats == 0 ? 1 : 0;
                assertThat(nats).isBetween(0.0, 1e4);
                Scope.free(() -> {
                    prior.parameters().training(true);
                    Tensor loss = prior.objectives().get(0).loss(one, 0, seed).total();
                    loss.backward();
                    assertThat(loss.item_double()).isFinite();
                });
            }
            assertThat(nothing).isPositive();
        }
    }

    @ParameterizedTest
    @EnumSource(Posterior.class)
    void measures_the_bound_with_what_is_left_at_the_end(Posterior posterior) {
        try (Prior prior = d3pm(Transitions.UNIFORM, posterior, 0);
                NoGradGuard guard = new NoGradGuard()) {
            double nats = Scope.value(() -> prior.negativeLogLikelihood(
                            new TokenBatch(batch(6000).codes(), batch(6000).labels()), new Seed(5))
                    .mean()
                    .item_double());
            double measured = 0;
            for (int i = 0; i < 1000; i++) {
                Seed seed = new Seed(i);
                measured += Scope.value(() ->
                                loss(prior, seed).measures().get("elbo_bits").item_double())
                        / 1000;
            }
            assertThat(measured).isCloseTo(nats / 6 / Math.log(2), within(0.05 * measured));
        }
    }

    @Test
    void has_a_finite_loss_and_gradient_in_bfloat16() {
        try (Prior prior = d3pm(Transitions.UNIFORM, Posterior.JOINT, 0.01)) {
            Scope.free(() -> {
                Loss loss = Precision.BF16.run(Devices.cpu(), () -> loss(prior, new Seed(1)));
                loss.total().backward();
                prior.parameters().weights().forEach((name, weight) -> assertThat(
                                weight.grad().isfinite().all().item_bool())
                        .as(name)
                        .isTrue());
            });
        }
    }

    @Test
    void refuses_what_it_cannot_do() {
        TransformerConfiguration network = new TransformerConfiguration(1, 8, 2, null);
        assertThatThrownBy(() -> new D3pmConfiguration(null, null, null, null, null, null, null, null))
                .hasMessage("network is required: give layers, width and heads");
        assertThatThrownBy(() -> new D3pmConfiguration(
                        network, Transitions.ABSORBING, Noise.LINEAR, null, null, null, null, null))
                .hasMessage(
                        "noise must be left out: absorbing transitions lose a token with probability 1/(T - t + 1)");
        assertThatThrownBy(() -> new D3pmConfiguration(network, null, null, 0, null, null, null, null))
                .hasMessage("steps must be at least 1, got 0");
        assertThatThrownBy(() -> new D3pmConfiguration(network, null, null, null, null, -1.0, null, null))
                .hasMessage("cross_entropy must be at least 0, got -1.0");
        try (Prior prior = d3pm(Transitions.UNIFORM, Posterior.NORMALISED, 0)) {
            assertThatThrownBy(() -> draw(prior, Sampling.USUAL.steps(T + 1)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("steps must be at most the 8 that the model was trained with, got 9");
        }
    }

    private static Prior d3pm(Transitions transitions, Posterior posterior, double crossEntropy) {
        return d3pm(transitions, posterior, crossEntropy, 0.3);
    }

    private static Prior d3pm(Transitions transitions, Posterior posterior, double crossEntropy, double deviation) {
        return new D3pmConfiguration(
                        new TransformerConfiguration(1, 16, 2, null, deviation),
                        transitions,
                        null,
                        T,
                        posterior,
                        crossEntropy,
                        null,
                        null)
                .build(SPACE, 2, new Seed(1), Devices.cpu());
    }

    private static Prior absorbing() {
        return new AbsorbingConfiguration(
                        new TransformerConfiguration(1, 16, 2, null, 0.3),
                        T,
                        AbsorbingConfiguration.Loss.ELBO,
                        null,
                        null,
                        null)
                .build(SPACE, 2, new Seed(1), Devices.cpu());
    }

    /** The loss of times and numbers that are drawn as absorbing diffusion draws them, all grids alike. */
    private static Loss plainLoss(Prior prior, Seed seed) {
        D3pm d3pm = (D3pm) prior;
        return new PriorObjective(prior.core(), 0.1, (x0, label, generator) -> {
                    Tensor t = LowDiscrepancyTimes.times(generator, x0.size(0), T);
                    Tensor u = Tensors.uniform(generator, x0.size(0), SPACE.length());
                    ImportanceMasking alike =
                            new ImportanceMasking(u, Tensors.ones(x0.size(0)).to(ScalarType.Double));
                    return d3pm.trainingLoss(d3pm.network(), x0, label, t, alike);
                })
                .loss(batch(60), 0, seed);
    }

    private static Loss loss(Prior prior, Seed seed) {
        return prior.objectives().get(0).loss(batch(60), 0, seed);
    }

    private static TokenBatch batch(int size) {
        long[] codes = LongStream.range(0, 6L * size).map(i -> i * i % 7).toArray();
        long[] labels = LongStream.range(0, size).map(i -> i % 2).toArray();
        Tensor grids = Tensors.longs(codes).view(size, 6);
        return new TokenBatch(grids, Tensors.longs(labels));
    }
}
