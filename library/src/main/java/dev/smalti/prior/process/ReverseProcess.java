package dev.smalti.prior.process;

import dev.smalti.corruption.Corruption;
import dev.smalti.corruption.Level;
import dev.smalti.corruption.Mixture;
import dev.smalti.corruption.Posterior;
import dev.smalti.corruption.Schedule;
import dev.smalti.draw.Categorical.Weights;
import dev.smalti.draw.Corrector;
import dev.smalti.draw.Extrapolation;
import dev.smalti.draw.Filters;
import dev.smalti.draw.Order;
import dev.smalti.draw.RandomStreams.Use;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.Unmasking;
import dev.smalti.draw.Unmasking.Reveal;
import dev.smalti.draw.UnsupportedSamplingException;
import dev.smalti.network.Denoiser;
import dev.smalti.prior.process.GridDraw.FewNumbers;
import dev.smalti.prior.process.GridDraw.Reading;
import dev.smalti.prior.process.GridDraw.Step;
import dev.smalti.prior.process.GridDraw.Wish;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.Arrays;
import java.util.Locale;
import java.util.function.BiFunction;
import java.util.function.Supplier;
import java.util.stream.DoubleStream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A chain that corrupts tokens in T steps, and its way back, which a network learns by guessing the clean tokens: the
 * terms of the bound on -ln p, and a step back over any number of the chain's.
 *
 * <p>Time t is 1..T, the number of steps taken; the network is told t - 1. Letters: B batch, L tokens, K codes, S
 * states, M positions.
 */
public final class ReverseProcess {
    /**
     * ln p is never below: what is rarer than 4·10⁻³¹ counts as that, as in VQ-Diffusion's code, so that 0 · ln 0 is 0.
     */
    private static final double FLOOR = -70;

    private final TokenSpace space;
    private final Corruption corruption;
    private final Schedule schedule;
    private final Posterior posterior;

    public ReverseProcess(TokenSpace space, Corruption corruption, Schedule schedule, Posterior posterior) {
        this.space = space;
        this.corruption = corruption;
        this.schedule = schedule;
        this.posterior = posterior;
    }

    /** T */
    public int steps() {
        return schedule.steps();
    }

    /** What becomes of tokens in how many steps, and as what the guess is read: what a network of it was trained for, in words. */
    public String process() {
        return Phrase.of("%s in %d steps, half of which keep %.4f of the tokens, posterior %s")
                .with(
                        corruption.getClass().getSimpleName(),
                        steps(),
                        kept((steps() + 1) / 2),
                        posterior.name().toLowerCase(Locale.ROOT));
    }

    /** A time for each of B grids, spread evenly over 1..T. int64 [B] */
    public Tensor times(long batch, Generator generator) {
        return LowDiscrepancyTimes.times(generator, batch, steps());
    }

    /**
     * Numbers for {@link #corrupt} at times t.
     *
     * @param t int64 [B], 1..T
     */
    public ImportanceMasking importanceMasking(Tensor t, Generator generator) {
        Tensor kept = schedule.at(t, Devices.cpu()).kept();
        return ImportanceMasking.draw(generator, kept.neg().add(new Scalar(1.0)), space.length());
    }

    /**
     * Draws x_t of q(x_t | x_0).
     *
     * @param x0 int64 [B, L]
     * @param t int64 [B], 1..T
     * @param u uniform numbers in [0, 1), float64 [B, L]
     */
    public Tensor corrupt(Tensor x0, Tensor t, Tensor u) {
        return corruption.corrupt(x0, schedule.at(t, x0.device()), Devices.send(u, x0.device(), ScalarType.Double));
    }

    /**
     * What the network makes of x_t, position by position.
     *
     * @param divergence KL(q(x_{t-1} | x_t, x_0) ‖ p(x_{t-1} | x_t)) in nats, which at t = 1 is -ln p(x_0 | x_1);
     *     summed over t and positions it is the bound, but for {@link #priorNats}. float64 [B, L]
     * @param entropy -ln p(x_0) in nats. float64 [B, L]
     */
    public record Terms(Tensor divergence, Tensor entropy) {}

