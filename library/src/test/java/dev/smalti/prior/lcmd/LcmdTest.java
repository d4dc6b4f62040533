package dev.smalti.prior.lcmd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.draw.LogitFilter;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.StepWatcher;
import dev.smalti.network.DiffusionTransformerConfiguration;
import dev.smalti.network.HaltonTransformerConfiguration;
import dev.smalti.network.Loss;
import dev.smalti.network.NetworkConfiguration;
import dev.smalti.network.Objective;
import dev.smalti.network.TransformerConfiguration;
import dev.smalti.prior.TokenBatch;
import dev.smalti.prior.lcmd.LcmdConfiguration.Consistency;
import dev.smalti.prior.lcmd.LcmdConfiguration.Dropping;
import dev.smalti.prior.lcmd.LcmdConfiguration.Embedding;
import dev.smalti.prior.lcmd.LcmdConfiguration.Origin;
import dev.smalti.prior.lcmd.LcmdConfiguration.Sampler;
import dev.smalti.prior.lcmd.LcmdConfiguration.Share;
import dev.smalti.prior.lcmd.LcmdConfiguration.Steps;
import dev.smalti.prior.lcmd.LcmdConfiguration.Weights;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.Codebook;
import dev.smalti.token.TokenFile;
import dev.smalti.token.TokenSpace;
import dev.smalti.train.Player;
import dev.smalti.train.TrainLoop;
import dev.smalti.train.TrainingConfiguration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.DoubleStream;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The losses, the gradients, the samplers and the bound. */
class LcmdTest {
    private static final TokenSpace SPACE = new TokenSpace(3, 1, 3);
    private static final NetworkConfiguration NETWORK =
            new DiffusionTransformerConfiguration(2, 16, 2, 16, null, null, null);
    private static final int WIDTH = 6;

    @ParameterizedTest
    @EnumSource(Sampler.class)
    void the_exact_guess_leads_to_the_joint_by_every_sampler(Sampler sampler) {
        LcmdConfiguration configuration =
                with(Origin.NORMALISED, new ShiftedCosine(0.5, null), null, 0, new Steps(100, sampler));
        Scope.free(() -> {
            try (Lcmd prior = build(configuration)) {
                ExactGuess exact = exact(prior);
                Tensor independent = prior.sample(exact, prior.draw(Sampling.USUAL.steps(1), draws(10_000)));
                assertThat(exact.totalVariation(independent.view(-1, 3)))
                        .as("in one step, by which tokens are drawn as if independent")
                        .isGreaterThan(0.2);
                Tensor grids = prior.sample(exact, prior.draw(Sampling.USUAL, draws(10_000)));
                assertThat(exact.totalVariation(grids.view(-1, 3)))
                        .as("of 10,000 draws, seed 3, in 100 steps")
                        .isLessThan(0.04);
            }
        });
    }

    @Test
    void the_bound_of_the_exact_guess_is_the_entropy_and_of_another_lies_above_it() {
        Scope.free(() -> {
            try (Lcmd prior = build(with(Origin.NORMALISED, null, null, 0, null))) {
                ExactGuess exact = exact(prior);
                Tensor counts = exact.probabilities().mul(new Scalar(100_000.0)).ceil(); // as often as it is likely
                Tensor x = exact.states()
                        .repeat_interleave(counts.to(ScalarType.Long), new LongOptional(0), new LongOptional());
                Tensor weight = exact.probabilities()
                        .div(counts)
                        .repeat_interleave(counts.to(ScalarType.Long), new LongOptional(0), new LongOptional());
                Tensor nats = prior.negativeLogLikelihood(exact, new TokenBatch(x, null), new Seed(8))
                        .to(ScalarType.Double);
                double deviation = nats.std(false).item_double() / Math.sqrt(nats.numel());
                assertThat(deviation).isLessThan(0.03);
                assertThat(nats.mul(weight).sum().item_double()).isCloseTo(exact.entropy(), within(3 * deviation));
                Tensor untrained = prior.negativeLogLikelihood(new TokenBatch(x, null), new Seed(8))
                        .to(ScalarType.Double);
                assertThat(untrained.mul(weight).sum().item_double()).isGreaterThan(exact.entropy() + 0.2);
            }
        });
    }

    @Test
    void the_consistency_of_a_network_whose_guess_is_constant_is_zero() {
        Scope.free(() -> {
            try (Lcmd prior = build(paper())) { // its head starts at zero, so that all logits are
                assertThat(terms(prior).get("consistency").item_double()).isZero();
                train(prior, 20);
                assertThat(terms(prior).get("consistency").item_double()).isPositive();
            }
        });
    }

