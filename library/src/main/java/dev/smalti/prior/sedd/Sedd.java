package dev.smalti.prior.sedd;

import dev.smalti.corruption.Level;
import dev.smalti.corruption.Mixture;
import dev.smalti.corruption.Posterior;
import dev.smalti.draw.Categorical.Weighing;
import dev.smalti.draw.Categorical.Weights;
import dev.smalti.draw.Corrector;
import dev.smalti.draw.Extrapolation;
import dev.smalti.draw.LogitFilter;
import dev.smalti.draw.Order;
import dev.smalti.draw.RandomStreams.Use;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.Steps.Listed;
import dev.smalti.draw.Unmasking;
import dev.smalti.draw.Unmasking.Reveal;
import dev.smalti.draw.UnsupportedSamplingException;
import dev.smalti.network.Denoiser;
import dev.smalti.network.Loss;
import dev.smalti.network.NetworkShape;
import dev.smalti.network.Objective;
import dev.smalti.network.Parameters;
import dev.smalti.prior.PriorCore;
import dev.smalti.prior.PriorObjective;
import dev.smalti.prior.SearchableSteps;
import dev.smalti.prior.TokenBatch;
import dev.smalti.prior.process.ActivePositions;
import dev.smalti.prior.process.GridDraw;
import dev.smalti.prior.process.GridDraw.FewNumbers;
import dev.smalti.prior.process.GridDraw.Step;
import dev.smalti.prior.process.GridDraw.Wish;
import dev.smalti.prior.process.Guesses;
import dev.smalti.prior.process.ImportanceMasking;
import dev.smalti.prior.process.LowDiscrepancyTimes;
import dev.smalti.prior.process.MaskedBound;
import dev.smalti.prior.process.MaskedShares;
import dev.smalti.prior.process.MaskedWalk;
import dev.smalti.prior.sedd.SeddConfiguration.Parametrisation;
import dev.smalti.prior.sedd.SeddConfiguration.Predictor;
import dev.smalti.prior.sedd.SeddConfiguration.Transitions;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.DoubleStream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A transformer learns the ratios of the probabilities of grids that differ in one token, at every level of noise, and
 * these ratios lead from noise back to grids. Lou et al. 2024, arXiv:2310.16834, over image tokens as in <i>Discrete
 * Diffusion for Image Generation</i>.
 *
 * <p>Letters: B batch, L tokens, K codes, S states of a token (K, or K + 1 with the mask), M positions, σ noise.
 */
public final class Sedd implements SearchableSteps {
    /** Where training and sampling end: at t = 0 the ratios are infinite. */
    private static final double FIRST = 1e-3;

    private static final double LAST = 1e-5;

    private final SeddConfiguration configuration;
    private final PriorCore core;
    private final TokenSpace space;
    private final Graph graph;
    private final Denoiser network;
    private final double[] range; // σ that is trained on

    /** @param classes 0 for an unconditional prior */
    public Sedd(SeddConfiguration configuration, TokenSpace space, int classes, Seed seed, Device device) {
        this.configuration = configuration;
        this.space = space;
        this.core = new PriorCore(space, classes, new Parameters(seed, device));
        this.graph = switch (configuration.transitions()) {
            case ABSORB -> new Graph.Absorb(space);
            case UNIFORM -> new Graph.Uniform(space);
        };
        NetworkShape shape = new NetworkShape(space.height(), space.width(), graph.states(), graph.states(), classes, 0)
                .withExactLogits(); // ln s of 8 in bfloat16 is off by 3 %
        this.network = configuration.network().build(core.parameters(), shape);
        this.range = new double[] {sigma(FIRST), sigma(1)};
    }

    @Override
    public PriorCore core() {
        return core;
    }

    Denoiser network() {
        return network;
    }

    Graph graph() {
        return graph;
    }

    private double sigma(double t) {
        return Scope.value(() -> configuration.noise().total(Tensors.doubles(t)).item_double());
    }

    private double rate(double t) {
        return Scope.value(() -> configuration.noise().rate(Tensors.doubles(t)).item_double());
    }

