package dev.smalti.prior.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.corruption.Absorbing;
import dev.smalti.corruption.Corruption;
import dev.smalti.corruption.Level;
import dev.smalti.corruption.MaskAndReplace;
import dev.smalti.corruption.Posterior;
import dev.smalti.corruption.Schedule;
import dev.smalti.corruption.Uniform;
import dev.smalti.draw.Guidance;
import dev.smalti.draw.LogitFilter;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.RandomStreams.Use;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.UnsupportedSamplingException;
import dev.smalti.network.Denoiser;
import dev.smalti.network.Parameters;
import dev.smalti.prior.process.GridDraw.Step;
import dev.smalti.prior.process.ReverseProcess.Terms;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntFunction;
import java.util.stream.DoubleStream;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Everything summed over, for K = 3 codes and L = 2 tokens: grid x holds the codes x / K and x mod K, and a state of S
 * likewise.
 */
class ReverseProcessTest {
    private static final int K = 3;
    private static final int L = 2;
    private static final int GRIDS = 9;
    private static final TokenSpace SPACE = new TokenSpace(K, 1, L);

    private enum Kind {
        UNIFORM(new Uniform(SPACE), Schedule::cosine, Posterior.NORMALISED),
        UNIFORM_JOINT(new Uniform(SPACE), Schedule::cosine, Posterior.JOINT),
        UNIFORM_CONTEXT(new Uniform(SPACE), Schedule::cosine, Posterior.CONTEXT),
        ABSORBING(new Absorbing(SPACE), Schedule::absorbing, Posterior.NORMALISED),
        ABSORBING_CONTEXT(new Absorbing(SPACE), Schedule::absorbing, Posterior.CONTEXT),
        MASK_AND_REPLACE(new MaskAndReplace(SPACE), Schedule::maskAndReplace, Posterior.NORMALISED),
        MASK_AND_REPLACE_JOINT(new MaskAndReplace(SPACE), Schedule::maskAndReplace, Posterior.JOINT),
        MASK_AND_REPLACE_CONTEXT(new MaskAndReplace(SPACE), Schedule::maskAndReplace, Posterior.CONTEXT),
        AS_RELEASED(new MaskAndReplace(SPACE), Schedule::maskAndReplaceAsReleased, Posterior.NORMALISED);

        private final Corruption corruption;
        private final IntFunction<Schedule> schedule;
        private final Posterior posterior;

        Kind(Corruption corruption, IntFunction<Schedule> schedule, Posterior posterior) {
            this.corruption = corruption;
            this.schedule = schedule;
            this.posterior = posterior;
        }

        int states() {
            return Math.toIntExact(corruption.states());
        }
    }

    /** A chain of one kind in T steps, with its matrices. */
    private static final class World {
        private final Kind kind;
        private final Schedule schedule;
        private final ReverseProcess reversal;
        private final int steps;
        private final int states;
        /** q(x_t | x_0) of one token: [t][x_0][x_t]. */
        private final double[][][] marginal;

        private final Map<List<Integer>, double[]> transitions = new HashMap<>();

        World(Kind kind, int steps) {
            this.kind = kind;
            this.steps = steps;
            this.states = kind.states();
            this.schedule = kind.schedule.apply(steps);
            this.reversal = new ReverseProcess(SPACE, kind.corruption, schedule, kind.posterior);
            this.marginal = new double[steps + 1][][];
            Arrays.setAll(marginal, this::matrix);
        }

        private double[][] matrix(int t) {
            double[] flat = Scope.value(() -> Tensors.toDoubles(kind.corruption
                    .logMarginal(Tensors.longs(0, 1, 2), level(t, K))
                    .exp()));
            double[][] rows = new double[K][states];
            for (int i = 0; i < flat.length; i++) {
                rows[i / states][i % states] = flat[i];
            }
            return rows;
        }

        private Level level(int t, int rows) {
            return schedule.at(Tensors.filled(t, rows), Devices.cpu());
        }

        /** q(x_t | x_s) of one token. */
        private double step(int s, int t, int from, int to) {
            return transitions.computeIfAbsent(List.of(s, t), key -> transition(s, t))[from * states + to];
        }