    @Test
    void the_divergence_is_that_of_the_two_distributions() {
        Scope.free(() -> {
            Tensor p = Tensors.doubles(0.5, 0.3, 0.2).view(1, 1, 3);
            Tensor q = Tensors.doubles(0.1, 0.3, 0.6).view(1, 1, 3);
            double truth = 0.5 * Math.log(0.5 / 0.1) + 0.2 * Math.log(0.2 / 0.6);
            assertThat(Lcmd.divergence(p.log(), q.log().add(new Scalar(4.0))).item_double())
                    .isCloseTo(truth, within(1e-12));
        });
    }

    @ParameterizedTest
    @EnumSource(Origin.class)
    void gradients_reach_the_embeddings_where_they_are_learnt_and_never_the_teacher(Origin origin) {
        Weights all = new Weights(1.0, 1.0, 0.005, 1.0, 1.0);
        Scope.free(() -> {
            try (Lcmd prior = build(with(origin, null, all, 0.2, null))) {
                prior.prepare(tokens(WIDTH));
                train(prior, 3);
                for (Tensor term : terms(prior).values()) {
                    prior.parameters().weights().values().forEach(each -> each.mutable_grad()
                            .reset());
                    term.backward(new Tensor(), new BoolOptional(true), false, new TensorArrayRefOptional());
                    Tensor weight = prior.parameters().all().get("embedding.weight");
                    assertThat(weight.grad().defined()).isEqualTo(origin != Origin.CODEBOOK);
                    if (origin != Origin.CODEBOOK) {
                        assertThat(weight.grad().abs().sum().item_double()).isPositive();
                    }
                }
                assertThat(prior.parameters().buffers()).allSatisfy((name, tensor) -> assertThat(tensor.requires_grad())
                        .isFalse());
                assertThat(prior.teacher().parameters().weights()).isEmpty();
            }
        });
    }

    @Test
    void the_teacher_starts_as_the_student_and_follows_it_by_its_decay() {
        Scope.free(() -> {
            try (Lcmd prior = build(paper())) {
                Map<String, Tensor> buffers = prior.parameters().buffers();
                prior.parameters().weights().forEach((name, weight) -> {
                    Tensor own = buffers.get("teacher." + name);
                    assertThat(own.equal(weight)).as(name).isTrue();
                    own.fill_(new Scalar(2.0));
                });
                prior.follow(0.9);
                prior.parameters().weights().forEach((name, weight) -> assertThat(buffers.get("teacher." + name)
                                .allclose(weight.mul(new Scalar(0.1)).add(new Scalar(1.8))))
                        .as(name)
                        .isTrue());
            }
        });
    }

    @Test
    void a_slower_teacher_moves_at_every_nth_step_alone_and_once_though_batches_come_in_parts() {
        LcmdConfiguration slower = new LcmdConfiguration(
                NETWORK,
                new Embedding(WIDTH, Origin.LEARNT, null),
                null,
                null,
                null,
                null,
                new Consistency(null, null, 3),
                0.75,
                null,
                null,
                null);
        Scope.free(() -> {
            try (Lcmd prior = build(slower)) {
                Objective<TokenBatch> objective = prior.objectives().get(0);
                Map<String, Tensor> buffers = prior.parameters().buffers();
                for (long step = 1; step <= 7; step++) {
                    double share = step % 3 == 0 ? 0.25 : 0;
                    Map<String, Tensor> before = new HashMap<>();
                    try (var guard = new NoGradGuard()) {
                        prior.parameters().weights().forEach((name, weight) -> {
                            weight.add_(new Scalar(0.1)); // as if it had learnt
                            before.put(name, buffers.get("teacher." + name).clone());
                        });
                    }
                    objective.loss(batch(), step, new Seed(step));
                    objective.loss(batch(), step, new Seed(10 + step));
                    String when = " at step " + step;
                    prior.parameters().weights().forEach((name, weight) -> {
                        Tensor teacher = buffers.get("teacher." + name);
                        Tensor moved = before.get(name).lerp(weight, new Scalar(share));
                        assertThat(teacher.allclose(moved)).as(name + when).isTrue();
                        assertThat(teacher.equal(before.get(name)))
                                .as(name + " stays" + when)
                                .isEqualTo(share == 0);
                    });
                }
            }
        });
    }