    /** Computes them; they are 0 where x_t tells what x_0 is, and there the network isn't asked. */
    public Terms terms(Denoiser network, Tensor x0, Tensor xt, Tensor t, Tensor label) {
        Device device = x0.device();
        Tensor at = corruption.uncertain(xt).flatten().nonzero().squeeze(1); // [M]
        Tensor rows = at.floor_divide(new Scalar(space.length()));
        Tensor clean = x0.flatten().index_select(0, at);
        Tensor now = xt.flatten().index_select(0, at);
        Tensor times = Devices.send(t, device, ScalarType.Long).index_select(0, rows); // [M]
        Level before = schedule.at(t.sub(new Scalar(1L)), device).rows(rows);
        Level after = schedule.at(t, device).rows(rows);
        Tensor logits = network.logits(xt, time(t, device), label, at).to(ScalarType.Double); // [M, K]
        Terms terms = terms(logits, clean, now, times, corruption.counting(before), corruption.counting(after)); // [M]
        return new Terms(spread(terms.divergence(), at, x0), spread(terms.entropy(), at, x0));
    }

    /**
     * The same of some positions. Of all codes but x_0 and x_t the truth is one number, and the model's the guess's but for two: so
     * of K terms the logarithms are added, and three others are left.
     *
     * @param before as {@link Corruption#counting} has it
     * @param after the same
     */
    private Terms terms(Tensor logits, Tensor x0, Tensor xt, Tensor t, Level before, Level after) {
        long codes = space.codes();
        Tensor masked = xt.eq(new Scalar(codes));
        Tensor same = xt.eq(x0);
        Tensor logRho = torch.log_softmax(logits, -1); // [M, K]
        Tensor rho = logRho.exp();
        Tensor logClean = logRho.gather(1, x0.unsqueeze(1)).squeeze(1); // [M]
        Tensor clean = rho.gather(1, x0.unsqueeze(1)).squeeze(1);
        Tensor own =
                rho.gather(1, xt.clamp_max(new Scalar(codes - 1)).unsqueeze(1)).squeeze(1);
        Mixture model = Mixture.of(posterior, own, xt, before, after, codes);
        if (posterior == Posterior.JOINT) { // p(x_0 | x_1) is the guess itself, as in D3PM's code
            model = model.itself(t.eq(new Scalar(1L)), own);
        }
        Mixture truth = Mixture.of(Posterior.JOINT, same.to(ScalarType.Double), xt, before, after, codes);

        Tensor apart = same.logical_or(masked)
                .logical_not()
                .to(ScalarType.Double); // 1 where x_t is a code, and another than x_0
        Tensor rest = log(model.share(rho))
                .sum(1)
                .sub(log(model.share(clean)))
                .sub(apart.mul(log(model.share(own)))); // Σ ln p of all codes but x_0 and x_t
        Tensor count = apart.neg().add(new Scalar(codes - 1.0)); // how many these are
        Tensor divergence = torch.xlogy(truth.floor(), truth.floor())
                .mul(count)
                .sub(truth.floor().mul(rest))
                .add(cost(
                        torch.where(same, truth.own(), truth.scale().add(truth.floor())),
                        torch.where(same, model.own(), model.share(clean))))
                .add(cost(truth.own(), model.own()).mul(apart))
                .add(cost(truth.mask(), model.mask()));
        return new Terms(divergence, entropy(logClean, own, same, masked, after));
    }

    /** q ln(q / p) of one state. float64 [M] */
    private static Tensor cost(Tensor q, Tensor p) {
        return torch.xlogy(q, q).sub(q.mul(log(p)));
    }