        private double[] transition(int s, int t) {
            return Scope.value(() -> {
                Tensor all = Tensors.longs(LongStream.range(0, states).toArray());
                return Tensors.toDoubles(kind.corruption
                        .logStep(all, level(s, states), level(t, states))
                        .exp());
            });
        }

        double forward(int t, int grid, int state) {
            double[][] q = marginal[t];
            return q[grid / K][state / states] * q[grid % K][state % states];
        }

        /**
         * What a network that knows p makes of x_t, one row a position: p(x_0 | x_t), or what is exact in the other
         * readings, p(x_0 | x_t) / q(x_t | x_0) (but at t = 1 of the joint one, where the guess is taken as it is).
         */
        double[][] guess(double[] p, int t, int state) {
            double[][] guess = new double[L][K];
            for (int grid = 0; grid < GRIDS; grid++) {
                double joint = p[grid] * forward(t, grid, state);
                guess[0][grid / K] += joint;
                guess[1][grid % K] += joint;
            }
            int[] tokens = {state / states, state % states};
            for (int i = 0; i < L; i++) {
                for (int k = 0; k < K; k++) {
                    double likelihood = marginal[t][k][tokens[i]];
                    boolean asItIs =
                            kind.posterior == Posterior.NORMALISED || kind.posterior == Posterior.JOINT && t == 1;
                    guess[i][k] /= asItIs || likelihood == 0 ? 1 : likelihood;
                }
                double sum = Arrays.stream(guess[i]).sum();
                for (int k = 0; k < K; k++) {
                    guess[i][k] /= sum;
                }
            }
            return guess;
        }

        /** A denoiser that says what {@code table} says. */
        Denoiser denoiser(Guess table) {
            return (xt, time, label, at) -> {
                long[] tokens = Tensors.toLongs(xt);
                double[] times = Tensors.toDoubles(time);
                double[] all = new double[tokens.length * K];
                for (int b = 0; b < times.length; b++) {
                    int state = (int) (tokens[L * b] * states + tokens[L * b + 1]);
                    double[][] guess = table.of((int) times[b] + 1, state);
                    for (int i = 0; i < L * K; i++) {
                        all[b * L * K + i] = Math.log(guess[i / K][i % K]);
                    }
                }
                return Tensors.doubles(all).view(-1, K).index_select(0, at);
            };
        }

        /** A guess with what the token itself tells, where it is of the others alone. */
        double[] heard(double[] guess, int token, int t) {
            if (kind.posterior != Posterior.CONTEXT) {
                return guess;
            }
            double[] all = new double[K];
            Arrays.setAll(all, k -> guess[k] * marginal[t][k][token]);
            double sum = Arrays.stream(all).sum();
            return Arrays.stream(all).map(each -> each / sum).toArray();
        }

        /** p(x_s | x_t) of one token, of a guess that has heard it, by enumeration. */
        double[] back(double[] guess, int token, int s, int t) {
            double[] sum = new double[states];
            for (int k = 0; k < K; k++) {
                for (int j = 0; j < states && marginal[t][k][token] > 0; j++) {
                    double joint = marginal[s][k][j] * step(s, t, j, token);
                    boolean asItIs = kind.posterior != Posterior.JOINT || t == 1;
                    sum[j] += guess[k] * joint / (asItIs ? marginal[t][k][token] : 1);
                }
            }
            double all = Arrays.stream(sum).sum();
            sum[token] += all == 0 ? 1 : 0; // a token that is never lost but to the mask
            return Arrays.stream(sum).map(each -> all == 0 ? each : each / all).toArray();
        }

        Tensor tokens(List<Integer> states) {
            return Tensors.longs(states.stream()
                            .flatMapToLong(x -> LongStream.of(x / this.states, x % this.states))
                            .toArray())
                    .view(-1, L);
        }
    }

    @FunctionalInterface
    private interface Guess {
        /** p(x_0 | x_t) of each position. */
        double[][] of(int t, int state);
    }