    /** What guidance mixes: {@link #logScore}, or the guess of the clean token that {@linkplain #guesses it may be}. */
    @Override
    public Denoiser denoiser() {
        return guesses() ? this::logGuess : this::logScore;
    }

    /** The noise itself is what the network is told, so schedules may differ. */
    @Override
    public String process() {
        return "SEDD, " + configuration.transitions().name().toLowerCase(Locale.ROOT)
                + (guesses() ? ", of guesses" : ", of ratios");
    }

    /**
     * Whether guidance mixes guesses of the clean token, whose ratios are then blurred by the noise as those of any guess. Mixed
     * ratios of {@code uniform} are no such: some are of tokens rarer than the noise alone makes them, and tokens change too fast.
     */
    private boolean guesses() {
        return configuration.transitions() == Transitions.UNIFORM
                && configuration.parametrisation() == Parametrisation.EXACT;
    }

    /** ln p of the clean token as the rest of the grid tells it, of {@link Parametrisation#EXACT}. -> float32 [M, K] */
    private Tensor logGuess(Tensor x, Tensor sigma, Tensor label, Tensor at) {
        return Scope.keep(() -> torch.log_softmax(
                network.logits(x, sigma, label, at).to(ScalarType.Float).narrow(1, 0, space.codes()), -1));
    }

    /**
     * ln s, with 0 at the token itself. σ is the time, float32 [B]. -> float32 [M, S]. Appendix C.2 of Lou et al.
     */
    Tensor logScore(Tensor x, Tensor sigma, Tensor label, Tensor at) {
        Tensor given = Scope.keep(() -> network.logits(x, sigma, label, at).to(ScalarType.Float));
        Tensor flat = x.flatten();
        Tensor token = (at == null ? flat : flat.index_select(0, at)).unsqueeze(1); // [M, 1]
        Tensor size = ofPlaces(sigma, at).to(ScalarType.Float).expm1().log().unsqueeze(1); // [M, 1]
        Tensor raw = given;
        if (configuration.parametrisation() == Parametrisation.EXACT) {
            Tensor p = torch.log_softmax(given.narrow(1, 0, space.codes()), -1);
            raw = graph.logRatio(p, size, token);
        } else if (configuration.scaleBySigma()) {
            raw = Scope.keep(() -> given.sub(size).sub(new Scalar(Math.log(graph.states() - 1))));
        }
        return raw.scatter(1, token, new Scalar(0.0));
    }

    /** A number of each grid, [B], for each of the places, [M]. */
    private Tensor ofPlaces(Tensor ofGrids, Tensor at) {
        return at == null
                ? ofGrids.repeat_interleave(space.length())
                : ofGrids.index_select(0, at.floor_divide(new Scalar(space.length())));
    }

    @Override
    public List<Objective<TokenBatch>> objectives() {
        return List.of(new PriorObjective(core, configuration.labelDropping(), (x0, label, generator) -> {
            Tensor nats;
            Tensor[] time = new Tensor[1]; // or the share of masked tokens, [B]
            if (configuration.counting()) {
                nats = absorbBound(x0, label, generator, share -> time[0] = share);
            } else {
                Tensor t = times(x0.size(0), generator); // [B]
                time[0] = t;
                ImportanceMasking masking =
                        importanceMasking(configuration.noise().total(t), generator);
                Tensor x = lost(x0, configuration.noise().total(t), masking);
                nats = trainingLoss(x, x0, label, t).mul(weight(masking, x0));
            }
            Tensor each = nats.div(new Scalar(space.length() * Math.log(2)));
            return new Loss(each.mean(), Map.of("elbo_bits", each.detach().mean()), new Loss.ByTime(time[0], each));
        }));
    }

    /** σ'(t) times the score entropy of each grid, in nats. x and x0 int64 [B, L], t [B] -> [B]. Eq. 13 of Lou et al. */
    Tensor trainingLoss(Tensor x, Tensor x0, Tensor label, Tensor t) {
        Tensor sigma = Devices.send(configuration.noise().total(t), x0.device(), ScalarType.Float);
        Tensor rate = Devices.send(configuration.noise().rate(t), x0.device(), ScalarType.Float);
        return entropy(x, x0, label, sigma).sum(1).mul(rate);
    }

