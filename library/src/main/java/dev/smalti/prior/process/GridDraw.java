package dev.smalti.prior.process;

import dev.smalti.corruption.MaskTokens;
import dev.smalti.draw.Autoguidance;
import dev.smalti.draw.Canvas;
import dev.smalti.draw.Categorical;
import dev.smalti.draw.Corrector;
import dev.smalti.draw.Corrector.When;
import dev.smalti.draw.Extrapolation;
import dev.smalti.draw.Filters;
import dev.smalti.draw.Guidance;
import dev.smalti.draw.GuidingModel;
import dev.smalti.draw.Known;
import dev.smalti.draw.LogitFilter;
import dev.smalti.draw.Looking;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.RandomStreams.Use;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.StepWatcher;
import dev.smalti.draw.Unmasking;
import dev.smalti.draw.UnsupportedSamplingException;
import dev.smalti.draw.Windows;
import dev.smalti.network.Denoiser;
import dev.smalti.network.Parameters;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.Labels;
import dev.smalti.token.TokenSpace;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BiFunction;
import java.util.function.DoubleUnaryOperator;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A batch of grids being drawn: their size, which may be above that of training, the tokens that are known already, classes,
 * random numbers and who watches. It gives each step its times, its guided network and its filter, so that a sampler is the
 * step of its paper and no more.
 *
 * <p>Tensors of a draw lie on the device of the network. Letters: B grids, L places, T codes at a place, M places that may change
 * in a step, K codes.
 */
public final class GridDraw {
    /** Logits that the network is asked for at once: 128 MiB of float32, on a GPU 1 GiB. */
    static final long ASKED = 1 << 25;

    private static final long ASKED_ON_GPU = 1 << 28;

    /** Random numbers that are compared at once: 2 MiB of float64, on a GPU 32 MiB. */
    private static final long COMPARED = 1 << 18;

    private static final long COMPARED_ON_GPU = 1 << 22;

    /** Float64 numbers of a piece: 128 MiB of them. */
    static final long PIECE = 1 << 24;

    private final TokenSpace trained;
    private final int classes;
    private final Parameters parameters;
    private final Sampling sampling;
    private final RandomStreams streams;
    private final TokenSpace space;
    private Tensor labels; // int64 [B]; null without classes
    private StepWatcher watcher = StepWatcher.NONE;
    private Listener listener = Listener.NOBODY;
    private Denoiser guiding; // null where guidance leads away from no class, or from one
    private Known known; // null for none, of the grids from this number on:
    private long first;
    private Tensor open; // bool [1, L]
    private long unknown;
    private Tensor places; // where codes are drawn, bool [1, T·L]; null for everywhere
    private final Tensor
            flaw; // whether some probability was no number, bool [1]; read once, where the network is on a GPU
    private Walk walk; // null for step after step
    private BiFunction<Tensor, Step, Tensor> sweep; // null for none
    private Tensor memory; // held by hand; null for none
    private final Set<Wish> able = EnumSet.noneOf(Wish.class);
    private Tensor codes; // known ones, 0 where they are drawn, int64 [B, T·L]
    private MaskTokens maskTokens;
    private Tensor shown; // what a place shows as long as it is masked, int64 [B, L]; null where all masks are alike

    /**
     * One step of a draw.
     *
     * @param number 1..of
     * @param of all steps
     * @param t the time before it, in the method's own unit
     * @param s the time after it
     * @param guided the network as it is to be asked: through windows, and with guidance
     * @param filter of the logits
     * @param streams of its random numbers; null for those of the draw
     */
    public record Step(
            int number, int of, double t, double s, Denoiser guided, LogitFilter filter, RandomStreams streams) {
        /** With the random numbers of the draw. */
        public Step(int number, int of, double t, double s, Denoiser guided, LogitFilter filter) {
            this(number, of, t, s, guided, filter, null);
        }

        /** Whether it is the last one. */
        public boolean last() {
            return number == of;
        }

        /** Whether guidance acts in it. */
        public boolean hasGuidance() {
            return guided instanceof Guidance || guided instanceof Autoguidance;
        }

        /** The same with the random numbers of another step. */
        Step number(int number) {
            return new Step(number, of, t, s, guided, filter, streams);
        }

        /** The same with other random numbers. */
        Step streams(RandomStreams streams) {
            return new Step(number, of, t, s, guided, filter, streams);
        }

        /** The same with another filter. */
        public Step filter(LogitFilter filter) {
            return new Step(number, of, t, s, guided, filter, streams);
        }
    }

    /** Sees what codes are drawn from, before a step is done. It stops a draw by throwing. */
    @FunctionalInterface
    public interface Listener {
        /** Nobody, for whom no probabilities need be computed that the draw itself can do without. */
        Listener NOBODY = (at, logProbabilities, codes) -> {};

        /**
         * @param at where, ascending indices into the B·L positions, int64 [M]
         * @param logProbabilities up to a number of each row, filtered and guided; of the codes, and for methods that draw a
         *     state of masked or replaced tokens, of that. float64 [M, K]
         * @param codes what is drawn, int64 [M]; not all of it need stay
         */
        void picked(Tensor at, Tensor logProbabilities, Tensor codes);
    }