    /** A distribution of grids whose tokens depend on each other. */
    private static double[] known() {
        Random random = new Random(5);
        double[] p = DoubleStream.generate(() -> Math.exp(2 * random.nextGaussian()))
                .limit(GRIDS)
                .toArray();
        double sum = Arrays.stream(p).sum();
        return Arrays.stream(p).map(each -> each / sum).toArray();
    }

    private static double entropy(double[] p) {
        return -Arrays.stream(p).map(each -> each * Math.log(each)).sum();
    }

    /** Another guess for each time, state and position. */
    private static double[][] arbitrary(int t, int state) {
        Random random = new Random(1000 * t + state);
        double[][] guess = new double[L][K];
        for (double[] each : guess) {
            Arrays.setAll(each, k -> Math.exp(1.5 * random.nextGaussian()));
            double sum = Arrays.stream(each).sum();
            Arrays.setAll(each, k -> each[k] / sum);
        }
        return guess;
    }

    /** One step back, of a network that knows all, is the truth: p(x_s | x_t) by the chain's own joint distribution. */
    @ParameterizedTest
    @EnumSource(Kind.class)
    void goes_back_exactly_if_the_network_knows_all(Kind kind) {
        World world = new World(kind, 4);
        double[] p = known();
        for (int t = 1; t <= 4; t++) {
            for (int s = 0; s < t; s++) {
                for (int state = 0; state < world.states * world.states; state++) {
                    double[] first = new double[world.states];
                    for (int grid = 0; grid < GRIDS; grid++) {
                        for (int j = 0; j < world.states; j++) {
                            first[j] += p[grid]
                                    * world.marginal[s][grid / K][j]
                                    * world.step(s, t, j, state / world.states)
                                    * world.marginal[t][grid % K][state % world.states];
                        }
                    }
                    double sum = Arrays.stream(first).sum();
                    boolean joint = kind.posterior == Posterior.JOINT;
                    if (sum > 0 && !(joint && t == 1)) {
                        double[] expected =
                                Arrays.stream(first).map(each -> each / sum).toArray();
                        double[] found = back(world, world.guess(p, t, state)[0], state / world.states, s, t);
                        assertThat(found)
                                .as("x_%d of state %d of x_%d", s, state, t)
                                .containsExactly(expected, within(1e-9));
                    }
                }
            }
        }
    }