    /** The score entropy of each token, in nats, 0 where it can't change any more. σ float32 [B] -> float32 [B, L] */
    Tensor entropy(Tensor x, Tensor x0, Tensor label, Tensor sigma) {
        Tensor at = graph.open(x).flatten().nonzero().squeeze(1); // [M]
        Tensor each = graph.scoreEntropy(
                logScore(x, sigma, label, at),
                ofPlaces(sigma, at),
                x.flatten().index_select(0, at),
                x0.flatten().index_select(0, at)); // [M]
        return torch.zeros(new long[] {x.numel()}, Tensors.options(ScalarType.Float, x.device()))
                .index_copy(0, at, each)
                .view_as(x);
    }

    /**
     * From noise back to grids in so many steps from t = 1 to t = 0.00001, and one more that denoises, to t = 0. Known
     * tokens stay as they are with {@code absorb}, and t begins where as many are known by rights; otherwise they are as
     * noisy as the grid, along a path of their own.
     */
    @Override
    public Tensor sample(GridDraw draw) {
        boolean absorb = configuration.transitions() == Transitions.ABSORB;
        Tensor u = draw.partial() && !absorb ? draw.uniform(Use.KNOWN, draw.length()) : null;
        double[] times = times(draw);
        double[] left = absorb ? draw.unknownYet(times, t -> -Math.expm1(-sigma(t))) : times;
        Sampling sampling = draw.able(Wish.EXTRAPOLATION, Wish.CORRECTOR).sampling();
        if (absorb) {
            draw.able(Wish.UNMASKING);
            boolean usual = sampling.unmasking().equals(Unmasking.USUAL)
                    && sampling.extrapolation().equals(Extrapolation.NONE)
                    && sampling.corrector().equals(Corrector.NONE);
            if (!usual) {
                return ofMasks(draw, left);
            }
        } else if (sampling.corrector() instanceof Corrector.Remask) {
            throw new UnsupportedSamplingException(
                    "this prior replaces tokens, and remask corrects draws from masks alone: take gibbs or psi");
        }
        double[] all = between(sampling.extrapolation(), left);
        Supplier<Tensor> start = () -> keep(draw, noise(draw), u, 1);
        draw.sweep((x, sweep) -> resampled(draw, x, sweep)); // of masks, their walk says how
        BiFunction<Tensor, Step, Tensor> back = (xt, step) -> keep(draw, step(draw, xt, step), u, step.s());
        return mixesGuesses(draw)
                ? draw.run(all, denoiser(), start, back)
                : draw.runScores(all, this::logScore, start, back);
    }

    /** On larger canvases ratios are mixed, but for guidance. */
    private boolean mixesGuesses(GridDraw draw) {
        return guesses()
                && (draw.sampling().guidance().weight() > 0 || draw.space().equals(space));
    }

    /** With times in between, but none before the step that denoises. */
    private static double[] between(Extrapolation extrapolation, double[] times) {
        double[] all = extrapolation.times(Arrays.copyOf(times, times.length - 1));
        return Arrays.copyOf(all, all.length + 1); // 0 after the last
    }

    /** Some tokens anew, as the others say: s itself is the distribution of a token among the others. */
    private Tensor resampled(GridDraw draw, Tensor x, Step step) {
        double sigma = sigma(Math.max(step.s(), LAST));
        Tensor some = draw.some(draw.open().expand_as(x), step);
        return ActivePositions.of(some)
                .map(all -> all.write(
                        x, draw.inParts(all, at -> draw.pick(at.at(), scores(draw, at, x, sigma, step), step))))
                .orElse(x);
    }

