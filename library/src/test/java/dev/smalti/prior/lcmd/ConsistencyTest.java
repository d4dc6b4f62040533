package dev.smalti.prior.lcmd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.network.DiffusionTransformerConfiguration;
import dev.smalti.prior.lcmd.Lcmd.Chance;
import dev.smalti.prior.lcmd.LcmdConfiguration.Consistency;
import dev.smalti.prior.lcmd.LcmdConfiguration.Dropping;
import dev.smalti.prior.lcmd.LcmdConfiguration.Embedding;
import dev.smalti.prior.lcmd.LcmdConfiguration.Pair;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What the consistency loss is, and where it is least: by enumeration of the states of a joint of four tokens of five codes,
 * the first class of the known joint that priors are tried on, with its cells the other way round.
 */
class ConsistencyTest {
    private static final int CODES = 5;
    private static final int LENGTH = 4;
    private static final int WIDTH = 16;
    private static final int GRIDS = 2000;

    /** By shift of the noise; nats a token. */
    @ParameterizedTest
    @CsvSource({"1, 0.16, 0.30", "0.5, 0.23, 0.44", "0.25, 0.27, 0.52"})
    void the_exact_posterior_pays_for_consistency_and_a_constant_guess_does_not(
            double shift, double flow, double data) {
        Scope.free(() -> {
            assertThat(Trial.of(shift, Pair.FLOW).cost()).as("flow").isCloseTo(flow, within(0.03));
            assertThat(Trial.of(shift, Pair.DATA).cost()).as("data").isCloseTo(data, within(0.03));
            Tensor constant = Tensors.doubles(0.1, 0.2, 0.3, 0.2, 0.2).log();
            assertThat(Lcmd.divergence(constant, constant).item_double()).isZero();
        });
    }

    /**
     * The weight of the diffusion loss beside a consistency of 1, above which the exact posterior pays less at z_t than any guess
     * that is the same everywhere, flow and data. The paper's is 0.005. Reconstruction is asked at z_0 alone, and such a guess
     * may be right there: so it is left out.
     */
    @ParameterizedTest
    @CsvSource({
        "256, 16, 1, 0.00026, 0.00047",
        "256, 16, 0.5, 0.00050, 0.00094",
        "256, 16, 0.16, 0.0014, 0.0028",
        "16, 4, 0.5, 0.028, 0.055",
        "16, 1, 0.5, 1.2, 2.3"
    })
    void the_exact_posterior_beats_a_constant_guess_from_this_weight_of_the_diffusion_loss_on(
            int width, double norm, double shift, double flow, double data) {
        Scope.free(() -> {
            assertThat(Trial.of(width, norm, shift, Pair.FLOW).least())
                    .as("flow")
                    .isCloseTo(flow, within(0.1 * flow));
            assertThat(Trial.of(width, norm, shift, Pair.DATA).least())
                    .as("data")
                    .isCloseTo(data, within(0.1 * data));
        });
    }

    /**
     * By the softmax's gradient, p(x | z_t) - p(x | z_s), a network whose logits are linear in what is known at t moves by
     * its products with that: 400 of them, of which the greatest of normal numbers would be about 3 deviations.
     */
    @Test
    void the_exact_posterior_is_stationary_where_the_pair_is_drawn_from_the_data_and_is_not_along_the_flow() {
        Scope.free(() -> {
            assertThat(Trial.of(0.5, Pair.DATA).pull()).isLessThan(4.5);
            assertThat(Trial.of(0.5, Pair.FLOW).pull()).isGreaterThan(12);
        });
    }

    /**
     * Exact guesses at both times of many pairs.
     *
     * @param now p(x | z_t), float64 [B, L, K]
     * @param less p(x | z_s)
     * @param distance |e(x) - x̂|² of p(x | z_t), a token in the mean
     * @param spread the same of the guess that has the least of all that are the same everywhere, p(x)
     */
    private record Trial(Tensor now, Tensor less, double distance, double spread) {
        static Trial of(double shift, Pair pair) {
            return of(WIDTH, Math.sqrt(WIDTH), shift, pair);
        }