    /**
     * @param trained the grids of training
     * @param classes 0 for an unconditional prior
     * @param parameters of the network
     * @param streams of B grids
     */
    public GridDraw(TokenSpace trained, int classes, Parameters parameters, Sampling sampling, RandomStreams streams) {
        Canvas canvas = sampling.canvas();
        this.trained = trained;
        this.classes = classes;
        this.parameters = parameters;
        this.sampling = sampling;
        this.streams = streams;
        this.space = canvas == null ? trained : trained.sized(canvas.height(), canvas.width());
        this.open = torch.ones(new long[] {1, space.length()}, Tensors.options(ScalarType.Bool, device()));
        this.unknown = space.length();
        this.flaw = torch.zeros(new long[] {1}, Tensors.options(ScalarType.Bool, device()));
    }

    /**
     * Gives the grids classes.
     *
     * @param labels int64 [B]; the number of classes draws without class; null for an unconditional prior
     */
    public GridDraw labels(Tensor labels) {
        this.labels = labels == null ? null : labels.to(device(), ScalarType.Long);
        return this;
    }

    /** Calls {@code watcher} after every step; one that only counts is told of the last, and of those that a pass reaches. */
    public GridDraw watcher(StepWatcher watcher) {
        this.watcher = watcher;
        return this;
    }

    /** Calls {@code listener} whenever codes are drawn. */
    public GridDraw listener(Listener listener) {
        this.listener = listener;
        return this;
    }

    /**
     * Guides away from a network rather than from no class, by {@link Autoguidance}.
     *
     * @param guiding on the same device, of the same tokens and the same kind of logits as the prior's own: {@link
     *     dev.smalti.prior.Prior#denoiser} of one that is less able; null for none
     */
    public GridDraw guiding(Denoiser guiding) {
        this.guiding = guiding;
        return this;
    }

    /** The network from which guidance leads away; null for none. */
    public Denoiser guiding() {
        return guiding;
    }

    /** Draws once a grid what each place shows the network as long as it is masked. */
    public GridDraw showing(MaskTokens tokens) {
        if (tokens.random()) {
            maskTokens = tokens;
            shown = tokens.tokens(uniform(Use.MASKS, space.length()));
        }
        return this;
    }

    /** What the network sees of {@code xt}. int64 [B, L] -> the same */
    private Tensor seen(Tensor xt) {
        return shown == null ? xt : maskTokens.show(xt, shown);
    }

    /** {@link #known(Known, long)} of the first grids. */
    public GridDraw known(Known known) {
        return known(known, 0);
    }

    /**
     * Keeps known tokens.
     *
     * @param known null for none
     * @param first the number of the first of these grids among all that are drawn
     * @throws IllegalArgumentException if the known tokens are not those of such grids
     */
    public GridDraw known(Known known, long first) {
        if (known == null) {
            return this;
        }
        TokenSpace own = new TokenSpace(space.codes(), known.height(), known.width(), known.depth());
        if (!own.equals(space)) {
            throw new IllegalArgumentException(Phrase.of("known tokens must be those of grids of %s, got %s")
                    .with(space.grid(), own.grid()));
        }
        boolean[] drawn = known.open();
        long[] where = new long[drawn.length];
        Arrays.setAll(where, place -> drawn[place] ? 1 : 0);
        long count = LongStream.of(where).sum();
        if (count == drawn.length) {
            return this;
        }
        if (space.depth() > 1 && !known.noisy()) {
            throw new IllegalArgumentException(
                    "known tokens of a diffusion tokenizer need the noise seeds that they were encoded with");
        }
        int size = Math.toIntExact(space.size());
        long[] all = LongStream.range(first, first + grids())
                .flatMap(number -> LongStream.of(known.codes(number)))
                .toArray();
        this.known = known;
        this.first = first;
        this.unknown = count;
        open = Tensors.longs(where).view(1, -1).to(device(), ScalarType.Bool);
        places = open.expand(space.depth(), space.length()).reshape(1, -1);
        Tensor kept = Tensors.longs(all).view(-1, size).to(device(), ScalarType.Long);
        codes = space.check("the known tokens", kept.masked_fill(places, new Scalar(0L)));
        return this;
    }

    /** K, T, and the size of the grids to be drawn. */
    public TokenSpace space() {
        return space;
    }

    /** B */
    public long grids() {
        return streams.grids();
    }

    /** L */
    public long length() {
        return space.length();
    }

    /** Where the network is, and the tensors of a draw. */
    public Device device() {
        return parameters.device();
    }

    /** What is wished. */
    public Sampling sampling() {
        return sampling;
    }

    /** The classes of the grids, int64 [B]; null for an unconditional prior. */
    public Tensor labels() {
        return labels;
    }

    /** Whether some tokens are known. */
    public boolean partial() {
        return known != null;
    }