    /** By the ratios among the codes alone: how many places are revealed is known of masks. */
    private Tensor ofMasks(GridDraw draw, double[] times) {
        MaskedShares masking = new MaskedShares(t -> -Math.expm1(-sigma(t)), this::sigma);
        Unmasking unmasking = MaskedWalk.filled(draw.sampling().unmasking(), Reveal.COINS, Order.RANDOM);
        return new MaskedWalk(draw, denoiser(), !guesses(), masking, unmasking, true).run(times);
    }

    /** t before each step and after the last: where the first would be idle, the others of one step more. */
    double[] times(GridDraw draw) {
        Integer usual = configuration.sampling().steps();
        double[] shares = draw.times(usual == null ? Math.toIntExact(draw.length()) : draw.grown(usual));
        double[] times = new double[shares.length + 1];
        boolean late = idle() && !(draw.sampling().steps() instanceof Listed);
        double begin = late ? (shares.length - 1.0) / shares.length : 1;
        for (int i = 0; i < shares.length; i++) {
            times[i] = time(begin * shares[i]);
        }
        return times; // 0 after the last
    }

    @Override
    public int usualSteps() {
        Integer usual = configuration.sampling().steps();
        return usual == null ? Math.toIntExact(space.length()) : usual;
    }

    /** Whether a step from t = 1 would change nothing: Euler's, where σ'(1) is 0 but for rounding. */
    private boolean idle() {
        return configuration.sampling().predictor() == Predictor.EULER && rate(1) < 1e-6;
    }

    /** The t of a share of the way. */
    private static double time(double share) {
        return LAST + share * (1 - LAST);
    }

    private Tensor keep(GridDraw draw, Tensor x, Tensor u, double t) {
        return u == null || t == 0 ? draw.keep(x) : draw.keep(x, x0 -> graph.corrupt(x0, filled(sigma(t), x0), u));
    }

    /** From t to s; to clean tokens where s is 0. [B, L] -> [B, L] */
    Tensor step(GridDraw draw, Tensor xt, Step step) {
        double sigma = sigma(step.t());
        Way way;
        if (step.s() == 0) {
            way = (x, score) -> analytic(x, score, sigma).narrow(1, 0, space.codes());
        } else if (configuration.sampling().predictor() == Predictor.ANALYTIC) {
            way = (x, score) -> analytic(x, score, sigma - sigma(step.s()));
        } else {
            way = (x, score) -> euler(x, score, (step.t() - step.s()) * rate(step.t()));
        }
        return ActivePositions.of(graph.open(xt))
                .map(all -> at(draw, xt, all, sigma, way, step))
                .orElse(xt);
    }

    private Tensor at(GridDraw draw, Tensor xt, ActivePositions all, double sigma, Way way, Step step) {
        boolean simple = simple(draw, step);
        boolean renormalise = renormalises(step);
        Guesses guesses = new Guesses(draw, step);
        boolean asGuessed = asGuessed(draw, guesses, step);
        Tensor drawn = all.write(xt, draw.inParts(all, at -> {
            if (asGuessed) {
                return guessed(draw, at, xt, sigma, step);
            }
            Tensor given = scores(draw, at, xt, sigma, step); // [M, S]
            boolean plain = guesses.plain() || step.s() == 0; // what denoises takes no time that it could look ahead in
            Tensor scores = plain ? given : ahead(guesses, at, xt, given, sigma);
            if (simple) {
                return ofMasks(draw, at, scores, sigma, step, renormalise);
            }
            Tensor token = at.read(xt); // [M]
            GridDraw.Reading reading = (logScore, from) -> {
                Tensor x = token.narrow(0, from, logScore.size(0)); // [m]
                Tensor score = tempered(logScore.to(ScalarType.Double), x, sigma, step.filter(), renormalise)
                        .exp(); // [m, S]
                return mixed(draw, way.back(x, score).clamp_min(new Scalar(0.0)), x, score, sigma, step)
                        .log();
            };
            return draw.pick(at.at(), scores, step, reading);
        }));
        guesses.keep();
        return drawn;
    }