    @Test
    void without_consistency_there_is_no_teacher() {
        try (Lcmd prior = build(with(Origin.LEARNT, null, new Weights(1.0, 0.0, null, null, null), 0.2, null))) {
            assertThat(prior.teacher()).isNull();
            assertThat(prior.parameters().buffers()).isEmpty();
        }
    }

    @Test
    void only_terms_that_weigh_anything_are_computed_and_the_loss_is_their_weighted_sum() {
        Scope.free(() -> {
            try (Lcmd prior = build(with(Origin.LEARNT, null, new Weights(2.0, 0.0, 0.5, 0.0, 0.25), 0, null))) {
                var loss = prior.trainingLoss(batch().codes(), null, new Seed(2).generator(), false);
                Map<String, Tensor> terms = loss.measures();
                assertThat(terms).containsOnlyKeys("reconstruction", "diffusion", "cross_entropy");
                assertThat(loss.total().item_double())
                        .isCloseTo(
                                2 * terms.get("reconstruction").item_double()
                                        + 0.5 * terms.get("diffusion").item_double()
                                        + 0.25 * terms.get("cross_entropy").item_double(),
                                within(1e-5));
            }
        });
    }

    @Test
    void reconstruction_and_the_variational_term_are_the_bound() {
        ShiftedCosine noise = new ShiftedCosine(0.5, 3.0); // so that none weighs a thousand times as much as another
        Scope.free(() -> {
            try (Lcmd prior = build(with(Origin.LEARNT, noise, new Weights(1.0, 0.0, 0.0, 1.0, 0.0), 0, null))) {
                Tensor x = batch().codes().repeat(50, 1);
                wake(prior);
                Map<String, Tensor> terms = prior.terms(x, null, prior.chance(x, new Seed(6).generator()))
                        .means();
                Tensor nats = prior.negativeLogLikelihood(new TokenBatch(x, null), new Seed(7));
                double error = nats.std(false).item_double() / Math.sqrt(nats.numel()) / 3;
                double truth = nats.mean().item_double() / 3;
                assertThat(error).isLessThan(0.03 * truth);
                assertThat(terms.get("reconstruction").item_double()
                                + terms.get("variational").item_double())
                        .isCloseTo(truth, within(4 * Math.sqrt(2) * error));
            }
        });
    }

    @Test
    void other_terms_beside_the_variational_one_are_means_over_even_times_all_the_same() {
        Scope.free(() -> {
            try (Lcmd spread = build(with(Origin.LEARNT, null, new Weights(1.0, 0.0, 0.005, 1.0, 1.0), 0, null));
                    Lcmd even = build(with(Origin.LEARNT, null, new Weights(1.0, 0.0, 0.005, 0.0, 1.0), 0, null))) {
                Tensor x = batch().codes().repeat(50, 1);
                wake(spread);
                wake(even);
                Map<String, Tensor> some = spread.terms(x, null, spread.chance(x, new Seed(6).generator()))
                        .means();
                Map<String, Tensor> others = even.terms(x, null, even.chance(x, new Seed(8).generator()))
                        .means();
                for (String name : List.of("diffusion", "cross_entropy")) {
                    double other = others.get(name).item_double();
                    assertThat(some.get(name).item_double()).as(name).isCloseTo(other, within(0.04 * other));
                }
            }
        });
    }

    @Test
    void losses_by_time_are_those_of_even_times_whatever_times_are_drawn() {
        Scope.free(() -> {
            try (Lcmd spread = build(with(Origin.LEARNT, null, new Weights(1.0, 0.0, 0.0, 1e-30, 1.0), 0, null));
                    Lcmd even = build(with(Origin.LEARNT, null, new Weights(1.0, 0.0, 0.0, 0.0, 1.0), 0, null))) {
                Tensor x = batch().codes().repeat(200, 1);
                wake(spread);
                wake(even);
                double[] some = parts(spread.trainingLoss(x, null, new Seed(6).generator(), false));
                double[] others = parts(even.trainingLoss(x, null, new Seed(8).generator(), false));
                for (int i = 0; i < some.length; i++) {
                    assertThat(some[i]).as("part " + i).isCloseTo(others[i], within(0.05 * others[i]));
                }
                assertThat(others[9]).isGreaterThan(1.1 * others[0]);
            }
        });
    }

