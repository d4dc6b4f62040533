package dev.smalti.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.corruption.Corruption;
import dev.smalti.corruption.Level;
import dev.smalti.corruption.Mixture;
import dev.smalti.corruption.Posterior;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.DoubleStream;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

/** What every corruption must do, by enumeration of its transition matrices for K = 4 codes. */
public abstract class CorruptionContract {
    protected static final int K = 4;
    protected static final TokenSpace SPACE = new TokenSpace(K, 1, 1);

    /** A number of a level, in which it loses ever more. */
    public record Loss(double kept, double masked) {}

    protected abstract Corruption corruption();

    /** From clean to all lost, at least four, each one reachable from those before. */
    protected abstract List<Loss> losses();

    @Test
    void keeps_masks_and_replaces_as_the_level_says() {
        for (Loss loss : losses()) {
            near(rows(log(x -> corruption().logMarginal(x, level(loss, K)), K)), marginal(loss), "marginal at " + loss);
        }
    }

    @Test
    void composes_its_steps_to_its_marginals() {
        pairs((s, t) -> {
            double[][] step = step(s, t);
            double[][] composed = product(marginal(s), step);
            near(composed, marginal(t), "steps to " + s + " and on to " + t);
            near(
                    rows(log(x -> corruption().logStep(x, level(s, states()), level(t, states())), states())),
                    step,
                    s + " to " + t);
        });
    }

    /** q(x_t | x_s), of which the marginals alone say all but what becomes of the mask. */
    private double[][] step(Loss s, Loss t) {
        double a = s.kept == 0 ? 0 : t.kept / s.kept;
        double c = s.masked == 1 ? 1 : 1 - (1 - t.masked) / (1 - s.masked);
        double[][] step = Arrays.copyOf(marginal(new Loss(a, c)), states());
        if (states() > K) {
            step[K] = new double[K + 1];
            step[K][K] = 1;
        }
        return step;
    }

    @Test
    void has_the_posterior_of_bayes_rule_in_every_reading() {
        Random random = new Random(3);
        pairs((s, t) -> {
            for (int v = 0; v < states(); v++) {
                if (arrives(t, v)) {
                    double[] p = guess(random);
                    for (Posterior reading : Posterior.values()) {
                        double[] found = posterior(reading, p, v, s, t);
                        String what = Phrase.of("%s at %d, from %s to %s").with(reading, v, t, s);
                        assertThat(found).as(what).containsExactly(bayes(reading, p, v, s, t), within(1e-9));
                    }
                }
            }
        });
    }

    @Test
    void counts_of_a_level_what_becomes_of_tokens() {
        for (Loss loss : losses()) {
            double[] counted = Scope.value(() -> {
                Level level = corruption().counting(level(loss, 1));
                return new double[] {level.kept().item_double(), level.masked().item_double()};
            });
            double[] row = marginal(loss)[0];
            double replaced = (1 - counted[0] - counted[1]) / K;
            assertThat(row[0]).as("kept at %s", loss).isCloseTo(counted[0] + replaced, within(1e-12));
            assertThat(row[1]).as("replaced at %s", loss).isCloseTo(replaced, within(1e-12));
            assertThat(states() > K ? row[K] : 0).as("masked at %s", loss).isCloseTo(counted[1], within(1e-12));
        }
    }

    @Test
    void has_its_posterior_in_few_numbers_too() {
        Random random = new Random(4);
        pairs((s, t) -> {
            for (int v = 0; v < states(); v++) {
                if (arrives(t, v)) {
                    double[] p = guess(random);
                    for (Posterior reading : Posterior.values()) {
                        int now = v;
                        double[] found = Scope.value(() -> mixture(reading, p, now, s, t));
                        String what = Phrase.of("%s at %d, from %s to %s").with(reading, v, t, s);
                        assertThat(found).as(what).containsExactly(bayes(reading, p, v, s, t), within(1e-9));
                    }
                }
            }
        });
    }