    /** Whether a step is the analytic one of guesses as the network has them, and so a {@link Mixture} of them. */
    private boolean asGuessed(GridDraw draw, Guesses guesses, Step step) {
        return mixesGuesses(draw)
                && (guesses.plain() || step.s() == 0)
                && (step.s() == 0 || configuration.sampling().predictor() == Predictor.ANALYTIC)
                && step.filter().equals(LogitFilter.NONE)
                && !renormalises(step)
                && !(draw.sampling().corrector() instanceof Corrector.Psi)
                && draw.takesFewNumbers(space.codes());
    }

    /** That step of some places. */
    private Tensor guessed(GridDraw draw, ActivePositions at, Tensor xt, double sigma, Step step) {
        Tensor token = at.read(xt); // [M]
        Weighing weights = (from, rho) -> {
            Tensor now = token.narrow(0, from, rho.size(0));
            Mixture mixture = Mixture.of(
                    Posterior.CONTEXT,
                    rho,
                    now,
                    level(step.s() == 0 ? 0 : sigma(step.s()), rho),
                    level(sigma, rho),
                    space.codes());
            return new Weights(mixture.scale(), mixture.floor(), mixture.own());
        };
        Tensor logits = draw.logits(at, xt, sigma, step); // of the clean tokens, by the others
        return draw.pick(at.at(), logits, step, new FewNumbers(1, token, weights));
    }

    private static Level level(double sigma, Tensor like) {
        Tensor kept = torch.full_like(like, new Scalar(Math.exp(-sigma)));
        return new Level(kept, torch.zeros_like(kept));
    }

    /** Ratios of guesses of the clean tokens, by the others, that are extrapolated. [M, S] -> the same */
    private Tensor ahead(Guesses guesses, ActivePositions at, Tensor xt, Tensor logScore, double sigma) {
        double kept = Math.exp(-sigma);
        Tensor noisy = torch.softmax(logScore.to(ScalarType.Double), 1); // ᾱ ℓ + (1 - ᾱ) / K
        Tensor clean = noisy.sub(new Scalar((1 - kept) / space.codes()))
                .clamp_min(new Scalar(0.0))
                .log();
        return ratios(guesses.of(at, clean), at.read(xt), sigma);
    }

    /** ln s of guesses of the clean tokens, by the others. [M, K], tokens [M] -> float64 [M, S] */
    private Tensor ratios(Tensor logits, Tensor token, double sigma) {
        Tensor guess = torch.log_softmax(logits.to(ScalarType.Double), 1);
        Tensor own = token.unsqueeze(1);
        Tensor size = torch.full_like(guess.narrow(1, 0, 1), new Scalar(Math.log(Math.expm1(sigma)))); // [M, 1]
        return graph.logRatio(guess, size, own).scatter(1, own, new Scalar(0.0));
    }

    /** κ of what the step gives and 1 - κ of clean tokens that are lost anew. [M, S] -> the same */
    private Tensor mixed(GridDraw draw, Tensor back, Tensor x, Tensor score, double sigma, Step step) {
        if (!(draw.sampling().corrector() instanceof Corrector.Psi psi) || psi.kappa() == 1) {
            return back;
        }
        double kept = step.s() == 0 ? 1 : Math.exp(-sigma(step.s()));
        Tensor clean = analytic(x, score, sigma).clamp_min(new Scalar(0.0));
        Tensor anew =
                clean.div(clean.sum(1).unsqueeze(1)).mul(new Scalar(kept)).add(new Scalar((1 - kept) / space.codes()));
        return back.div(back.sum(1).unsqueeze(1))
                .mul(new Scalar(psi.kappa()))
                .add(anew.mul(new Scalar(1 - psi.kappa())));
    }

    /** ln s, guided. [M, S] */
    private Tensor scores(GridDraw draw, ActivePositions at, Tensor xt, double sigma, Step step) {
        Tensor asked = draw.logits(at, xt, sigma, step);
        return mixesGuesses(draw) ? ratios(asked, at.read(xt), sigma) : asked;
    }

    private boolean simple(GridDraw draw, Step step) {
        return configuration.transitions() == Transitions.ABSORB
                && (step.s() == 0 || configuration.sampling().predictor() == Predictor.ANALYTIC)
                && step.filter().equals(LogitFilter.NONE)
                && draw.simple(space.codes());
    }