    @Test
    void losses_by_time_of_the_variational_term_make_up_all_of_it_but_the_distance_of_the_end_from_noise() {
        ShiftedCosine noise = new ShiftedCosine(0.5, 3.0); // which ends at 0.73
        Scope.free(() -> {
            try (Lcmd prior = build(with(Origin.LEARNT, noise, new Weights(1.0, 0.0, 0.0, 1.0, 0.0), 0, null))) {
                Tensor x = batch().codes().repeat(50, 1);
                wake(prior);
                double[] parts = parts(prior.trainingLoss(x, null, new Seed(6).generator(), false));
                double whole = prior.terms(x, null, prior.chance(x, new Seed(6).generator()))
                        .between()
                        .get("variational")
                        .mean()
                        .item_double();
                assertThat(DoubleStream.of(parts).sum() / 10).isCloseTo(whole, within(0.01 * whole));
                assertThat(parts[8]).isZero();
            }
        });
    }

    @Test
    void reconstruction_alone_has_no_losses_by_time() {
        Scope.free(() -> {
            try (Lcmd prior = build(with(Origin.LEARNT, null, new Weights(1.0, 0.0, 0.0, 0.0, 0.0), 0, null))) {
                assertThat(prior.trainingLoss(batch().codes(), null, new Seed(6).generator(), false)
                                .byTime())
                        .isNull();
            }
        });
    }

    /** Means of the parts of all times, 0 of one without. */
    private static double[] parts(Loss loss) {
        Tensor sums = loss.byTime().sums();
        return Tensors.toDoubles(sums.select(0, 0).div(sums.select(0, 1).clamp_min(new Scalar(1.0))));
    }

    /** Has an untrained network say something. */
    private static void wake(Lcmd prior) {
        try (var guard = new NoGradGuard()) {
            prior.parameters()
                    .weights()
                    .forEach((name, weight) ->
                            weight.normal_(0, 0.5, new Seed(9).child(name).optional()));
        }
    }

    /** A uniform guess of equally long embeddings of mean m is m, at squared distance |e(x)|² - 2 e(x)·m + |m|². */
    @Test
    void the_diffusion_loss_of_a_uniform_guess_is_the_distance_from_the_mean_embedding() {
        Scope.free(() -> {
            try (Lcmd prior = build(paper())) {
                Tensor e = prior.student().embeddings().vectors();
                Tensor x = batch().codes();
                double truth = Embeddings.of(e, x)
                        .sub(e.mean(0L))
                        .square()
                        .sum(-1)
                        .mean()
                        .item_double();
                assertThat(terms(prior).get("diffusion").item_double()).isCloseTo(truth, within(1e-5));
            }
        });
    }

    @Test
    void dropped_tokens_are_read_as_the_mask_and_a_linear_share_drops_none_at_the_clean_end() {
        Scope.free(() -> {
            double[] fixed = reconstructions(new Dropping(Share.FIXED, 0.5));
            double[] linear = reconstructions(new Dropping(Share.LINEAR, 1.0));
            double[] random = reconstructions(new Dropping(Share.RANDOM, 1.0));
            // once the clean end is learnt by heart only dropped tokens are in doubt
            assertThat(linear[0]).isLessThan(0.05);
            assertThat(fixed[0]).isGreaterThan(0.2);
            assertThat(random[0]).isGreaterThan(0.2);
        });
    }

    /** After training on random tokens. */
    private static double[] reconstructions(Dropping dropping) {
        LcmdConfiguration configuration = new LcmdConfiguration(
                NETWORK,
                new Embedding(WIDTH, Origin.NORMALISED, null),
                null,
                new Weights(1.0, 0.0, 0.0, 0.0, 0.0),
                dropping,
                true,
                null,
                null,
                null,
                null,
                null);
        try (Lcmd prior = build(configuration)) {
            double[] result = {terms(prior).get("reconstruction").item_double()};
            return result;
        }
    }

    @Test
    void collapse_is_measured_and_shows_when_embeddings_are_all_alike() {
        Scope.free(() -> {
            try (Lcmd prior = build(with(Origin.LEARNT, null, null, 0.2, null))) {
                Map<String, Tensor> before = prior.collapse(batch().codes(), null, new Seed(1).generator());
                assertThat(before)
                        .containsOnlyKeys(
                                "embedding_norm",
                                "embedding_distance",
                                "accuracy_at_0.1",
                                "accuracy_at_0.5",
                                "accuracy_at_0.9",
                                "entropy_at_0.1",
                                "entropy_at_0.5",
                                "entropy_at_0.9");
                assertThat(before.get("embedding_distance").item_double()).isGreaterThan(0.5);
                assertThat(before.get("entropy_at_0.5").item_double()).isCloseTo(Math.log(3), within(1e-6));
                try (var guard = new NoGradGuard()) {
                    prior.student().embeddings().vectors().fill_(new Scalar(0.5));
                }
                Map<String, Tensor> after = prior.collapse(batch().codes(), null, new Seed(1).generator());
                assertThat(after.get("embedding_norm").item_double()).isCloseTo(0.5 * Math.sqrt(WIDTH), within(1e-6));
                assertThat(after.get("embedding_distance").item_double()).isCloseTo(0, within(1e-3));
            }
        });
    }