    private static double[] back(World world, double[] guess, int token, int s, int t) {
        double[] log = DoubleStream.of(guess).map(Math::log).toArray();
        return Scope.value(() -> DoubleStream.of(Tensors.toDoubles(world.reversal.back(
                        Tensors.doubles(log).view(1, K), Tensors.longs(token), Tensors.longs(t), Tensors.longs(s))))
                .map(Math::exp)
                .toArray());
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void bounds_the_entropy_ever_closer_if_the_network_knows_all(Kind kind) {
        double[] p = known();
        double before = Double.POSITIVE_INFINITY;
        for (int steps : new int[] {2, 6, 24}) {
            World world = new World(kind, steps);
            double[] bounds = bounds(world, world.denoiser((t, state) -> world.guess(p, t, state)));
            double bound = 0;
            for (int grid = 0; grid < GRIDS; grid++) {
                bound += p[grid] * bounds[grid];
            }
            assertThat(bound - entropy(p)).as("gap at T = " + steps).isBetween(0.0, before);
            before = bound - entropy(p);
        }
        assertThat(before).as("gap at T = 24").isLessThan(0.1);
    }

    /** The bound of each grid, priorNats and all, summed over t and x_t. */
    private static double[] bounds(World world, Denoiser denoiser) {
        double[] bounds = new double[GRIDS];
        Arrays.fill(bounds, world.reversal.priorNats());
        for (int t = 1; t <= world.steps; t++) {
            List<Integer> grids = new ArrayList<>();
            List<Integer> states = new ArrayList<>();
            for (int grid = 0; grid < GRIDS; grid++) {
                for (int state = 0; state < world.states * world.states; state++) {
                    if (world.forward(t, grid, state) > 0) {
                        grids.add(grid);
                        states.add(state);
                    }
                }
            }
            double[] nats = terms(world, denoiser, t, grids, states);
            for (int i = 0; i < nats.length; i++) {
                bounds[grids.get(i)] += world.forward(t, grids.get(i), states.get(i)) * nats[i];
            }
        }
        return bounds;
    }

    private static double[] terms(World world, Denoiser denoiser, int t, List<Integer> grids, List<Integer> states) {
        return Scope.value(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                Tensor x0 = Tensors.longs(grids.stream()
                                .flatMapToLong(x -> LongStream.of(x / K, x % K))
                                .toArray())
                        .view(-1, L);
                Terms terms =
                        world.reversal.terms(denoiser, x0, world.tokens(states), Tensors.filled(t, grids.size()), null);
                return Tensors.toDoubles(terms.divergence().sum(1));
            }
        });
    }

    /** KL(q ‖ p) of each token by enumeration, whatever the network says. */
    @ParameterizedTest
    @EnumSource(Kind.class)
    void has_the_divergence_of_an_arbitrary_network(Kind kind) {
        World world = new World(kind, 3);
        for (int t = 1; t <= 3; t++) {
            for (int state = 0; state < world.states * world.states; state++) {
                int grid = (state + t) % GRIDS;
                if (world.forward(t, grid, state) > 0) {
                    double expected = 0;
                    int[] clean = {grid / K, grid % K};
                    int[] now = {state / world.states, state % world.states};
                    for (int i = 0; i < L; i++) {
                        double[] known = new double[K];
                        known[clean[i]] = 1;
                        double[] q = exact(world, known, now[i], t);
                        double[] guess = world.heard(arbitrary(t, state)[i], now[i], t);
                        double[] p = world.back(guess, now[i], t - 1, t);
                        for (int j = 0; j < world.states; j++) {
                            expected += q[j] == 0 ? 0 : q[j] * Math.log(q[j] / p[j]);
                        }
                    }
                    double[] found = terms(
                            world, world.denoiser(ReverseProcessTest::arbitrary), t, List.of(grid), List.of(state));
                    assertThat(found[0])
                            .as("grid %d, state %d of x_%d", grid, state, t)
                            .isCloseTo(expected, within(1e-9));
                }
            }
        }
    }

    /** Of divergence and entropy by what the network says, against small changes of it. */
    @ParameterizedTest
    @EnumSource(Kind.class)
    void has_the_gradient_of_an_arbitrary_network(Kind kind) {
        World world = new World(kind, 3);
        Scope.free(() -> {
            for (int t = 1; t <= 3; t++) {
                Tensor x0 = world(GRIDS);
                Tensor u = Tensors.uniform(new Seed(5).generator(), GRIDS, L).to(ScalarType.Double);
                Tensor times = Tensors.filled(t, GRIDS);
                Tensor xt = world.reversal.corrupt(x0, times, u);
                Tensor said = Tensors.uniform(new Seed(6).generator(), GRIDS * L, K)
                        .to(ScalarType.Double)
                        .mul(new Scalar(3.0));
                double[] found = gradient(world, x0, xt, times, said);
                double step = 1e-5;
                for (int i = 0; i < found.length; i++) {
                    Tensor change = Tensors.zeros(found.length).to(ScalarType.Double);
                    change.select(0, i).fill_(new Scalar(step));
                    change = change.view_as(said);
                    double slope = (loss(world, x0, xt, times, said.add(change)).item_double()
                                    - loss(world, x0, xt, times, said.sub(change))
                                            .item_double())
                            / (2 * step);
                    assertThat(found[i]).as("%s, t = %d, logit %d", kind, t, i).isCloseTo(slope, within(1e-7));
                }
            }
        });
    }

    /** However small the probabilities of the chain's own steps are. */
    @Test
    void tells_how_wrong_a_network_is_that_is_very_wrong() {
        int codes = 1024;
        TokenSpace space = new TokenSpace(codes, 1, 1);
        ReverseProcess reversal =
                new ReverseProcess(space, new Uniform(space), Schedule.cosine(1000), Posterior.NORMALISED);
        Scope.free(() -> {
            Tensor said = Tensors.zeros(codes).to(ScalarType.Double).view(1, codes);
            said.select(1, 7).fill_(new Scalar(-60.0));
            Tensor leaf = said.detach().clone().requires_grad_(true);
            Terms terms = reversal.terms(
                    (x, time, label, at) -> leaf,
                    Tensors.longs(7).view(1, 1),
                    Tensors.longs(9).view(1, 1),
                    Tensors.filled(1, 1),
                    null);
            double expected = 60 + Math.log(codes - 1);
            assertThat(terms.entropy().item_double()).isCloseTo(expected, within(1e-9));
            assertThat(terms.divergence().item_double())
                    .isGreaterThan(expected - 10)
                    .isLessThan(70);
            terms.divergence().sum().backward();
            assertThat(leaf.grad().select(1, 7).item_double()).isCloseTo(-1, within(1e-6));
        });
    }

    private static double[] gradient(World world, Tensor x0, Tensor xt, Tensor t, Tensor said) {
        Tensor leaf = said.detach().clone().requires_grad_(true);
        loss(world, x0, xt, t, leaf).backward();
        return Tensors.toDoubles(leaf.grad().flatten());
    }

    private static Tensor loss(World world, Tensor x0, Tensor xt, Tensor t, Tensor said) {
        Terms terms = world.reversal.terms((x, time, label, at) -> said.index_select(0, at), x0, xt, t, null);
        return terms.divergence().add(terms.entropy().mul(new Scalar(0.5))).sum();
    }

    /** Steps of many codes with one listener and without: by all posteriors, and by the few numbers that they follow from. */
    @ParameterizedTest
    @EnumSource(Kind.class)
    void draws_many_codes_alike_by_all_posteriors_and_by_few_numbers(Kind kind) {
        int codes = 300;
        TokenSpace space = new TokenSpace(codes, 8, 8);
        Corruption corruption =
                switch (kind.corruption.getClass().getSimpleName()) {
                    case "Uniform" -> new Uniform(space);
                    case "Absorbing" -> new Absorbing(space);
                    default -> new MaskAndReplace(space);
                };
        ReverseProcess reversal = new ReverseProcess(space, corruption, kind.schedule.apply(6), kind.posterior);
        Scope.free(() -> {
            Tensor logits =
                    Tensors.uniform(new Seed(7).generator(), 3 * 64, codes).mul(new Scalar(9.0));
            Denoiser network = (x, time, label, at) -> logits.index_select(0, at);
            Tensor x0 = Tensors.uniform(new Seed(8).generator(), 3, 64)
                    .mul(new Scalar(codes))
                    .to(ScalarType.Long);
            for (double temperature : new double[] {1, 0.8}) {
                for (int t : new int[] {1, 2, 5, 6}) {
                    Tensor u = Tensors.uniform(new Seed(9).generator(), 3, 64).to(ScalarType.Double);
                    Tensor xt = reversal.corrupt(x0, Tensors.filled(t, 3), u);
                    Step step = new Step(1, 6, t, Math.max(0, t - 2), network, new LogitFilter(temperature, 0, 1));
                    long[][] drawn = new long[2][];
                    AtomicInteger heard = new AtomicInteger();
                    for (int i = 0; i < 2; i++) {
                        GridDraw draw = new GridDraw(
                                space,
                                0,
                                new Parameters(new Seed(1), Devices.cpu()),
                                Sampling.USUAL,
                                RandomStreams.of(List.of(new Seed(1), new Seed(2), new Seed(3))));
                        if (i == 1) {
                            draw.listener((at, log, picked) -> heard.incrementAndGet());
                        }
                        drawn[i] = Tensors.toLongs(reversal.step(draw, xt, step));
                    }
                    assertThat(drawn[0]).as("%s, t = %d", kind, t).isEqualTo(drawn[1]);
                    assertThat(heard.get()).isPositive();
                }
            }
        });
    }

    /** q(x_{t-1} | x_t, x_0) */
    private static double[] exact(World world, double[] known, int token, int t) {
        double[] sum = new double[world.states];
        for (int k = 0; k < K; k++) {
            for (int j = 0; j < world.states && known[k] > 0; j++) {
                sum[j] = world.marginal[t - 1][k][j] * world.step(t - 1, t, j, token) / world.marginal[t][k][token];
            }
        }
        return sum;
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void seed_12_estimates_the_bound(Kind kind) {
        World world = new World(kind, 3);
        Denoiser denoiser = world.denoiser(ReverseProcessTest::arbitrary);
        double[] bounds = bounds(world, denoiser);
        int rows = 250;
        int times = 40;
        double[] found = new double[GRIDS];
        double[] squares = new double[GRIDS];
        for (int part = 0; part < times; part++) {
            Seed seed = new Seed(12).child(part);
            double[] nats = Scope.value(() -> {
                Tensor x0 = world(GRIDS).repeat(rows, 1);
                return Tensors.toDoubles(world.reversal.negativeLogLikelihood(denoiser, x0, null, seed.generator()));
            });
            for (int grid = 0; grid < GRIDS; grid++) {
                double mean = 0;
                for (int i = grid; i < nats.length; i += GRIDS) {
                    mean += nats[i] / rows;
                }
                found[grid] += mean / times;
                squares[grid] += mean * mean / times;
            }
        }
        for (int grid = 0; grid < GRIDS; grid++) {
            double error = Math.sqrt((squares[grid] - found[grid] * found[grid]) / (times - 1));
            assertThat(error).as("standard error").isLessThan(0.05 * bounds[grid]);
            assertThat(found[grid]).as("grid " + grid).isCloseTo(bounds[grid], within(4.5 * error + 1e-6));
        }
    }

    /** All grids. [n, L] */
    private static Tensor world(int n) {
        return Tensors.longs(LongStream.range(0, n)
                        .flatMap(x -> LongStream.of(x / K, x % K))
                        .toArray())
                .view(-1, L);
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void seed_41_draws_from_the_exact_distribution(Kind kind) {
        compare(kind, 3, 3, LogitFilter.NONE, 41);
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void seed_42_draws_from_the_exact_distribution_in_fewer_steps_and_tempered(Kind kind) {
        compare(kind, 5, 2, new LogitFilter(0.8, 2, 1), 42);
    }

    private static void compare(Kind kind, int steps, int taken, LogitFilter filter, long seed) {
        World world = new World(kind, steps);
        double[] exact = chain(world, taken, filter);
        int n = 8000;
        double[] found = new double[GRIDS];
        List<Seed> seeds =
                LongStream.range(0, n).mapToObj(new Seed(seed)::child).toList();
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                RandomStreams draws = RandomStreams.of(seeds);

                GridDraw draw = draw(draws, Sampling.USUAL.steps(taken).filter(filter));
                Tensor x = world.reversal.walk(
                        draw,
                        world.denoiser(ReverseProcessTest::arbitrary),
                        () -> world.reversal.start(draw),
                        (xt, step) -> world.reversal.step(draw, xt, step));
                long[] codes = Tensors.toLongs(x);
                for (int i = 0; i < codes.length; i += L) {
                    found[(int) (K * codes[i] + codes[i + 1])] += 1.0 / n;
                }
            }
        });
        double expected = 0;
        double apart = 0;
        for (int grid = 0; grid < GRIDS; grid++) {
            expected += Math.sqrt(exact[grid] * (1 - exact[grid]) / n) / 2;
            apart += Math.abs(found[grid] - exact[grid]) / 2;
        }
        // of perfect draws the mean is at most `expected`, and the rest is passed once in a million (McDiarmid)
        assertThat(apart)
                .as("total variation under seed " + seed)
                .isLessThan(expected + Math.sqrt(Math.log(1e6) / 2 / n));
    }

    /** The distribution of grids after all steps. */
    private static double[] chain(World world, int taken, LogitFilter filter) {
        int states = world.states;
        double[] limit = limit(world);
        double[] p = new double[states * states];
        Arrays.setAll(p, state -> limit[state / states] * limit[state % states]);
        for (int number = 1; number <= taken; number++) {
            int t = (int) Math.round((double) world.steps * (taken - number + 1) / taken);
            int s = (int) Math.round((double) world.steps * (taken - number) / taken);
            double[] next = new double[p.length];
            for (int state = 0; state < p.length; state++) {
                if (p[state] > 0) {
                    double[][] guess = arbitrary(t, state);
                    guess[0] = world.heard(guess[0], state / states, t);
                    guess[1] = world.heard(guess[1], state % states, t);
                    guess = tempered(guess, filter);
                    double[] one = world.back(guess[0], state / states, s, t);
                    double[] two = world.back(guess[1], state % states, s, t);
                    for (int to = 0; to < p.length; to++) {
                        next[to] += p[state] * one[to / states] * two[to % states];
                    }
                }
            }
            p = next;
        }
        double[] grids = new double[GRIDS];
        for (int state = 0; state < p.length; state++) {
            if (p[state] > 1e-12) {
                grids[K * (state / states) + state % states] += p[state];
            }
        }
        assertThat(Arrays.stream(grids).sum()).isCloseTo(1, within(1e-9));
        return grids;
    }

    /** Masked as often as at the end, and else any code. */
    private static double[] limit(World world) {
        double[] limit = new double[world.states];
        double masked = world.states > K ? world.marginal[world.steps][0][K] : 0;
        Arrays.fill(limit, (1 - masked) / K);
        if (world.states > K) {
            limit[K] = masked;
        }
        return limit;
    }

    private static double[][] tempered(double[][] guess, LogitFilter filter) {
        double[][] tempered = new double[L][];
        for (int i = 0; i < L; i++) {
            double[] log = DoubleStream.of(guess[i]).map(Math::log).toArray();
            tempered[i] = Scope.value(() -> Tensors.toDoubles(
                    filter.logProbabilities(Tensors.doubles(log).view(1, K)).exp()));
        }
        return tempered;
    }

    /** Counts what a denoiser is asked. */
    private static final class Counter implements Denoiser {
        private final Denoiser inner;
        private final List<long[]> asked = new ArrayList<>();
        private final List<long[]> seen = new ArrayList<>();

        Counter(Denoiser inner) {
            this.inner = inner;
        }

        @Override
        public Tensor logits(Tensor xt, Tensor time, Tensor label, Tensor at) {
            asked.add(Tensors.toLongs(at));
            seen.add(Tensors.toLongs(xt));
            return inner.logits(xt, time, label, at);
        }
    }

    @Test
    void asks_the_network_of_masked_tokens_alone_where_only_they_are_lost() {
        World world = new World(Kind.ABSORBING, 3);
        Counter counter = new Counter(world.denoiser(ReverseProcessTest::arbitrary));
        Scope.free(() -> {
            Tensor x0 = Tensors.longs(0, 1, 2, 0, 1, 1).view(3, L);
            Tensor xt = Tensors.longs(K, 1, 2, 0, 1, K).view(3, L);
            Terms terms = world.reversal.terms(counter, x0, xt, Tensors.filled(2, 3), null);
            assertThat(Tensors.toDoubles(terms.entropy().ne(new Scalar(0.0)))).containsExactly(1, 0, 0, 0, 0, 1);
        });
        assertThat(counter.asked).containsExactly(new long[] {0, 5});
    }

    @Test
    void shows_the_network_only_grids_in_which_a_mask_is_lifted() {
        World world = new World(Kind.ABSORBING, 3);
        Counter counter = new Counter(world.denoiser(ReverseProcessTest::arbitrary));
        // from t = 3 to 2 a mask is lifted where u is below 1/3
        float[] u = {0.5f, 0.9f, 0.4f, 0.2f, 0.9f, 0.8f};
        Scope.free(() -> {
            Tensor xt = Tensors.filled(K, 3, L);
            Step step = new Step(1, 3, 3, 2, counter, LogitFilter.NONE);
            long[] drawn = Tensors.toLongs(world.reversal.step(draw(new Fixed(u), Sampling.USUAL), xt, step));
            assertThat(drawn).startsWith(K, K, K).endsWith(K, K);
            assertThat(drawn[3]).isLessThan(K);
            GridDraw never = draw(new Fixed(new float[] {1, 1, 1, 1, 1, 1}), Sampling.USUAL);
            world.reversal.step(never, xt, step);
        });
        assertThat(counter.seen).containsExactly(new long[] {K, K});
        assertThat(counter.asked).containsExactly(new long[] {1});
    }

    private record Fixed(float[] u) implements RandomStreams {
        @Override
        public long grids() {
            return u.length / L;
        }

        @Override
        public Tensor uniform(Use use, long step, long length) {
            return Tensors.floats(u).to(ScalarType.Double).view(-1, length);
        }
    }

    private static GridDraw draw(RandomStreams streams, Sampling sampling) {
        return new GridDraw(new TokenSpace(K, 1, L), 0, new Parameters(new Seed(1), Devices.cpu()), sampling, streams);
    }

    @Test
    void spreads_its_steps_evenly_and_takes_no_more_than_there_are() {
        ReverseProcess reversal = new World(Kind.UNIFORM, 10).reversal;
        RandomStreams streams = RandomStreams.of(List.of(new Seed(1)));
        assertThat(reversal.times(draw(streams, Sampling.USUAL.steps(4)))).containsExactly(10, 8, 5, 3, 0);
        assertThat(reversal.times(draw(streams, Sampling.USUAL))).containsExactly(10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
        // one step at least for each that is left
        assertThat(reversal.times(draw(streams, Sampling.USUAL.times(List.of(1.0, 0.02, 0.01)))))
                .containsExactly(10, 2, 1, 0);
        assertThatThrownBy(() -> reversal.times(draw(streams, Sampling.USUAL.steps(11))))
                .isInstanceOf(UnsupportedSamplingException.class)
                .hasMessage("steps must be at most the 10 that the model was trained with, got 11");
    }

    /**
     * Guidance tilts the guess of x_0, and what x_t itself says of it counts once in each reading, since 1 + w - w is 1: so all
     * readings lead back alike. What is drawn is normalised, and a mask stays one as often as without guidance.
     */
    @ParameterizedTest
    @EnumSource(Kind.class)
    void guidance_tilts_what_the_other_tokens_say_in_every_reading(Kind kind) {
        World world = new World(kind, 6);
        double[][] context = {{0.7, 0.2, 0.1}, {0.3, 0.3, 0.4}}; // of the class, and of none
        int t = 4;
        int s = 2;
        for (int x = 0; x < world.states; x++) {
            double[][] logits = new double[2][K];
            double[] tilted = new double[K];
            for (int k = 0; k < K; k++) {
                double likelihood = world.marginal[t][k][x];
                for (int half = 0; half < 2; half++) { // what is exact in the reading, as in World.guess
                    double told = kind.posterior == Posterior.NORMALISED ? likelihood : 1;
                    logits[half][k] = Math.log(Math.max(context[half][k] * told, 1e-30));
                }
                tilted[k] = Math.pow(context[0][k], 3) / Math.pow(context[1][k], 2);
            }
            double[] expected = new double[world.states];
            for (int y = 0; y < world.states; y++) {
                for (int k = 0; k < K; k++) {
                    expected[y] += tilted[k] * world.marginal[s][k][y] * world.step(s, t, y, x);
                }
            }
            double sum = Arrays.stream(expected).sum();
            if (sum == 0) {
                continue; // no code can have become that
            }
            int token = x;
            double[] found = Scope.value(() -> {
                Tensor mixed = Guidance.mix(
                        Tensors.doubles(logits[0]).view(1, K),
                        Tensors.doubles(logits[1]).view(1, K),
                        2);
                return Tensors.toDoubles(world.reversal
                        .back(mixed, Tensors.longs(token), Tensors.longs(t), Tensors.longs(s))
                        .exp());
            });
            for (int y = 0; y < world.states; y++) {
                assertThat(found[y]).as("p(%d | %d)", y, x).isCloseTo(expected[y] / sum, within(1e-9));
            }
            if (x == K) {
                double stays = world.step(s, t, K, K) * world.marginal[s][0][K] / world.marginal[t][0][K];
                assertThat(found[K]).as("a mask stays").isCloseTo(stays, within(1e-9));
            }
        }
    }
}