    /** Whether the ratios of a step are scaled to their right total: as configured, otherwise where guidance has changed it. */
    private boolean renormalises(Step step) {
        Boolean wished = configuration.sampling().renormalise();
        boolean usual = step.hasGuidance() && configuration.transitions() == Transitions.ABSORB;
        return wished == null ? usual : wished;
    }

    /**
     * The analytic step of masks, in closed form: code y comes by (e^dσ - 1) s_y, and the mask stays by what that leaves of 1;
     * at the last step by none.
     *
     * @param renormalise whether the total of s counts as 1 / (e^σ - 1)
     */
    private Tensor ofMasks(
            GridDraw draw, ActivePositions at, Tensor scores, double sigma, Step step, boolean renormalise) {
        double gain = Math.expm1(sigma - (step.s() == 0 ? 0 : sigma(step.s())));
        double revealed = gain / Math.expm1(sigma); // the share of masks that the step reveals by rights
        UnaryOperator<Tensor> mask = renormalise
                ? logTotal -> logTotal.add(new Scalar(Math.log(1 - revealed) - Math.log(revealed)))
                : logTotal -> logTotal.exp()
                        .mul(new Scalar(-gain))
                        .add(new Scalar(1.0))
                        .clamp_min(new Scalar(0.0))
                        .log()
                        .sub(new Scalar(Math.log(gain)));
        Tensor codes = scores.narrow(1, 0, space.codes());
        return draw.pickOfMany(at.at(), codes, 1, step, step.s() == 0 ? null : mask);
    }

    /** Probabilities, not normalised, of the states before x. [M], [M, S] -> [M, S] */
    @FunctionalInterface
    private interface Way {
        Tensor back(Tensor x, Tensor score);
    }

    /** The ratios before the step times the probabilities of the step. Eq. 19 of Lou et al. */
    Tensor analytic(Tensor x, Tensor score, double dsigma) {
        Tensor d = torch.full_like(score.select(1, 0), new Scalar(dsigma)); // [M]
        return graph.staggered(score, d).mul(graph.transposedTransition(x, d));
    }

    /** To stay, plus the reverse rates for a while. Eq. 17 of Lou et al. May be negative, which is never drawn. */
    Tensor euler(Tensor x, Tensor score, double dsigma) {
        Tensor stay = torch.one_hot(x, graph.states()).to(ScalarType.Double);
        return stay.add(graph.reverseRate(x, score).mul(new Scalar(dsigma)));
    }

    /**
     * Temperature, top-k and nucleus change to which code a token jumps, and leave the total of the ratios, which says when,
     * as it is (or as it should be: {@code renormalise}). [M, S] -> [M, S]
     */
    Tensor tempered(Tensor logScore, Tensor x, double sigma, LogitFilter filter, boolean renormalise) {
        if (filter.equals(LogitFilter.NONE) && !renormalise) {
            return logScore;
        }
        Tensor own = x.unsqueeze(1);
        Tensor jumps = logScore.scatter(1, own, new Scalar(Double.NEGATIVE_INFINITY));
        Tensor total = renormalise
                ? torch.full_like(jumps.select(1, 0), new Scalar(-Math.log(Math.expm1(sigma))))
                : jumps.logsumexp(1);
        return filter.logProbabilities(jumps).add(total.unsqueeze(1)).scatter(1, own, new Scalar(0.0));
    }

    /**
     * The bound on -ln p in continuous time, eq. 13 of Lou et al., which depends on the schedule's ends alone. With {@code
     * absorb} it is estimated as {@link MaskedBound}; otherwise σ is spread over a batch, the smaller the denser, and what the
     * ends leave is added: the distance of the last state from the limit, and the cross-entropy of the denoising step.
     */
    @Override
    public Tensor negativeLogLikelihood(TokenBatch batch, Seed seed) {
        return core.negativeLogLikelihood(batch, () -> {
            Generator generator = seed.generator();
            return configuration.transitions() == Transitions.ABSORB
                    ? absorbBound(batch.codes(), batch.labels(), generator, share -> {})
                    : uniformBound(batch.codes(), batch.labels(), generator);
        });
    }