    /** The places to be drawn, bool [1, L]. */
    public Tensor open() {
        return open;
    }

    /** How many there are. */
    public long unknown() {
        return unknown;
    }

    /** The noise seeds of the known tokens, [B]. */
    public long[] knownNoiseSeeds() {
        long[] seeds = new long[Math.toIntExact(grids())];
        Arrays.setAll(seeds, i -> known.noiseSeed(first + i));
        return seeds;
    }

    /** The seed of each grid's Gaussian noise, for methods of a diffusion tokenizer. [B] */
    public long[] noiseSeeds() {
        return streams.noiseSeeds();
    }

    /** So many steps for a grid of training, as many as that for each of the tokens of such a grid. */
    public int grown(int steps) {
        return Math.toIntExact(Math.max(steps, (long) steps * space.length() / trained.length()));
    }

    // Times

    /**
     * The share of noise before each step and after the last.
     *
     * @param usual the steps where none are wished
     * @return descending from 1 to 0
     */
    public double[] times(int usual) {
        return sampling.steps().shares(usual);
    }

    /**
     * {@code times} without the first steps that are needless, since as much is known already as after them; the first that is
     * left begins when as many tokens are masked as are not known.
     *
     * @param times descending
     * @param masked the share of masked tokens at a time, growing with it
     */
    public double[] unknownYet(double[] times, DoubleUnaryOperator masked) {
        double share = (double) unknown / space.length();
        if (share == 1) {
            return times;
        }
        int skipped = 0;
        while (skipped < times.length - 2 && masked.applyAsDouble(times[skipped + 1]) >= share) {
            skipped++;
        }
        double[] left = Arrays.copyOfRange(times, skipped, times.length);
        left[0] = new MaskedShares(masked, time -> time).time(share, left[1], left[0]);
        return left;
    }

    // What is wished of places, guesses and corrections

    /** What a caller may wish that not every method can. */
    public enum Wish {
        /** {@link Unmasking}. */
        UNMASKING,
        /** {@link Extrapolation}. */
        EXTRAPOLATION,
        /** {@link Corrector}. */
        CORRECTOR
    }

    /** Says that the method does what is wished of these. */
    public GridDraw able(Wish... wishes) {
        able.addAll(List.of(wishes));
        return this;
    }

    private void checkWishes() {
        check(
                Wish.UNMASKING,
                sampling.unmasking().equals(Unmasking.USUAL),
                "reveals no masked places in an order of choice: leave out order, reveal, order noise and entropy bound");
        check(
                Wish.EXTRAPOLATION,
                sampling.extrapolation().equals(Extrapolation.NONE),
                "does not extrapolate guesses: leave out extrapolate and trapezoidal");
        check(
                Wish.CORRECTOR,
                sampling.corrector().equals(Corrector.NONE),
                "does not correct what it has drawn in this way: leave the corrector out");
    }

    private void check(Wish wish, boolean usual, String otherwise) {
        if (!usual && !able.contains(wish)) {
            throw new UnsupportedSamplingException("this prior, as it is configured, " + otherwise);
        }
    }

    // Corrections

    /**
     * Says how the method corrects grids, where {@link Corrector.Gibbs} is wished.
     *
     * @param sweep draws {@link #some} tokens anew after a step, with random numbers of its own. int64 [B, L] -> the same
     */
    public GridDraw sweep(BiFunction<Tensor, Step, Tensor> sweep) {
        this.sweep = sweep;
        return able(Wish.CORRECTOR);
    }

    /** The places of a sweep, at random among these. bool [B, L] -> the same */
    public Tensor some(Tensor among, Step sweep) {
        int places = ((Corrector.Gibbs) sampling.corrector()).places();
        Tensor counts = among.sum(new long[] {1}, false, new ScalarTypeOptional(ScalarType.Long))
                .clamp_max(new Scalar((long) places));
        Tensor weights = torch.zeros_like(among)
                .to(ScalarType.Double)
                .masked_fill(among.logical_not(), new Scalar(Double.NEGATIVE_INFINITY));
        return first(weights, counts, sweep);
    }

    // Steps

    /** Who takes the steps of a draw, in place of one after the other: to see more than one outcome. */
    @FunctionalInterface
    public interface Walk {
        /**
         * @param start the grids before the first step, int64 [B, L]
         * @param steps how many there are, with the sweeps of a corrector
         * @return the result of the draw
         */
        Tensor walk(Tensor start, int steps, Stepper stepper);
    }

    /** Takes a step. */
    @FunctionalInterface
    public interface Stepper {
        /**
         * @param x int64 [B, T·L], with {@link GridDraw#memory()} of the same grids
         * @param number from 1; a sweep of a corrector counts as a step
         * @return the same, kept past every scope until it is released by {@link Scope#release}
         */
        Tensor step(Tensor x, int number);
    }

    /** Has {@code walk} take the steps; null for one after the other. */
    public GridDraw walk(Walk walk) {
        this.walk = walk;
        return this;
    }

    /** What a step has left for the next, the first dimension that of the grids or a multiple; null for nothing. */
    public Tensor memory() {
        return memory;
    }