    /** Probabilities of the codes, all such alike. */
    private static double[] guess(Random random) {
        double[] p = random.doubles(K).map(u -> -Math.log(u)).toArray();
        double sum = Arrays.stream(p).sum();
        return Arrays.stream(p).map(each -> each / sum).toArray();
    }

    private double[] mixture(Posterior reading, double[] p, int v, Loss s, Loss t) {
        Tensor own = Tensors.doubles(v < K ? p[v] : 0.5); // of a mask any
        Level before = corruption().counting(level(s, 1));
        Level after = corruption().counting(level(t, 1));
        Mixture mixture = Mixture.of(reading, own, Tensors.longs(v), before, after, K);
        double[] all =
                Arrays.copyOf(Tensors.toDoubles(mixture.share(Tensors.doubles(p).unsqueeze(0))), states());
        all[v] = (v < K ? mixture.own() : mixture.mask()).item_double();
        return all;
    }

    @Test
    void has_the_likelihood_of_every_code() {
        for (Loss t : losses()) {
            double[][] marginal = marginal(t);
            for (int v = 0; v < states(); v++) {
                int now = v;
                double[] found = Scope.value(() -> Tensors.toDoubles(corruption()
                        .logLikelihood(Tensors.longs(now), level(t, 1))
                        .exp()));
                double[] expected =
                        Arrays.stream(marginal).mapToDouble(row -> row[now]).toArray();
                assertThat(found).as("of %d at %s", v, t).containsExactly(expected, within(1e-12));
            }
        }
    }

    @Test
    void has_the_posterior_of_a_known_token() {
        pairs((s, t) -> {
            double[][] likelihood = marginal(t);
            for (int i = 0; i < K; i++) {
                for (int v = 0; v < states(); v++) {
                    if (likelihood[i][v] > 1e-12) {
                        int clean = i;
                        int now = v;
                        double[] known = new double[K];
                        known[i] = 1;
                        double[] found = log(
                                x -> corruption()
                                        .logPosterior(
                                                Tensors.longs(clean), Tensors.longs(now), level(s, 1), level(t, 1)),
                                1);
                        assertThat(rows(found)[0])
                                .as("%d becomes %d, from %s to %s", i, v, t, s)
                                .containsExactly(bayes(Posterior.NORMALISED, known, v, s, t), within(1e-9));
                    }
                }
            }
        });
    }

    private boolean arrives(Loss t, int v) {
        return Arrays.stream(marginal(t)).anyMatch(row -> row[v] > 0);
    }

    private double[] bayes(Posterior reading, double[] p, int v, Loss s, Loss t) {
        double[][] first = marginal(s);
        double[][] then = step(s, t);
        double[] sum = new double[states()];
        for (int i = 0; i < K; i++) {
            double likelihood = 0;
            for (int j = 0; j < states(); j++) {
                likelihood += first[i][j] * then[j][v];
            }
            for (int j = 0; j < states() && likelihood > 0; j++) {
                double joint = first[i][j] * then[j][v] * p[i];
                sum[j] += reading == Posterior.NORMALISED ? joint / likelihood : joint;
            }
        }
        double all = Arrays.stream(sum).sum();
        return Arrays.stream(sum).map(each -> each / all).toArray();
    }

    @Test
    void has_the_same_posterior_for_grids_as_for_positions() {
        Loss s = losses().get(1);
        Loss t = losses().get(2);
        Scope.free(() -> {
            Tensor xt = Tensors.longs(
                    LongStream.range(0, 6).map(i -> i * 7 % states()).toArray());
            Tensor guess = Tensors.uniform(new Seed(4).generator(), 6, K).log();
            Tensor grids = corruption()
                    .logPosterior(
                            Posterior.NORMALISED,
                            guess.view(2, 3, K),
                            xt.view(2, 3),
                            new Level(Tensors.doubles(1, s.kept), Tensors.doubles(0, s.masked)),
                            new Level(Tensors.doubles(t.kept, t.kept), Tensors.doubles(t.masked, t.masked)));
            Tensor which = Tensors.longs(0, 0, 0, 1, 1, 1);
            Tensor positions = corruption()
                    .logPosterior(
                            Posterior.NORMALISED,
                            guess,
                            xt,
                            new Level(Tensors.doubles(1, s.kept), Tensors.doubles(0, s.masked)).rows(which),
                            level(t, 6));
            assertThat(Tensors.toDoubles(grids)).containsExactly(Tensors.toDoubles(positions));
        });
    }