    /** KL of what the analytic predictor gives from what it would give with the true ratios, over all positions. */
    @Override
    public double[][] stepCosts(TokenBatch batch, double[] shares, Seed seed) {
        return core.stepCosts(batch, () -> {
            Generator generator = seed.generator();
            double[][] costs = new double[shares.length][shares.length];
            for (int i = 1; i < shares.length; i++) {
                double[] row = costs[i];
                double[] sigmas = DoubleStream.of(shares)
                        .limit(i + 1L)
                        .map(each -> sigma(time(each)))
                        .toArray();
                Scope.free(() -> stepCosts(batch, sigmas, row, generator));
            }
            return costs;
        });
    }

    /** From the last of these σ to each of the others, the first of which means to clean tokens. */
    private void stepCosts(TokenBatch batch, double[] sigmas, double[] row, Generator generator) {
        Tensor x0 = batch.codes();
        long grids = x0.size(0);
        double from = sigmas[sigmas.length - 1];
        Tensor u = Tensors.uniform(generator, grids, space.length()).to(ScalarType.Double);
        Tensor noisy = graph.corrupt(x0.cpu(), filled(from, grids), u).to(x0.device(), ScalarType.Long);
        Tensor at = graph.open(noisy).flatten().nonzero().squeeze(1); // [M]
        Tensor x = noisy.flatten().index_select(0, at);
        Tensor sigma = filled(from, grids).to(x0.device(), ScalarType.Float);
        Tensor model =
                logScore(noisy, sigma, batch.labels(), at).to(ScalarType.Double).exp();
        Tensor clean = x0.flatten().index_select(0, at).unsqueeze(1);
        Tensor sure = torch.full(
                        new long[] {at.numel(), space.codes()},
                        new Scalar(Double.NEGATIVE_INFINITY),
                        Tensors.options(ScalarType.Double, x0.device()))
                .scatter(1, clean, new Scalar(0.0));
        Tensor size = ofPlaces(sigma, at).to(ScalarType.Double).expm1().log().unsqueeze(1);
        Tensor truth = graph.logRatio(sure, size, x.unsqueeze(1))
                .scatter(1, x.unsqueeze(1), new Scalar(0.0))
                .exp();
        for (int j = 0; j < row.length && j < sigmas.length - 1; j++) {
            double step = j == 0 ? from : from - sigmas[j];
            row[j] = Scope.value(() -> {
                Tensor p = logShares(analytic(x, truth, step));
                return p.exp()
                                .mul(p.sub(logShares(analytic(x, model, step))))
                                .sum()
                                .item_double()
                        / grids;
            });
        }
    }

    /** ln of what is above 0 as a share of the sum, at least 10⁻³⁰. [M, S] -> the same */
    private static Tensor logShares(Tensor numbers) {
        Tensor some = numbers.clamp_min(new Scalar(0.0));
        return some.div(some.sum(1).unsqueeze(1)).clamp_min(new Scalar(1e-30)).log();
    }

    /** @param told the share of masked tokens of each grid, [B] */
    private Tensor absorbBound(Tensor x0, Tensor labels, Generator generator, Consumer<Tensor> told) {
        return MaskedBound.negativeLogLikelihood(x0.size(0), space.length(), x0.device(), generator, (lost, share) -> {
            told.accept(share);
            Tensor sigma =
                    share.neg().log1p().neg().clamp_min(new Scalar(range[0])).clamp_max(new Scalar(range[1]));
            Tensor device = Devices.send(sigma, x0.device(), ScalarType.Float);
            // in units of the true ratio, since dσ·r = dp / p for p = 1 - e^-σ, the share of masked tokens
            return entropy(x0.masked_fill(lost, new Scalar(space.mask())), x0, labels, device)
                    .sum(1)
                    .mul(device.expm1());
        });
    }