    /** Leaves something for the next step; null for nothing. */
    public void memory(Tensor left) {
        Tensor before = memory;
        memory = left == null ? null : Scope.hold(left);
        if (before != null) {
            Scope.release(before);
        }
    }

    // Each step

    /**
     * Takes the steps between {@code times}, without gradients.
     *
     * @param times before the first step and after each, in the method's own unit
     * @param network asked for logits of places; what it sees is a window where the canvas is larger than in training. Null
     *     for a method that asks its network itself
     * @param start the state before the first step, int64 [B, T·L]
     * @param step int64 [B, T·L] -> the same
     * @return int64 [B, h, w], or [B, T, h, w] where there are several codes at each place, on the CPU
     * @throws IllegalArgumentException naming the label that isn't one of the prior's, or guidance where there are no classes
     * @throws ArithmeticException if the network gives what is no number; on a GPU at the end
     */
    public Tensor run(double[] times, Denoiser network, Supplier<Tensor> start, BiFunction<Tensor, Step, Tensor> step) {
        return walk(times, network, false, start, step);
    }

    /**
     * {@link #run(double[], Denoiser, Supplier, BiFunction)} of a network that gives logarithms of ratios rather than
     * logits.
     */
    public Tensor runScores(
            double[] times, Denoiser network, Supplier<Tensor> start, BiFunction<Tensor, Step, Tensor> step) {
        return walk(times, network, true, start, step);
    }

    Tensor walk(
            double[] times,
            Denoiser network,
            boolean scores,
            Supplier<Tensor> start,
            BiFunction<Tensor, Step, Tensor> step) {
        checkWishes();
        Denoiser seen = seen(network, scores);
        int steps = times.length - 1;
        if (steps == 1 && sampling.corrector() instanceof Corrector.Gibbs gibbs && gibbs.when() == When.BETWEEN) {
            throw new UnsupportedSamplingException(
                    "a draw of one step has nothing between steps to correct: take the corrector at the end, or more steps");
        }
        List<Turned> all = turned(steps);
        Stepper stepper = (x, number) -> {
            Turned turn = all.get(number - 1);
            Step now = step(turn.step(), steps, times[turn.step() - 1], times[turn.step()], seen);
            Tensor after = Scope.value(() -> {
                Step own = windowed(now, seen);
                return Scope.hold(turn.sweep() == 0 ? step.apply(x, own) : sweep.apply(x, own.number(turn.numbers())));
            });
            try {
                if (turn.last()) {
                    watch(after, now);
                }
            } catch (RuntimeException | Error stop) {
                Scope.release(after);
                throw stop;
            }
            return after;
        };
        return Inference.tensor(parameters, () -> {
            try {
                return walk == null
                        ? chain(start.get(), all.size(), stepper)
                        : walk.walk(start.get(), all.size(), stepper);
            } finally {
                memory(null);
            }
        });
    }

    /**
     * A step, or a sweep after it.
     *
     * @param step 1..
     * @param sweep 0 for the step itself
     * @param numbers the step whose random numbers a sweep takes, above all of the draw
     * @param last whether it is the last of its step
     */
    private record Turned(int step, int sweep, int numbers, boolean last) {}

    private List<Turned> turned(int steps) {
        List<Turned> all = new ArrayList<>();
        for (int step = 1; step <= steps; step++) {
            int sweeps = sampling.corrector() instanceof Corrector.Gibbs gibbs && corrects(gibbs, step, steps)
                    ? gibbs.sweeps()
                    : 0;
            for (int sweep = 0; sweep <= sweeps; sweep++) {
                all.add(new Turned(step, sweep, steps + (step - 1) * sweeps + sweep, sweep == sweeps));
            }
        }
        return all;
    }

    /** After a whole step, not between the two parts of a trapezoidal one. */
    private boolean corrects(Corrector.Gibbs gibbs, int step, int steps) {
        boolean part = sampling.extrapolation() instanceof Extrapolation.Trapezoidal && step % 2 == 1;
        return gibbs.when() == When.END ? step == steps : step < steps && !part;
    }

    private Tensor chain(Tensor start, int steps, Stepper stepper) {
        Tensor x = start;
        Tensor own = null; // held by hand: a scope would keep the grids of all steps
        try {
            for (int number = 1; number <= steps; number++) {
                x = stepper.step(x, number);
                if (own != null) {
                    Scope.release(own);
                }
                own = x;
            }
            return drawn(x);
        } finally {
            if (own != null) {
                Scope.release(own);
            }
        }
    }

    /** What the steps ask of {@code network}, once all that is wished has been checked. */
    private Denoiser seen(Denoiser network, boolean scores) {
        checkGuidance();
        Labels.check(labels, classes, grids());
        boolean larger = space.height() != trained.height() || space.width() != trained.width();
        return larger && network != null
                ? new Windows(network, trained.height(), trained.width(), sampling.canvas(), scores)
                : network;
    }