    @Test
    void has_finite_gradients_where_a_guess_counts() {
        pairs((s, t) -> Scope.free(() -> {
            Tensor xt = Tensors.longs(LongStream.range(0, states())
                    .filter(v -> arrives(t, (int) v))
                    .toArray());
            xt = xt.masked_select(corruption().uncertain(xt));
            int rows = (int) xt.size(0);
            for (Posterior reading : Posterior.values()) {
                Tensor guess = Tensors.uniform(new Seed(5).generator(), rows, K).log();
                guess.set_requires_grad(true);
                corruption()
                        .logPosterior(reading, guess, xt, level(s, rows), level(t, rows))
                        .exp()
                        .mul(Tensors.uniform(new Seed(6).generator(), rows, states()))
                        .sum()
                        .backward();
                assertThat(DoubleStream.of(Tensors.toDoubles(guess.grad())).boxed())
                        .as(s + " to " + t)
                        .allMatch(Double::isFinite);
            }
        }));
    }

    @Test
    void seed_8_draws_lost_tokens_as_often_as_their_probability_says() {
        int n = 40_000;
        for (Loss loss : losses()) {
            double[][] expected = marginal(loss);
            Scope.free(() -> {
                Tensor x0 = Tensors.longs(0, 1, 2, 3).unsqueeze(1).expand(K, n).contiguous();
                Tensor u = Tensors.uniform(new Seed(8).generator(), K, n);
                long[] drawn = Tensors.toLongs(corruption().corrupt(x0, level(loss, K), u));
                double[][] found = new double[K][states()];
                for (int i = 0; i < drawn.length; i++) {
                    found[i / n][(int) drawn[i]] += 1.0 / n;
                }
                for (int i = 0; i < K; i++) {
                    for (int j = 0; j < states(); j++) {
                        double p = expected[i][j];
                        assertThat(found[i][j])
                                .as("%d becomes %d at %s", i, j, loss)
                                .isCloseTo(p, within(4 * Math.sqrt(p * (1 - p) / n) + 1e-9));
                    }
                }
            });
        }
    }

    @Test
    void keeps_all_when_clean_and_nothing_in_the_limit() {
        Loss clean = losses().get(0);
        Loss last = losses().get(losses().size() - 1);
        assertThat(List.of(clean.kept, clean.masked, last.kept)).containsExactly(1.0, 0.0, 0.0);
        Scope.free(() -> {
            Tensor x0 = Tensors.longs(0, 1, 2, 3);
            Tensor u = Tensors.doubles(0, 0.3, 0.7, Math.nextDown(1.0)); // the ends of [0, 1)
            assertThat(Tensors.toLongs(corruption().corrupt(x0, level(clean, K), u)))
                    .containsExactly(0, 1, 2, 3);
            double[][] rows = rows(Tensors.toDoubles(corruption().logMarginal(x0, level(last, K))));
            near(rows, new double[][] {rows[0], rows[0], rows[0], rows[0]}, "rows in the limit");
        });
    }

    /** A mask stays with probability γ̄_s / γ̄_t whatever the clean token is, and what is none never becomes one. */
    @Test
    void leaves_it_to_the_masks_alone_whether_one_stays() {
        double[] even = new double[K];
        Arrays.fill(even, 1.0 / K);
        pairs((s, t) -> {
            for (int v = 0; v < states(); v++) {
                if (states() > K && arrives(t, v)) {
                    double stays = posterior(Posterior.NORMALISED, even, v, s, t)[K];
                    assertThat(stays).isCloseTo(v == K ? s.masked / t.masked : 0, within(1e-9));
                }
            }
        });
    }