    @Test
    void normalised_embeddings_have_norm_root_d_and_learnt_ones_start_near_one() {
        Scope.free(() -> {
            try (Lcmd normalised = build(with(Origin.NORMALISED, null, null, 0, null));
                    Lcmd learnt = build(new LcmdConfiguration(
                            NETWORK, null, null, null, null, null, null, null, null, null, null))) {
                for (double norm : Tensors.toDoubles(normalised
                        .student()
                        .embeddings()
                        .vectors()
                        .square()
                        .sum(1)
                        .sqrt())) {
                    assertThat(norm).isCloseTo(Math.sqrt(WIDTH), within(1e-5));
                }
                Tensor vectors = learnt.student().embeddings().vectors();
                assertThat(vectors.size(1)).isEqualTo(256);
                assertThat(vectors.square().sum(1).sqrt().mean().item_double()).isCloseTo(1, within(0.1));
            }
        });
    }

    @Test
    void a_codebook_is_taken_from_the_tokens_up_to_its_scale_and_kept_with_the_weights() {
        Scope.free(() -> {
            try (Lcmd prior = build(with(Origin.CODEBOOK, null, null, 0, null));
                    TokenFile tokens = tokens(WIDTH)) {
                prior.prepare(tokens);
                Tensor taken = prior.parameters().buffers().get("embedding.weight");
                Tensor given = tokens.codebook().orElseThrow().vectors();
                assertThat(taken.square().sum(1).mean().item_double()).isCloseTo(WIDTH, within(1e-4));
                Tensor ratio = taken.div(given);
                assertThat(ratio.sub(ratio.mean()).abs().max().item_double()).isLessThan(1e-4);
                assertThat(prior.teacher().embeddings().vectors().equal(taken)).isTrue();
                assertThat(prior.parameters().weights()).doesNotContainKey("embedding.weight");
            }
        });
    }

    @Test
    void tokens_without_a_codebook_or_with_one_of_another_width_are_refused_where_it_is_needed() {
        Scope.free(() -> {
            try (Lcmd prior = build(with(Origin.CODEBOOK, null, null, 0, null));
                    Lcmd learnt = build(paper());
                    TokenFile without = tokens(0);
                    TokenFile wide = tokens(WIDTH + 1)) {
                assertThatThrownBy(() -> prior.prepare(without))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("embedding.origin codebook")
                        .hasMessageContaining("has none");
                assertThatThrownBy(() -> prior.prepare(wide))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessage("embedding.dimension must be the 7 of the token file's codebook, got 6");
                learnt.prepare(without);
            }
        });
    }

    @Test
    void a_low_temperature_draws_the_likeliest_grid_more_often() {
        Scope.free(() -> {
            try (Lcmd prior = build(with(Origin.NORMALISED, null, null, 0, new Steps(20, null)))) {
                ExactGuess exact = exact(prior);
                Sampling sharp = Sampling.USUAL.filter(new LogitFilter(0.3, 0, 1));
                Tensor grids = prior.sample(exact, prior.draw(sharp, draws(1000)));
                Tensor usual = prior.sample(exact, prior.draw(Sampling.USUAL, draws(1000)));
                assertThat(exact.shares(grids.view(-1, 3)).max().item_double())
                        .as("share of the likeliest grid at temperature 0.3")
                        .isGreaterThan(exact.shares(usual.view(-1, 3)).max().item_double() + 0.1);
            }
        });
    }

    @Test
    void takes_as_many_steps_as_it_is_told_and_one_that_reads_the_tokens() {
        try (Lcmd prior = build(paper())) {
            List<Integer> seen = new ArrayList<>();
            Scope.free(() -> prior.sample(
                    prior.draw(Sampling.USUAL.steps(7), draws(2)).watcher((done, of, xt) -> seen.add(10 * done + of))));
            assertThat(seen).containsExactly(18, 28, 38, 48, 58, 68, 78, 88);
        }
    }