    /** The same step through random windows of its own, where it is to look through such. */
    private Step windowed(Step now, Denoiser seen) {
        return randomWindows(seen)
                ? step(now.number(), now.of(), now.t(), now.s(), ((Windows) seen).random(uniform(Use.WINDOWS, now)))
                : now;
    }

    private boolean randomWindows(Denoiser seen) {
        return seen instanceof Windows && sampling.looking() == Looking.RANDOM;
    }

    private Tensor drawn(Tensor x) {
        Tensor drawn = space.grids(x).cpu().clone();
        if (flaw.item_bool()) {
            throw Categorical.noNumbers();
        }
        return drawn;
    }

    /**
     * Draws from masks, of which each step reveals some whatever the codes are: each that is masked with a probability of the
     * step's; where the steps are {@link #alike}.
     *
     * <p>Grids don't wait for each other: each goes on to the next
     * step that reveals something in it, so that almost every pass is one of all grids, and there are as many as the grid with the most
     * such steps has. Random numbers are those of the steps, so that the grids are the same either way.
     *
     * @param times before the first step and after each, shares of masked tokens
     * @param share the probability of being revealed in a step
     * @param time what the network is told
     * @return as {@link #run(double[], Denoiser, Supplier, BiFunction)}
     */
    Tensor inTurns(double[] times, Denoiser network, ToDoubleFunction<Step> share, ToDoubleFunction<Step> time) {
        checkWishes();
        Denoiser seen = seen(network, false);
        List<Step> steps = IntStream.range(1, times.length)
                .mapToObj(number -> step(number, times.length - 1, times[number - 1], times[number], seen))
                .toList();
        return Inference.tensor(parameters, () -> {
            Tensor x = masks(); // [B, L], written to
            long[] revealed = revealed(x, steps, share);
            List<Turn> turns = turns(revealed, steps, time);
            Denoiser own = randomWindows(seen) ? ((Windows) seen).random(streams.inTurn(Use.WINDOWS, revealed)) : seen;
            Step each = step(1, steps.size(), times[0], times[1], own)
                    .streams(new InTurn(streams.inTurn(Use.CODES, revealed)));
            for (int pass = 1; pass <= turns.size(); pass++) {
                Turn turn = turns.get(pass - 1);
                int done = (int) ((long) pass * steps.size() / turns.size());
                Scope.free(() -> take(turn, x, each));
                watch(x, steps.get(done - 1));
            }
            return drawn(x);
        });
    }

    /** Whether steps differ by their time alone, and nobody sees the grids between them. */
    boolean alike(int steps) {
        return walk == null
                && !watcher.looks()
                && listener == Listener.NOBODY
                && streams.turns()
                && IntStream.rangeClosed(2, steps)
                        .allMatch(number -> sampling.weight(number, steps) == sampling.weight(1, steps)
                                && sampling.filter(number, steps).equals(sampling.filter(1, steps)));
    }

    /** What codes are drawn with where each place is at a step of its own. float64 [B, L] */
    private record InTurn(Tensor codes) implements RandomStreams {
        @Override
        public long grids() {
            return codes.size(0);
        }

        @Override
        public Tensor uniform(Use use, long step, long length) {
            if (use != Use.CODES) {
                throw new UnsupportedOperationException("there are numbers of codes alone");
            }
            return codes;
        }
    }

    /**
     * A pass of grids that each are at a step of their own.
     *
     * @param times of all grids, float32 [B]
     */
    private record Turn(ActivePositions at, Tensor times) {}

    /** The number of the step that reveals each place, 0 for none. [B·L] */
    private long[] revealed(Tensor x, List<Step> steps, ToDoubleFunction<Step> share) {
        long never = steps.size() + 1;
        int together = Math.toIntExact(
                Math.max(1, Math.min(never, (device().is_cuda() ? COMPARED_ON_GPU : COMPARED) / x.numel())));
        return Scope.value(() -> {
            Tensor first = torch.full_like(x, new Scalar(never));
            for (int begin = 0; begin < steps.size(); begin += together) {
                List<Step> own = steps.subList(begin, Math.min(steps.size(), begin + together));
                Tensor before = first;
                first = Scope.keep(() -> torch.minimum(before, first(own, share, never)));
            }
            Tensor left = x.ne(new Scalar(space.mask())).logical_or(first.eq(new Scalar(never)));
            return Tensors.toLongs(first.masked_fill(left, new Scalar(0L)));
        });
    }

    /** The number of the first of some steps that would reveal a place that is masked. int64 [B, L] */
    private Tensor first(List<Step> steps, ToDoubleFunction<Step> share, long never) {
        long[] numbers = steps.stream().mapToLong(Step::number).toArray();
        Tensor shares = Tensors.doubles(steps.stream().mapToDouble(share).toArray());
        Tensor now = streams.uniform(Use.PLACES, numbers, space.length()) // [S, B, L]
                .lt(Devices.send(shares, device(), ScalarType.Double).view(-1, 1, 1));
        Tensor then =
                Devices.send(Tensors.longs(numbers), device(), ScalarType.Long).view(-1, 1, 1);
        return torch.where(now, then, new Scalar(never)).amin(new long[] {0}, false);
    }