        static Trial of(int width, double norm, double shift, Pair pair) {
            Generator generator = new Seed(12).generator();
            Tensor embeddings = normal(generator, CODES, width);
            Tensor norms = embeddings.square().sum(1).sqrt().unsqueeze(1);
            embeddings = embeddings.div(norms).mul(new Scalar(norm));
            ExactGuess exact = ExactGuess.of(CODES, LENGTH, embeddings, 20, 2.3);
            ShiftedCosine schedule = new ShiftedCosine(shift, null);
            Tensor t = Tensors.uniform(generator, GRIDS);
            NoiseLevel level = schedule.at(t);
            NoiseLevel lower = schedule.at(t.mul(Tensors.uniform(generator, GRIDS)));
            Tensor which = exact.probabilities().multinomial(GRIDS, true, new GeneratorOptional(generator));
            Tensor clean = Embeddings.of(embeddings, exact.states().index_select(0, which)); // [B, L, D]
            Tensor z = level.noised(clean, normal(generator, GRIDS, LENGTH, width));
            Tensor now = guess(exact, z, level);
            Tensor nearer = pair == Pair.FLOW
                    ? level.ddim(z, now.matmul(embeddings), lower)
                    : level.ancestral(z, clean, lower, normal(generator, GRIDS, LENGTH, width));
            double distance = distances(clean, now.matmul(embeddings)).mean().item_double();
            return new Trial(now, guess(exact, nearer, lower), distance, spread(exact));
        }

        /** Over all states. */
        private static double spread(ExactGuess exact) {
            Tensor all = Embeddings.of(exact.embeddings(), exact.states()); // [S, L, D]
            Tensor p = exact.probabilities().unsqueeze(1); // [S, 1]
            Tensor mean = p.unsqueeze(2).mul(all).sum(0L); // [L, D]
            return p.mul(distances(all, mean)).sum().item_double() / LENGTH;
        }

        /** [B, L, D] twice -> [B, L] */
        private static Tensor distances(Tensor e, Tensor mean) {
            return e.sub(mean).square().sum(-1);
        }

        private static Tensor guess(ExactGuess exact, Tensor z, NoiseLevel level) {
            Tensor time = level.lambda().mul(new Scalar(-0.5));
            return exact.logits(z, time, null, null).exp().view(-1, LENGTH, CODES);
        }

        private static Tensor normal(Generator generator, long... shape) {
            return torch.randn(shape, new GeneratorOptional(generator), Tensors.options(ScalarType.Double));
        }

        /** The consistency loss. */
        double cost() {
            return Lcmd.divergence(less.log(), now.log()).mean().item_double();
        }

        /** The weight of the diffusion loss that makes up for consistency. */
        double least() {
            return cost() / (spread - distance);
        }

        /** The greatest mean product of change and what is known, in standard errors. */
        double pull() {
            Tensor change = less.sub(now).flatten(1, -1).unsqueeze(2); // [B, L K, 1]
            Tensor known = now.flatten(1, -1);
            Tensor product = change.mul(known.sub(known.mean(0L)).unsqueeze(1)); // [B, L K, L K]
            Tensor errors =
                    product.sub(product.mean(0L)).square().mean(0L).sqrt().div(new Scalar(Math.sqrt(GRIDS)));
            return product.mean(0L).div(errors).abs().max().item_double();
        }
    }

    /** Against the formulas of the paper, a number at a time. */
    @ParameterizedTest
    @EnumSource(Pair.class)
    void the_consistency_loss_is_the_divergence_of_the_teachers_guess_at_the_nearer_point(Pair pair) {
        LcmdConfiguration configuration = new LcmdConfiguration(
                new DiffusionTransformerConfiguration(1, 16, 2, 16, null, null, null),
                new Embedding(3, null, null),
                null,
                null,
                new Dropping(null, 0.3),
                null,
                new Consistency(pair, 0.4, null),
                null,
                null,
                null,
                null);
        Scope.free(() -> {
            try (Lcmd prior = (Lcmd) configuration.build(new TokenSpace(4, 1, 2), 0, new Seed(5), Devices.cpu());
                    NoGradGuard guard = new NoGradGuard()) {
                Generator generator = new Seed(6).generator();
                prior.parameters()
                        .all()
                        .values()
                        .forEach(each -> each.normal_(0, 0.5, new GeneratorOptional(generator)));
                Tensor x = Tensors.longs(0, 3, 2, 2, 1, 0, 1, 3).view(4, 2);
                Chance chance = prior.chance(x, generator);
                double sum = 0;
                for (int i = 0; i < 4; i++) {
                    double t = chance.t().select(0, i).item_double();
                    double s = chance.s().select(0, i).item_double();
                    assertThat(s).isBetween(Math.max(0, t - 0.4), t);
                    sum += divergence(prior, x, chance, i, pair);
                }
                assertThat(prior.terms(x, null, chance)
                                .means()
                                .get("consistency")
                                .item_double())
                        .isCloseTo(sum / 8, within(1e-4 * sum));
            }
        });
    }