    private static Tensor log(Tensor p) {
        return p.clamp_min(new Scalar(Math.exp(FLOOR))).log();
    }

    /** -ln p(x_0 | x_t), of ln ρ of x_0 and of ρ of x_t. */
    private Tensor entropy(Tensor logClean, Tensor own, Tensor same, Tensor masked, Level t) {
        Tensor log = logClean;
        if (posterior == Posterior.CONTEXT) { // times q(x_t | x_0) over its mean
            Tensor replaced = t.each(space.codes());
            Tensor mean = replaced.add(t.kept().mul(own)).masked_fill(masked, new Scalar(1.0));
            Tensor likelihood = torch.where(same, replaced.add(t.kept()), replaced);
            log = torch.where(masked, log, log.add(likelihood.log()).sub(mean.log()));
        }
        return log.clamp_min(new Scalar(FLOOR)).neg();
    }

    /** ln p(x_0) of logits, float64. [M, K], xt [M] -> [M, K] */
    private Tensor guess(Tensor logits, Tensor xt, Level t) {
        return torch.log_softmax(withToken(logits, xt, t), -1).clamp_min(new Scalar(FLOOR));
    }

    /**
     * Logits of p(x_0 | x_t) at some positions: those of the network, with what x_t itself tells where it guesses from the
     * other tokens alone. [M, K], int64 [M], t 1..T -> float64 [M, K]
     */
    public Tensor withToken(Tensor logits, Tensor xt, int t) {
        return withToken(logits, xt, schedule.at(Tensors.filled(t, xt.size(0)), xt.device()));
    }

    /** Logits with what x_t itself tells, where they are of the other tokens alone. float64 [M, K] */
    private Tensor withToken(Tensor logits, Tensor xt, Level t) {
        Tensor wide = logits.to(ScalarType.Double);
        return posterior == Posterior.CONTEXT ? wide.add(corruption.logLikelihood(xt, t)) : wide;
    }

    private static Tensor time(Tensor t, Device device) {
        return Devices.send(t.sub(new Scalar(1L)), device, ScalarType.Float);
    }

    private static Tensor spread(Tensor values, Tensor at, Tensor x0) {
        return torch.zeros(new long[] {x0.numel()}, Tensors.options(ScalarType.Double, x0.device()))
                .index_copy(0, at, values)
                .view_as(x0);
    }

    /**
     * ln p(x_s | x_t) of a guess of x_0.
     *
     * @param logX0 what the network says, float64 [M, K]
     * @param xt int64 [M]
     * @param t int64 [M], 1..T
     * @param s int64 [M], earlier than t
     * @return [M, S], each at least -70
     */
    public Tensor back(Tensor logX0, Tensor xt, Tensor t, Tensor s) {
        Level after = schedule.at(t, xt.device());
        return back(withToken(logX0, xt, after), xt, t, schedule.at(s, xt.device()), after);
    }

    /** p(x_0 | x_1) is the guess itself, in the joint reading too (as in D3PM's code); in the other it follows. */
    private Tensor back(Tensor logX0, Tensor xt, Tensor t, Level before, Level after) {
        Posterior reading = posterior == Posterior.CONTEXT ? Posterior.NORMALISED : posterior; // withToken made it so
        Tensor log = corruption.logPosterior(reading, logX0, xt, before, after);
        if (posterior == Posterior.JOINT) {
            Tensor itself = torch.full_like(log.detach(), new Scalar(Double.NEGATIVE_INFINITY))
                    .slice_scatter(logX0, 1, new LongOptional(0), new LongOptional(space.codes()), 1);
            log = torch.where(t.eq(new Scalar(1L)).unsqueeze(1), itself, log);
        }
        return log.clamp_min(new Scalar(FLOOR));
    }