    /** The first steps that reveal something in each grid, the second ones, and so on. */
    private List<Turn> turns(long[] revealed, List<Step> steps, ToDoubleFunction<Step> time) {
        int length = Math.toIntExact(space.length());
        List<TreeMap<Integer, List<Integer>>> grids = new ArrayList<>();
        for (int grid = 0; grid < grids(); grid++) {
            TreeMap<Integer, List<Integer>> own = new TreeMap<>();
            for (int place = 0; place < length; place++) {
                int number = (int) revealed[grid * length + place];
                if (number > 0) {
                    own.computeIfAbsent(number, none -> new ArrayList<>()).add(place);
                }
            }
            grids.add(own);
        }
        int passes = grids.stream().mapToInt(TreeMap::size).max().orElse(0);
        float[] told = new float[passes * grids.size()];
        List<List<List<Integer>>> places = new ArrayList<>();
        for (int pass = 0; pass < passes; pass++) {
            List<List<Integer>> now = new ArrayList<>();
            for (int grid = 0; grid < grids.size(); grid++) {
                Map.Entry<Integer, List<Integer>> next = grids.get(grid).pollFirstEntry();
                now.add(next == null ? List.of() : next.getValue());
                if (next != null) {
                    told[pass * grids.size() + grid] = (float) time.applyAsDouble(steps.get(next.getKey() - 1));
                }
            }
            places.add(now);
        }
        List<ActivePositions> at =
                ActivePositions.of(places, length, device()); // all sent at once, for no pass to wait
        Tensor times =
                Devices.send(Tensors.floats(told), device(), ScalarType.Float).view(passes, grids());
        return IntStream.range(0, passes)
                .mapToObj(pass -> new Turn(at.get(pass), times.select(0, pass)))
                .toList();
    }

    /** Writes the codes of a pass into {@code x}. */
    private void take(Turn turn, Tensor x, Step step) {
        ActivePositions at = turn.at();
        Tensor codes = inParts(at, part -> pick(part.at(), logits(part, x, turn.times(), step), step));
        x.view(-1).index_copy_(0, at.at(), codes);
    }

    private void watch(Tensor x, Step now) {
        if (watcher != StepWatcher.NONE) {
            Scope.free(() -> watcher.step(
                    now.number(), now.of(), watcher.looks() ? space.grids(x).cpu() : null));
        }
    }

    private Step step(int number, int steps, double t, double s, Denoiser seen) {
        Denoiser guided = guided(seen, sampling.weight(number, steps));
        return new Step(number, steps, t, s, guided, sampling.filter(number, steps));
    }

    private Denoiser guided(Denoiser seen, double weight) {
        if (weight == 0) {
            return seen;
        }
        if (guiding == null) {
            return new Guidance(seen, sampling.guidance().against(classes), weight);
        }
        Denoiser other = seen instanceof Windows windows ? windows.through(guiding) : guiding;
        return new Autoguidance(seen, other, weight);
    }

    private void checkGuidance() {
        Long negative = sampling.guidance().negative();
        GuidingModel named = sampling.guidance().guiding();
        if (classes == 0 && sampling.guidance().weight() > 0 && guiding == null && named == null) {
            throw new UnsupportedSamplingException(
                    "guidance needs a model with classes, and this one has none: leave it 0,"
                            + " or let it lead away from another model");
        }
        if (named != null && guiding == null) {
            throw new IllegalArgumentException(
                    "guidance away from " + named.named()
                            + " needs the network of that model: draw through a Model, which opens it, or give the draw its network");
        }
        if (negative != null && guiding != null) {
            throw new IllegalArgumentException(
                    "guidance leads away from a class or from a model, not from both: leave the negative label out");
        }
        if (negative != null && !(negative >= 0 && negative <= classes)) {
            throw new IllegalArgumentException(
                    "the negative label must be in 0.." + classes + " (" + classes + " for no class), got " + negative);
        }
    }

    // Known tokens

    /**
     * {@code x} with the known tokens in their places.
     *
     * @param x int64 [B, T·L]
     */
    public Tensor keep(Tensor x) {
        return keep(x, kept -> kept);
    }

    /**
     * The same with what has become of the known tokens.
     *
     * @param lost is given the known tokens, int64 [B, T·L], with code 0 at open places, and gives the same shape
     */
    public Tensor keep(Tensor x, UnaryOperator<Tensor> lost) {
        return known == null ? x : torch.where(places, x, lost.apply(codes));
    }

    // Random numbers and codes

    /** Uniform numbers in [0, 1) that are drawn once a grid. float64 [B, numbers] */
    public Tensor uniform(Use use, long numbers) {
        return streams.uniform(use, 0, numbers);
    }

    /** Uniform numbers in [0, 1) of a step. float64 [B, L] */
    public Tensor uniform(Use use, Step step) {
        return streams(step).uniform(use, step.number(), space.length());
    }