    private Tensor uniformBound(Tensor x0, Tensor labels, Generator generator) {
        long size = x0.size(0);
        // a token that was replaced at little noise is rare and weighs 1/σ; so σ / (1 + σ) is a cube, which is often
        // small
        double least = Math.cbrt(range[0] / (1 + range[0]));
        double most = Math.cbrt(range[1] / (1 + range[1]));
        Tensor root = LowDiscrepancyTimes.numbers(generator, size)
                .mul(new Scalar(most - least))
                .add(new Scalar(least)); // [B]
        Tensor cube = root.pow(new Scalar(3.0));
        Tensor sigma = cube.div(cube.neg().add(new Scalar(1.0)));
        Tensor share =
                root.div(cube.neg().add(new Scalar(1.0))).pow(new Scalar(2.0)).mul(new Scalar(3 * (most - least)));
        ImportanceMasking masking = importanceMasking(sigma, generator);
        Tensor between = entropy(
                        lost(x0, sigma, masking), x0, labels, Devices.send(sigma, x0.device(), ScalarType.Float))
                .sum(1)
                .mul(weight(masking, x0))
                .cpu()
                .to(ScalarType.Double)
                .mul(share); // share is dσ / du
        Tensor first = torch.full_like(sigma, new Scalar(range[0]));
        ImportanceMasking ending = importanceMasking(first, generator);
        Tensor x1 = lost(x0, first, ending);
        Tensor score = logScore(x1, first.to(x0.device(), ScalarType.Float), labels, null)
                .cpu()
                .to(ScalarType.Double)
                .exp(); // [B·L, K]
        Tensor p = analytic(x1.flatten().cpu(), score, range[0]).clamp_min(new Scalar(1e-30));
        Tensor right = p.div(p.sum(1).unsqueeze(1)).gather(1, x0.cpu().flatten().unsqueeze(1));
        Tensor denoising = right.log().neg().view(size, -1).sum(1).mul(ending.weight());
        return between.add(denoising).add(new Scalar(priorNats())).to(ScalarType.Float);
    }

    /** One in each of B equal parts of the time that is trained on. [B] */
    private static Tensor times(long batch, Generator generator) {
        return LowDiscrepancyTimes.numbers(generator, batch)
                .mul(new Scalar(1 - FIRST))
                .add(new Scalar(FIRST));
    }

    private ImportanceMasking importanceMasking(Tensor sigma, Generator generator) {
        return ImportanceMasking.draw(generator, sigma.neg().expm1().neg(), space.length());
    }

    private static Tensor weight(ImportanceMasking masking, Tensor x0) {
        return Devices.send(masking.weight(), x0.device(), ScalarType.Float);
    }

    private Tensor lost(Tensor x0, Tensor sigma, ImportanceMasking masking) {
        Device device = x0.device();
        return graph.corrupt(
                x0,
                Devices.send(sigma, device, ScalarType.Double),
                Devices.send(masking.u(), device, ScalarType.Double));
    }

    /** Grids of which nothing is left. [B, L] */
    private Tensor noise(GridDraw draw) {
        Tensor u = draw.uniform(Use.START, draw.length());
        return graph.corrupt(torch.zeros_like(u).to(ScalarType.Long), filled(Double.POSITIVE_INFINITY, u), u);
    }

    /** One for each grid of {@code of}, and where it is. float64 [B] */
    private static Tensor filled(double value, Tensor of) {
        return torch.full(new long[] {of.size(0)}, new Scalar(value), Tensors.options(ScalarType.Double, of.device()));
    }

    private static Tensor filled(double value, long size) {
        return torch.full(new long[] {size}, new Scalar(value), Tensors.options(ScalarType.Double));
    }

    /** KL of the last state from uniform tokens, the same for every grid. */
    private double priorNats() {
        double k = space.codes();
        double kept = Math.exp(-range[1]);
        double other = (1 - kept) / k;
        double own = kept + other;
        return space.length() * (own * Math.log(own * k) + (k - 1) * other * Math.log(other * k));
    }

    @Override
    public boolean exact() {
        return false;
    }
}