    /** KL(q(x_T | x_0) ‖ p(x_T)) of a grid in nats, the same for every x_0; p(x_T) is what {@link #start} draws. */
    public double priorNats() {
        return Scope.value(() -> {
            Tensor any = Tensors.filled(0, 1);
            Level last = schedule.at(Tensors.filled(steps(), 1), any.device());
            Tensor q = corruption.logMarginal(any, last).clamp_min(new Scalar(FLOOR));
            Tensor p = corruption.logMarginal(any, last.lost()).clamp_min(new Scalar(FLOOR));
            return space.length() * q.exp().mul(q.sub(p)).sum().item_double();
        });
    }

    /** One estimate a grid of the bound on -ln p in nats; t is spread evenly over the batch. float32 [B] */
    public Tensor negativeLogLikelihood(Denoiser network, Tensor x0, Tensor label, Generator generator) {
        long batch = x0.size(0);
        Tensor t = times(batch, generator); // [B]
        ImportanceMasking masking = importanceMasking(t, generator);
        return terms(network, x0, corrupt(x0, t, masking.u()), t, label)
                .divergence()
                .sum(1)
                .mul(Devices.send(masking.weight(), x0.device(), ScalarType.Double))
                .mul(new Scalar((double) steps()))
                .add(new Scalar(priorNats()))
                .to(ScalarType.Float);
    }

    /**
     * Walks from grids of which nothing is left to clean ones. Known tokens stay as they are where lost ones are masked, so
     * that the network sees which they are, and the walk begins when as many are known by rights; otherwise they are as noisy
     * as the grid, along a path of their own.
     *
     * @param network told t - 1
     * @param start the grids before the first step, int64 [B, L]
     * @param step between times of {@link #times(GridDraw)}
     * @return int64 [B, h, w]
     */
    public Tensor walk(GridDraw draw, Denoiser network, Supplier<Tensor> start, BiFunction<Tensor, Step, Tensor> step) {
        draw.able(Wish.EXTRAPOLATION).sweep((x, sweep) -> resampled(draw, x, sweep));
        if (masks()) {
            draw.able(Wish.UNMASKING);
            checkOrder(draw.sampling().unmasking());
        }
        checkCorrector(draw.sampling().corrector());
        boolean noisy = draw.partial() && !masks();
        Tensor u = noisy ? draw.uniform(Use.KNOWN, draw.length()) : null;
        double[] whole = times(draw);
        checkHalves(draw.sampling(), whole);
        double[] times = draw.sampling().extrapolation().times(whole);
        return draw.run(
                DoubleStream.of(times).map(Math::ceil).toArray(),
                network,
                () -> keep(draw, start.get(), u, steps()),
                (xt, now) -> keep(draw, step.apply(xt, now), u, now.s()));
    }

    /** @throws UnsupportedSamplingException if trapezoidal steps have no whole time in between */
    public void checkHalves(Sampling sampling, double[] times) {
        for (int i = 1; i < times.length; i++) {
            if (sampling.extrapolation() instanceof Extrapolation.Trapezoidal && times[i - 1] - times[i] < 2) {
                throw new UnsupportedSamplingException("trapezoidal steps are of two of the model's " + steps()
                        + " at least, so steps must be at most " + steps() / 2 + ", got " + (times.length - 1));
            }
        }
    }

    private static void checkOrder(Unmasking wished) {
        if (wished.order().chosen() || wished.bound() > 0) {
            throw new UnsupportedSamplingException(
                    "this prior replaces tokens too, and does not reveal masked ones by what it"
                            + " guesses of them: take order random, halton or raster, and leave out the entropy bound");
        }
    }

    private void checkCorrector(Corrector corrector) {
        if (corrector instanceof Corrector.Remask || corrector instanceof Corrector.Psi && masks()) {
            throw new UnsupportedSamplingException(
                    corrector instanceof Corrector.Psi
                            ? "psi is not for tokens that are both masked and replaced: take the corrector gibbs"
                            : "this prior replaces tokens, and remask corrects draws from masks alone: take the corrector gibbs"
                                    + (masks() ? "" : ", or psi"));
        }
    }