    @Test
    void refuses_tokens_that_are_none_of_its_own() {
        Level s = level(losses().get(1), 2);
        Level t = level(losses().get(2), 2);
        Tensor guess = Tensors.uniform(new Seed(1).generator(), 2, K);
        Tensor u = Tensors.doubles(0.5, 0.5);
        for (long bad : new long[] {-1, K}) {
            Tensor x0 = Tensors.longs(0, bad);
            String rule = (bad < 0 ? "0 or more" : "below " + K) + ", got " + bad + " at [1]";
            refused(() -> corruption().corrupt(x0, t, u), rule);
            refused(() -> corruption().logMarginal(x0, t), rule);
            refused(() -> corruption().logPosterior(x0, Tensors.longs(0, 0), s, t), rule);
        }
        for (long bad : new long[] {-1, states()}) {
            Tensor xt = Tensors.longs(0, bad);
            String rule = (bad < 0 ? "0 or more" : "below " + states()) + ", got " + bad + " at [1]";
            refused(() -> corruption().logStep(xt, s, t), rule);
            refused(() -> corruption().logPosterior(Tensors.longs(0, 0), xt, s, t), rule);
            refused(() -> corruption().logPosterior(Posterior.NORMALISED, guess, xt, s, t), rule);
        }
    }

    private static void refused(Runnable call, String rule) {
        assertThatThrownBy(call::run)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(rule);
    }

    private int states() {
        return Math.toIntExact(corruption().states());
    }

    private double[] posterior(Posterior reading, double[] p, int v, Loss s, Loss t) {
        double[] log = DoubleStream.of(p).map(Math::log).toArray();
        return Scope.value(() -> DoubleStream.of(Tensors.toDoubles(corruption()
                        .logPosterior(
                                reading, Tensors.doubles(log).view(1, K), Tensors.longs(v), level(s, 1), level(t, 1))))
                .map(Math::exp)
                .toArray());
    }

    /** The transition matrix of a level by its definition. [K, S] */
    private double[][] marginal(Loss loss) {
        double[][] rows = new double[K][states()];
        for (int i = 0; i < K; i++) {
            Arrays.fill(rows[i], Math.max(0, 1 - loss.kept - loss.masked) / K);
            rows[i][i] += loss.kept;
            if (states() > K) {
                rows[i][K] = loss.masked;
            }
        }
        return rows;
    }

    private static double[][] product(double[][] a, double[][] b) {
        double[][] product = new double[a.length][b[0].length];
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < b.length; j++) {
                for (int k = 0; k < b[j].length; k++) {
                    product[i][k] += a[i][j] * b[j][k];
                }
            }
        }
        return product;
    }

    private interface Row {
        Tensor of(Tensor tokens);
    }

    private static double[] log(Row row, int tokens) {
        return Scope.value(() -> Tensors.toDoubles(
                row.of(Tensors.longs(LongStream.range(0, tokens).toArray()))));
    }

    /** Probabilities of logarithms, one row a token. */
    protected final double[][] rows(double[] log) {
        double[][] rows = new double[log.length / states()][states()];
        for (int i = 0; i < log.length; i++) {
            rows[i / states()][i % states()] = Math.exp(log[i]);
        }
        return rows;
    }

    protected static void near(double[][] found, double[][] expected, String what) {
        for (int i = 0; i < expected.length; i++) {
            assertThat(found[i]).as(what).containsExactly(expected[i], within(1e-9));
        }
    }

    protected static Level level(Loss loss, int rows) {
        double[] kept = new double[rows];
        double[] masked = new double[rows];
        Arrays.fill(kept, loss.kept);
        Arrays.fill(masked, loss.masked);
        return new Level(Tensors.doubles(kept), Tensors.doubles(masked));
    }

    private interface Pair {
        void of(Loss s, Loss t);
    }

    /** Every level with every later one. */
    private void pairs(Pair pair) {
        for (int s = 0; s < losses().size(); s++) {
            for (int t = s + 1; t < losses().size(); t++) {
                pair.of(losses().get(s), losses().get(t));
            }
        }
    }
}