    private RandomStreams streams(Step step) {
        return step.streams() == null ? streams : step.streams();
    }

    /** Exponential numbers of a step. float64 [B, L] */
    public Tensor exponential(Use use, Step step) {
        return streams(step).exponential(use, step.number(), space.length());
    }

    /** Standard normal numbers of a step, or drawn once a grid where it is 0. float64 [B, numbers] */
    public Tensor normal(Use use, long step, long numbers) {
        return streams.normal(use, step, numbers);
    }

    /** An order of the places of each grid, all alike. int64 [B, L] */
    Tensor permutation(Use use) {
        return streams.permutation(use, 0, space.length());
    }

    /** A whole number below {@code count}, drawn once a grid. int64 [B, 1] */
    Tensor below(Use use, long count) {
        return streams.below(use, 0, count);
    }

    /** {@link RandomStreams#first} of a step. */
    public Tensor first(Tensor logWeights, Tensor counts, Step step) {
        return streams(step).first(Use.ORDER, step.number(), logWeights, counts);
    }

    /** Those of {@code where} that are chosen with probability p. bool [B, L] -> bool [B, L] */
    public Tensor coins(Tensor where, double p, Step step) {
        return coins(Use.PLACES, where, p, step);
    }

    /** The same by other random numbers. */
    Tensor coins(Use use, Tensor where, double p, Step step) {
        return streams(step).coins(use, step.number(), where, p);
    }

    /** Grids of masks alone. int64 [B, T·L] */
    public Tensor nothing() {
        return torch.full(
                new long[] {grids(), space.size()},
                new Scalar(space.mask()),
                Tensors.options(ScalarType.Long, device()));
    }

    /** Grids of masks with the known tokens. int64 [B, T·L] */
    public Tensor masks() {
        return keep(nothing());
    }

    /**
     * Asks the network of some places, of grids that have any.
     *
     * @param xt int64 [B, L]
     * @param time of all grids, as the network knows it
     * @return [M, K]
     */
    public Tensor logits(ActivePositions at, Tensor xt, double time, Step step) {
        return at.logits(step.guided(), seen(xt), time, labels);
    }

    /** The same where each grid is at a time of its own, float32 [B]. */
    Tensor logits(ActivePositions at, Tensor xt, Tensor times, Step step) {
        return at.logits(step.guided(), seen(xt), times, labels);
    }

    /** What codes of some places are drawn from. */
    @FunctionalInterface
    public interface Reading {
        /**
         * @param logits of the network, [m, K]
         * @param from the number of the first of these places among all M
         * @return up to a number of each row, float64 [m, S]
         */
        Tensor logProbabilities(Tensor logits, long from);

        /** The same law in few numbers; null where it has none. */
        default FewNumbers fewNumbers() {
            return null;
        }

        /** The same, which has few numbers too. */
        default Reading with(FewNumbers numbers) {
            Reading all = this;
            return new Reading() {
                @Override
                public Tensor logProbabilities(Tensor logits, long from) {
                    return all.logProbabilities(logits, from);
                }

                @Override
                public FewNumbers fewNumbers() {
                    return numbers;
                }
            };
        }
    }

    /**
     * What codes of all M places are drawn from, for {@link Categorical#drawWeighted}.
     *
     * @param temperature that divides the network's logits
     * @param code the one at each place that has a weight of its own, int64 [M]
     */
    public record FewNumbers(double temperature, Tensor code, Categorical.Weighing weights) {}

    /** Draws codes from what the network says, filtered. int64 [M], [M, K] -> int64 [M] */
    public Tensor pick(Tensor at, Tensor logits, Step step) {
        LogitFilter filter = step.filter();
        return simple(logits.size(1)) && filter.filters().equals(Filters.NONE)
                ? pickOfMany(at, logits, filter.temperature(), step, null)
                : pick(at, logits, step, (piece, from) -> filter.logProbabilities(piece));
    }

    /** Whether draws of so many codes are better {@linkplain #pickOfMany made} without the probabilities of all. */
    public boolean simple(long codes) {
        return codes >= Categorical.MANY && listener == Listener.NOBODY;
    }

    /**
     * Draws codes by {@link Categorical#drawOfMany}; nobody listens.
     *
     * @param more of one code more; null for none
     * @return int64 [M]
     */
    public Tensor pickOfMany(Tensor at, Tensor logits, double temperature, Step step, UnaryOperator<Tensor> more) {
        Tensor u = uniform(Use.CODES, step).flatten().index_select(0, at);
        return numbers(Categorical.drawOfMany(logits, temperature, u, more));
    }

    /** Codes, if all could be drawn. */
    private Tensor numbers(Tensor codes) {
        if (!codes.is_cuda() && codes.lt(new Scalar(0L)).any().item_bool()) {
            throw Categorical.noNumbers();
        }
        return checked(codes);
    }

    /** Whether draws of so many codes are better made of {@linkplain Reading#fewNumbers few numbers}, where there are such. */
    public boolean takesFewNumbers(long codes) {
        return codes >= Categorical.SOME && listener == Listener.NOBODY;
    }