    private Tensor keep(GridDraw draw, Tensor x, Tensor u, double t) {
        return u == null || t == 0
                ? draw.keep(x)
                : draw.keep(x, x0 -> corrupt(x0, Tensors.filled(Math.round(t), x0.size(0)), u));
    }

    private boolean masks() {
        return corruption.states() > space.codes();
    }

    /** What is masked at t of 0..T. */
    public MaskedShares masking() {
        return new MaskedShares(t -> masked((int) Math.ceil(t)), t -> Math.max(0, Math.ceil(t) - 1));
    }

    /**
     * The whole t of 0..T before each step of a draw and after the last: those of its shares of noise, but falling by one at
     * least, and none that is needless since as many tokens are known already.
     *
     * @throws UnsupportedSamplingException if there are more steps than T
     */
    public double[] times(GridDraw draw) {
        int wanted = draw.sampling().steps().count();
        if (wanted > steps()) {
            throw new UnsupportedSamplingException(
                    "steps must be at most the " + steps() + " that the model was trained with, got " + wanted);
        }
        double[] times = draw.times(steps());
        for (int i = times.length - 1; i >= 0; i--) {
            int least = i == times.length - 1 ? 0 : (int) times[i + 1] + 1;
            times[i] = Math.min(steps() - i, Math.max(least, time(times[i])));
        }
        if (masks()) {
            times = draw.unknownYet(times, t -> 1 - kept((int) Math.ceil(t)));
            times[0] = Math.ceil(times[0]);
        }
        return times;
    }

    private double kept(int t) {
        return Scope.value(
                () -> schedule.at(Tensors.filled(t, 1), Devices.cpu()).kept().item_double());
    }

    private double masked(int t) {
        return Scope.value(
                () -> schedule.at(Tensors.filled(t, 1), Devices.cpu()).masked().item_double());
    }

    private int time(double share) {
        return Math.toIntExact(Math.round(share * steps()));
    }

    /** Grids of which nothing is left. int64 [B, L] */
    public Tensor start(GridDraw draw) {
        Tensor u = draw.uniform(Use.START, draw.length()); // [B, L]
        Level last = schedule.at(Tensors.filled(steps(), u.size(0)), u.device()).lost();
        return corruption.corrupt(torch.zeros_like(u).to(ScalarType.Long), last, u);
    }

    /**
     * One step back, from time t to s. The network sees only grids in which something changes, and is asked only where; of all
     * places where guesses are extrapolated, by what the other tokens tell.
     *
     * @param xt int64 [B, L]
     * @return int64 [B, L]
     */
    public Tensor step(GridDraw draw, Tensor xt, Step step) {
        Tensor t = Tensors.filled(Math.round(step.t()), xt.size(0)); // [B]
        Level before = schedule.at(Tensors.filled(Math.round(step.s()), xt.size(0)), xt.device());
        Level after = schedule.at(t, xt.device());
        Tensor whole = Devices.send(t, xt.device(), ScalarType.Long);
        Tensor uncertain = corruption.uncertain(xt);
        Tensor changes = masks() ? uncertain.logical_and(kept(draw, xt, step).logical_not()) : uncertain; // [B, L]
        Guesses guesses = new Guesses(draw, step);
        return draw.fill(
                xt,
                guesses.plain() ? changes : uncertain,
                changes,
                step,
                at -> guesses.of(at, draw.logits(at, xt, step.t() - 1, step), logits -> alone(logits, at, xt, after)),
                own -> {
                    Tensor every = own.floor_divide(new Scalar(xt.size(1))); // [M]
                    Tensor token = xt.flatten().index_select(0, own);
                    Reading all = (logits, from) -> {
                        Tensor rows = every.narrow(0, from, logits.size(0)); // [m]
                        Tensor now = token.narrow(0, from, logits.size(0));
                        Level then = after.rows(rows);
                        Tensor told = guesses.plain() || posterior == Posterior.CONTEXT
                                ? withToken(logits, now, then)
                                : posterior == Posterior.NORMALISED
                                        ? logits.to(ScalarType.Double).add(corruption.logLikelihood(now, then))
                                        : logits;
                        Tensor guess = step.filter().logProbabilities(told);
                        Tensor times = whole.index_select(0, rows);
                        Level earlier = before.rows(rows);
                        Tensor back = back(guess, now, times, earlier, then).narrow(1, 0, space.codes());
                        return mixed(draw.sampling().corrector(), back, guess, now, earlier, then);
                    };
                    return asGuessed(draw, guesses, step)
                            ? all.with(fewNumbers(step, token, every, before, after))
                            : all;
                },
                guesses::keep);
    }