    /** Of one grid, summed over its tokens. */
    private static double divergence(Lcmd prior, Tensor x, Chance chance, int grid, Pair pair) {
        double t = chance.t().select(0, grid).item_double();
        double s = chance.s().select(0, grid).item_double();
        double[] at = level(t);
        double[] less = level(s);
        double[] vectors = Tensors.toDoubles(prior.student().embeddings().vectors());
        double[] mask = Tensors.toDoubles(prior.parameters().all().get("embedding.mask"));
        double[] theirs = Tensors.toDoubles(prior.teacher().embeddings().vectors());
        double[] fate = Tensors.toDoubles(chance.fate().select(0, grid));
        double[] noise = Tensors.toDoubles(chance.noise().select(0, grid));
        double[] clean = new double[6];
        double[] z = new double[6];
        for (int i = 0; i < 6; i++) {
            long code = x.select(0, grid).select(0, i / 3).item_long();
            clean[i] = fate[i / 3] < 0.3 ? mask[i % 3] : vectors[(int) code * 3 + i % 3];
            z[i] = at[0] * clean[i] + at[1] * noise[i];
        }
        double[] nearer = new double[6];
        if (pair == Pair.FLOW) {
            double[] p = guess(prior.teacher(), z, t);
            for (int i = 0; i < 6; i++) {
                double mean = 0;
                for (int k = 0; k < 4; k++) {
                    mean += p[i / 3 * 4 + k] * theirs[k * 3 + i % 3];
                }
                nearer[i] = less[0] * mean + less[1] / at[1] * (z[i] - at[0] * mean);
            }
        } else {
            double alpha = at[0] / less[0]; // α_{t|s}
            double variance = at[1] * at[1] - alpha * alpha * less[1] * less[1]; // σ²_{t|s}
            double[] between = Tensors.toDoubles(chance.between().select(0, grid));
            for (int i = 0; i < 6; i++) {
                double mean = (alpha * less[1] * less[1] * z[i] + less[0] * variance * clean[i]) / (at[1] * at[1]);
                nearer[i] = mean + Math.sqrt(variance) * less[1] / at[1] * between[i];
            }
        }
        double[] target = guess(prior.teacher(), nearer, s);
        double[] own = guess(prior.student(), z, t);
        double sum = 0;
        for (int i = 0; i < 8; i++) {
            sum += target[i] * Math.log(target[i] / own[i]);
        }
        return sum;
    }

    /** α and σ at a time, by the cosine schedule with shift 0.5. */
    private static double[] level(double t) {
        double ratio = Math.tan(Math.PI * t / 2) / 0.5; // σ / α
        return new double[] {1 / Math.sqrt(1 + ratio * ratio), ratio / Math.sqrt(1 + ratio * ratio)};
    }

    /** The probabilities of two tokens of four codes. */
    private static double[] guess(Guesser guesser, double[] z, double t) {
        Tensor time = Tensors.doubles(Math.log(Math.tan(Math.PI * t / 2) / 0.5));
        NoiseLevel level = new NoiseLevel(time.mul(new Scalar(-2.0)));
        Tensor logits = guesser.logits(Tensors.doubles(z).to(ScalarType.Float).view(1, 2, 3), level, null, null);
        return Tensors.toDoubles(torch.softmax(logits.to(ScalarType.Double), -1).flatten());
    }
}