    /**
     * Draws codes by {@link Categorical#drawWeighted}; nobody listens.
     *
     * @param at int64 [M]
     * @param logits of the network, [M, K]
     * @return int64 [M]
     */
    public Tensor pick(Tensor at, Tensor logits, Step step, FewNumbers few) {
        Tensor u = uniform(Use.CODES, step).flatten().index_select(0, at);
        return numbers(Categorical.drawWeighted(logits, few.temperature(), u, few.code(), few.weights()));
    }

    /**
     * What is made of some places, part by part of whole grids, so that there never are many logits at once.
     *
     * @param part of such places, to a row for each, [m, ...]
     * @return of all of them, [M, ...]
     */
    public Tensor inParts(ActivePositions at, Function<ActivePositions, Tensor> part) {
        long most = (at.at().is_cuda() ? ASKED_ON_GPU : ASKED) / (space.codes() + 1);
        List<ActivePositions> parts = at.parts(Math.max(1, most), space.length());
        if (parts.size() == 1) {
            return part.apply(at);
        }
        return Tensors.cat(
                parts.stream().map(each -> Scope.keep(() -> part.apply(each))).toList());
    }

    /**
     * Draws codes, some places after the others, so that in float64 there are never more than {@value #PIECE} numbers of a kind
     * at once, however many places and codes there are.
     *
     * @param at ascending indices into the B·L places, int64 [M]
     * @param logits of the network, [M, K]
     * @return int64 [M]
     */
    public Tensor pick(Tensor at, Tensor logits, Step step, Reading reading) {
        FewNumbers few = takesFewNumbers(logits.size(1)) ? reading.fewNumbers() : null;
        if (few != null) {
            return pick(at, logits, step, few);
        }
        long places = at.numel();
        long together = Math.max(1, PIECE / Math.max(1, logits.size(1)));
        List<Tensor> picked = new ArrayList<>();
        for (long begin = 0; begin < places; begin += together) {
            long from = begin;
            long count = Math.min(together, places - from);
            Tensor own = at.narrow(0, from, count);
            picked.add(Scope.keep(() -> {
                Tensor log = reading.logProbabilities(logits.narrow(0, from, count), from); // [m, S]
                Tensor codes = checked(streams(step).pick(step.number(), own, space.length(), log));
                listener.picked(own, log, codes);
                return codes;
            }));
        }
        return picked.size() == 1 ? picked.get(0) : Tensors.cat(picked);
    }

    /** Codes; those that could not be drawn on a GPU are 0 until the draw is read, and it ends by throwing then. */
    private Tensor checked(Tensor codes) {
        if (!codes.is_cuda()) {
            return codes;
        }
        flaw.logical_or_(codes.eq(new Scalar(Categorical.NONE)).any());
        return codes.clamp_min(new Scalar(0L));
    }

    /**
     * Draws codes at some of the places of which the network is asked.
     *
     * @param xt int64 [B, L]
     * @param asked bool [B, L]
     * @param drawn some of them, bool [B, L]
     * @param logits of some of the places that are asked, [m, K]
     * @param reading what codes are drawn from, by places among the B·L that are drawn; null for what the network says, filtered
     * @param after is run once all have been asked
     * @return int64 [B, L]
     */
    Tensor fill(
            Tensor xt,
            Tensor asked,
            Tensor drawn,
            Step step,
            Function<ActivePositions, Tensor> logits,
            Function<Tensor, Reading> reading,
            Runnable after) {
        ActivePositions at = ActivePositions.of(asked).orElse(null);
        if (at == null) {
            return xt;
        }
        boolean all = asked == drawn;
        Tensor both = inParts(at, part -> {
            Tensor said = logits.apply(part); // [m, K]
            Tensor own = part.at();
            if (!all) {
                Tensor rows = drawn.flatten().index_select(0, own).nonzero().squeeze(1);
                own = own.index_select(0, rows);
                said = said.index_select(0, rows);
            }
            Tensor codes = own.numel() == 0 ? own : drawn(own, said, step, reading);
            return all ? codes : torch.stack(new TensorVector(own, codes), 1);
        }); // [M], or places and codes [R, 2]
        after.run();
        return all
                ? at.write(xt, both)
                : xt.flatten()
                        .index_copy(0, both.select(1, 0), both.select(1, 1))
                        .view_as(xt);
    }

    private Tensor drawn(Tensor at, Tensor logits, Step step, Function<Tensor, Reading> reading) {
        return reading == null ? pick(at, logits, step) : pick(at, logits, step, reading.apply(at));
    }

    /**
     * Draws codes from what the network says, filtered, at some places.
     *
     * @param xt int64 [B, L]
     * @param where bool [B, L]; the network is asked there alone
     * @param time of all grids, as the network knows it
     * @return int64 [B, L]
     */
    public Tensor fill(Tensor xt, Tensor where, double time, Step step) {
        return fill(xt, where, where, step, part -> logits(part, xt, time, step), null, () -> {});
    }
}