    /** Whether a step is of the guesses as the network has them, so that it is a {@link Mixture} of them. */
    private boolean asGuessed(GridDraw draw, Guesses guesses, Step step) {
        return guesses.plain()
                && step.filter().filters().equals(Filters.NONE)
                && (step.filter().temperature() == 1
                        || posterior != Posterior.CONTEXT) // which x_t's own likelihood is in
                && !(draw.sampling().corrector() instanceof Corrector.Psi);
    }

    /**
     * Such a step.
     *
     * @param token x_t, int64 [M]
     * @param rows the grids, int64 [M]
     * @param before of grids, [B]
     * @param after the same
     */
    private FewNumbers fewNumbers(Step step, Tensor token, Tensor rows, Level before, Level after) {
        boolean itself = posterior == Posterior.JOINT && Math.round(step.t()) == 1;
        Tensor code = token.clamp_max(new Scalar(space.codes() - 1)); // masks have none of their own
        return new FewNumbers(step.filter().temperature(), code, (from, rho) -> {
            Tensor grids = rows.narrow(0, from, rho.size(0));
            Tensor now = token.narrow(0, from, rho.size(0));
            Level s = corruption.counting(before.rows(grids));
            Level t = corruption.counting(after.rows(grids));
            Mixture mixture = Mixture.of(posterior, rho, now, s, t, space.codes());
            if (itself) {
                mixture = mixture.itself(torch.ones_like(rho).to(ScalarType.Bool), rho);
            }
            Tensor own = torch.where(now.eq(new Scalar(space.codes())), mixture.share(rho), mixture.own());
            return new Weights(mixture.scale(), mixture.floor(), own);
        });
    }

    /** The masked tokens that stay so in a step. bool [B, L] */
    private Tensor kept(GridDraw draw, Tensor xt, Step step) {
        Tensor masked = xt.eq(new Scalar(space.mask()));
        return masked.logical_and(new MaskedWalk(draw, null, false, masking(), unmasking(draw), true)
                .revealed(masked, step)
                .logical_not());
    }

    private static Unmasking unmasking(GridDraw draw) {
        return MaskedWalk.filled(draw.sampling().unmasking(), Reveal.COINS, Order.RANDOM);
    }

    /** Logits of what the other tokens tell, of those of the network. [m, K] */
    private Tensor alone(Tensor logits, ActivePositions at, Tensor xt, Level t) {
        if (posterior != Posterior.NORMALISED) {
            return logits;
        }
        Level own = t.rows(at.at().floor_divide(new Scalar(xt.size(1))));
        return logits.to(ScalarType.Double).sub(corruption.logLikelihood(at.read(xt), own));
    }

    /** κ p(x_s | x_t) + (1 - κ) q(x_s | x_0), the second of the guess. [m, K] */
    private Tensor mixed(Corrector corrector, Tensor back, Tensor guess, Tensor xt, Level s, Level t) {
        if (!(corrector instanceof Corrector.Psi psi) || psi.kappa() == 1) {
            return back;
        }
        Tensor clean = posterior == Posterior.JOINT
                ? torch.log_softmax(guess.add(corruption.logLikelihood(xt, t)), 1)
                : guess; // ln p(x_0 | x_t)
        return back.add(new Scalar(Math.log(psi.kappa())))
                .logaddexp(noised(clean, s).add(new Scalar(Math.log1p(-psi.kappa()))));
    }

