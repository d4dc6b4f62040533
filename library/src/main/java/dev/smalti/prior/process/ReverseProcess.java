package dev.smalti.prior.process;

import dev.smalti.corruption.Corruption;
import dev.smalti.corruption.Level;
import dev.smalti.corruption.Posterior;
import dev.smalti.corruption.Schedule;
import dev.smalti.draw.Guidance;
import dev.smalti.draw.LogitFilter;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.UnsupportedSamplingException;
import dev.smalti.network.Denoiser;
import dev.smalti.prior.Prior;
import dev.smalti.prior.Prior.StepWatcher;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.Arrays;
import java.util.function.Supplier;
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

    /** A time for each of B grids, spread evenly over 1..T. int64 [B] */
    public Tensor times(long batch, Generator generator) {
        return LowDiscrepancyTimes.times(generator, batch, steps());
    }

    /**
     * Numbers for {@link #corrupt} at times t.
     *
     * @param t int64 [B], 1..T
     */
    public ImportanceMasking losing(Tensor t, Generator generator) {
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
        return corruption.corrupt(x0, schedule.at(t, x0.device()), u.to(x0.device(), ScalarType.Double));
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
        Tensor times = t.to(device, ScalarType.Long).index_select(0, rows); // [M]
        Level before = schedule.at(t.sub(new Scalar(1L)), device).rows(rows);
        Level after = schedule.at(t, device).rows(rows);
        Tensor logX0 = guess(network.logits(xt, time(t, device), label, at), now, after); // [M, K]
        Tensor model = back(logX0, now, times, before, after); // [M, S]
        Tensor truth = corruption.logPosterior(clean, now, before, after).clamp_min(new Scalar(FLOOR));
        Tensor divergence = truth.exp().mul(truth.sub(model)).sum(1);
        Tensor entropy = logX0.gather(1, clean.unsqueeze(1)).squeeze(1).neg();
        return new Terms(spread(divergence, at, x0), spread(entropy, at, x0));
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
        return t.sub(new Scalar(1L)).to(device, ScalarType.Float);
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
        ImportanceMasking losing = losing(t, generator);
        return terms(network, x0, corrupt(x0, t, losing.u()), t, label)
                .divergence()
                .sum(1)
                .mul(losing.weight().to(x0.device(), ScalarType.Double))
                .mul(new Scalar((double) steps()))
                .add(new Scalar(priorNats()))
                .to(ScalarType.Float);
    }

    /** One step of a {@link #walk}. */
    @FunctionalInterface
    public interface Step {
        /**
         * @param number 1..T', of the whole walk
         * @param filter of this step
         */
        Tensor take(Tensor xt, int number, LogitFilter filter);
    }

    /**
     * Walks from grids of which nothing is left to clean ones. Known tokens stay as they are where lost ones are masked, so
     * that the network sees which they are, and the walk begins when as many are known by rights; otherwise they are as noisy
     * as the grid, along a path of their own.
     *
     * @param steps T'
     * @param first the grids before the first step, int64 [B, L]
     * @param step from {@link #time(Sampling, int, int)} to that of the next number; the first may be made from somewhat fewer
     *     tokens than its time says
     * @return int64 [B, h, w]
     */
    public Tensor walk(
            Prior prior,
            Frame frame,
            Sampling sampling,
            Guidance guided,
            Tensor labels,
            RandomStreams draws,
            int steps,
            Supplier<Tensor> first,
            Step step,
            StepWatcher watcher) {
        boolean masking = corruption.states() > space.codes();
        Tensor u = frame.partial() && !masking ? draws.uniform(frame.space().length()) : null;
        int skipped = masking ? skipped(frame, sampling, steps) : 0;
        return Chain.run(
                prior,
                frame,
                sampling,
                guided,
                labels,
                draws,
                steps - skipped,
                () -> keep(frame, first.get(), u, steps()),
                (x, number) -> {
                    int now = number + skipped;
                    LogitFilter filter = sampling.filter(number, steps - skipped);
                    return keep(frame, step.take(x, now, filter), u, time(sampling, now + 1, steps));
                },
                watcher);
    }

    private Tensor keep(Frame frame, Tensor x, Tensor u, int t) {
        return u == null || t == 0 ? frame.keep(x) : frame.keep(x, x0 -> corrupt(x0, Tensors.filled(t, x0.size(0)), u));
    }

    /** The steps after whose ends fewer tokens are kept than are known. */
    private int skipped(Frame frame, Sampling sampling, int steps) {
        double share = 1 - (double) frame.unknown() / frame.space().length();
        return Frame.skipped(steps, next -> kept(time(sampling, next, steps)) <= share);
    }

    private double kept(int t) {
        return Scope.value(
                () -> schedule.at(Tensors.filled(t, 1), Devices.cpu()).kept().item_double());
    }

    /**
     * {@link Prior#stepCosts}: KL(q(x_s | x_t, x_0) ‖ p(x_s | x_t)) over all positions for all pairs of times, where shares are t / T.
     *
     * @param x0 int64 [B, L]
     */
    public double[][] stepCosts(Denoiser network, Tensor x0, Tensor label, double[] shares, Generator generator) {
        double[][] leaps = new double[shares.length][shares.length];
        long batch = x0.size(0);
        for (int i = 1; i < shares.length; i++) {
            int now = time(shares[i]);
            double[] row = leaps[i];
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
        return leaps;
    }

    private int time(double share) {
        return Math.toIntExact(Math.round(share * steps()));
    }

    /** Grids of which nothing is left. int64 [B, L] */
    public Tensor start(RandomStreams draws, long length) {
        Tensor nothing = Tensors.filled(0, draws.grids(), length);
        Level last = schedule.at(Tensors.filled(steps(), draws.grids()), nothing.device())
                .lost();
        return corruption.corrupt(nothing, last, draws.uniform(length));
    }

    /**
     * The time before step {@code number} of a draw in {@code steps}, which are spread evenly over T. 1..steps -> 1..T
     */
    public int time(int number, int steps) {
        return Math.toIntExact((long) steps() * (steps - number + 1) / steps);
    }

    /** The same where a caller says the times: at least one for each step that remains. */
    public int time(Sampling sampling, int number, int steps) {
        return sampling.times() == null || number > steps
                ? time(number, steps)
                : Math.max(steps - number + 1, time(sampling.time(number, steps)));
    }

    /**
     * @param wanted T' of a caller, 0 for the usual
     * @return T'
     * @throws IllegalArgumentException if there are more than T
     */
    public int steps(int wanted) {
        if (wanted > steps()) {
            throw new UnsupportedSamplingException(
                    "steps must be at most the " + steps() + " that the model was trained with, got " + wanted);
        }
        return wanted == 0 ? steps() : wanted;
    }

    /**
     * One step back, from time t to s. The network sees only grids in which something changes, and is asked only where.
     *
     * @param xt int64 [B, L]
     * @param labels int64 [B]; null for an unconditional network
     * @return int64 [B, L]
     */
    public Tensor step(
            Denoiser denoiser,
            LogitFilter filter,
            Tensor xt,
            Tensor labels,
            int t,
            int s,
            RandomStreams draws,
            Device device) {
        return Scope.keep(() -> {
            Tensor times = Tensors.filled(t, xt.size(0)); // [B]
            Level before = schedule.at(times.mul(new Scalar(0L)).add(new Scalar((long) s)), xt.device());
            Level after = schedule.at(times, xt.device());
            Tensor changes = corruption.changes(xt, before, after, draws.uniform(xt.size(1))); // [B, L]
            return ActivePositions.of(changes)
                    .map(places -> {
                        Tensor logits = places.logits(denoiser, xt, t - 1, labels, device); // [M, K]
                        Tensor rows = places.at().floor_divide(new Scalar(xt.size(1)));
                        Tensor now = places.read(xt); // [M]
                        Level then = after.rows(rows);
                        Tensor codes = back(
                                        filter.logProbabilities(withToken(logits, now, then)),
                                        now,
                                        times.index_select(0, rows),
                                        before.rows(rows),
                                        then)
                                .narrow(1, 0, space.codes()); // [M, K]
                        return places.write(xt, draws.pick(places.at(), xt.size(1), codes));
                    })
                    .orElse(xt);
        });
    }
}