    @Test
    void a_network_that_reads_only_tokens_is_refused() {
        NetworkConfiguration halton = new HaltonTransformerConfiguration(1, 16, 2, null, null, null, null);
        assertThatThrownBy(() -> build(
                        new LcmdConfiguration(halton, null, null, null, null, null, null, null, null, null, null)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("halton reads tokens");
    }

    @Test
    void a_configuration_refuses_what_can_not_be() {
        assertThatThrownBy(() -> new Weights(0.0, 0.0, 0.0, 0.0, 0.0)).hasMessage("weights must not all be 0");
        assertThatThrownBy(() -> new Weights(null, -1.0, null, null, null))
                .hasMessage("weights.consistency must be at least 0, got -1.0");
        assertThatThrownBy(() -> new Dropping(null, 1.1)).hasMessage("dropping.ratio must be in [0, 1], got 1.1");
        assertThatThrownBy(() -> new Steps(0, null)).hasMessage("steps must be at least 1, got 0");
        assertThatThrownBy(() -> new Embedding(0, null, null)).hasMessage("dimension must be at least 1, got 0");
        assertThatThrownBy(
                        () -> new LcmdConfiguration(NETWORK, null, null, null, null, null, null, 1.0, null, null, null))
                .hasMessage("teacher must be in [0, 1), got 1.0");
        assertThatThrownBy(() -> new Consistency(null, 0.0, null))
                .hasMessage("consistency.nearby must be above 0 and at most 1, got 0.0");
        assertThatThrownBy(() -> new Consistency(null, null, 0))
                .hasMessage("consistency.every must be at least 1, got 0");
        NetworkConfiguration untold = new TransformerConfiguration(1, 16, 2, null);
        assertThatThrownBy(
                        () -> new LcmdConfiguration(untold, null, null, null, null, null, null, null, null, null, null))
                .hasMessageContaining("kind transformer is not told the noise");
    }

    private static final StepWatcher NONE = StepWatcher.NONE;

    private static LcmdConfiguration paper() {
        return with(Origin.LEARNT, null, null, 0.2, null);
    }

    private static LcmdConfiguration with(
            Origin origin, ShiftedCosine noise, Weights weights, double dropping, Steps steps) {
        return new LcmdConfiguration(
                NETWORK,
                new Embedding(WIDTH, origin, null),
                noise,
                weights,
                new Dropping(null, dropping),
                null,
                null,
                null,
                steps,
                null,
                null);
    }

    private static Lcmd build(LcmdConfiguration configuration) {
        return (Lcmd) configuration.build(SPACE, 0, new Seed(5), Devices.cpu());
    }

    private static ExactGuess exact(Lcmd prior) {
        return ExactGuess.of(3, 3, prior.student().embeddings().vectors().detach(), 4);
    }

    private static RandomStreams draws(int grids) {
        return RandomStreams.of(
                LongStream.range(0, grids).mapToObj(new Seed(3)::child).toList());
    }

    private static TokenBatch batch() {
        long[] codes = LongStream.range(0, 64 * 3).map(i -> i * i % 7 % 3).toArray();
        return new TokenBatch(Tensors.longs(codes).view(64, 3), null);
    }

    private static Map<String, Tensor> terms(Lcmd prior) {
        Tensor x = batch().codes();
        return prior.terms(x, null, prior.chance(x, new Seed(6).generator())).means();
    }

    private static void train(Lcmd prior, int steps) {
        TrainingConfiguration training = TrainingConfiguration.of(steps, 64, 1e-3, "fp32", "cpu");
        try (Player<TokenBatch> player = Player.of(prior.objectives().get(0), training, false)) {
            new TrainLoop<>(
                            List.of(player),
                            number -> batch(),
                            training,
                            new Seed(4),
                            Devices.cpu(),
                            List.of(),
                            () -> false)
                    .run(0);
        }
    }

    /** @param width of the codebook; 0 for none */
    private static TokenFile tokens(int width) {
        TokenFile.Builder builder = TokenFile.of(Tensors.filled(1, 4, 1, 3), 3);
        if (width > 0) {
            float[] numbers = new float[3 * width];
            for (int i = 0; i < numbers.length; i++) {
                numbers[i] = (float) Math.sin(i + 1.0) * 0.01f;
            }
            builder.codebook(new Codebook(Tensors.floats(numbers).view(3, width)));
        }
        return builder.build();
    }
}