    /** ln of ᾱ p + β̄, the codes at a level of what has probabilities p. [m, K] */
    private Tensor noised(Tensor logP, Level level) {
        Tensor kept = level.kept().unsqueeze(1);
        Tensor replaced = level.each(space.codes()).unsqueeze(1);
        return logP.add(kept.log()).logaddexp(replaced.log());
    }

    /** Some tokens anew, of ᾱ_s ℓ + β̄_s with ℓ what the others tell; at s = 0 as the network knows it at t = 1. */
    private Tensor resampled(GridDraw draw, Tensor x, Step step) {
        long s = Math.round(step.s());
        Tensor open = draw.open().expand_as(x);
        Tensor some = draw.some(masks() ? open.logical_and(x.ne(new Scalar(space.mask()))) : open, step);
        Level known = schedule.at(Tensors.filled(Math.max(1, s), x.size(0)), x.device());
        Level level = schedule.at(Tensors.filled(s, x.size(0)), x.device());
        return draw.fill(
                x,
                some,
                some,
                step,
                at -> alone(draw.logits(at, x, Math.max(1, s) - 1.0, step), at, x, known),
                own -> (logits, from) -> {
                    Tensor rows = own.narrow(0, from, logits.size(0)).floor_divide(new Scalar(x.size(1)));
                    return noised(step.filter().logProbabilities(logits), level.rows(rows));
                },
                () -> {});
    }

    /**
     * What steps cost, as {@code SearchableSteps.stepCosts}: KL(q(x_s | x_t, x_0) ‖ p(x_s | x_t)) over all positions for
     * all pairs of times, where shares are t / T.
     *
     * @param x0 int64 [B, L]
     */
    public double[][] stepCosts(Denoiser network, Tensor x0, Tensor label, double[] shares, Generator generator) {
        double[][] costs = new double[shares.length][shares.length];
        long batch = x0.size(0);
        for (int i = 1; i < shares.length; i++) {
            int now = time(shares[i]);
            double[] row = costs[i];
            Arrays.fill(row, 0, i, Double.POSITIVE_INFINITY); // where shares are finer than steps
            if (now == 0) {
                continue;
            }
            Scope.free(() -> {
                Tensor t = Tensors.filled(now, batch);
                Tensor xt = corrupt(
                        x0, t, Tensors.uniform(generator, batch, space.length()).to(ScalarType.Double));
                Tensor at = corruption.uncertain(xt).flatten().nonzero().squeeze(1); // [M]
                Tensor rows = at.floor_divide(new Scalar(space.length()));
                Tensor clean = x0.flatten().index_select(0, at);
                Tensor token = xt.flatten().index_select(0, at);
                Tensor times = t.to(x0.device(), ScalarType.Long).index_select(0, rows);
                Level after = schedule.at(t, x0.device()).rows(rows);
                Tensor guess = guess(network.logits(xt, time(t, x0.device()), label, at), token, after); // [M, K]
                for (int j = 0; j < row.length && time(shares[j]) < now; j++) {
                    Tensor s = Tensors.filled(time(shares[j]), batch);
                    row[j] = Scope.value(() -> {
                        Level before = schedule.at(s, x0.device()).rows(rows);
                        Tensor truth = corruption
                                .logPosterior(clean, token, before, after)
                                .clamp_min(new Scalar(FLOOR));
                        Tensor model = back(guess, token, times, before, after);
                        return truth.exp().mul(truth.sub(model)).sum().item_double() / batch;
                    });
                }
            });
        }
        return costs;
    }
}
