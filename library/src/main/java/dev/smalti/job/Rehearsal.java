package dev.smalti.job;

import com.sun.management.OperatingSystemMXBean;
import dev.smalti.network.Objective;
import dev.smalti.network.Work;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Phase;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Stopping;
import dev.smalti.train.Player;
import dev.smalti.train.Run;
import dev.smalti.train.TrainLoop;
import dev.smalti.train.TrainingConfiguration;
import dev.smalti.train.Watcher;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.LongConsumer;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Device;

/**
 * Some steps of a training, taken by the loop that trains, timed, and forgotten.
 *
 * <p>A few items go first, to see what a whole step would take. Where that is more than a minute, or more memory than there
 * is, steps of fewer items are taken instead and what they took is multiplied.
 *
 * @param <B> what a batch is
 */
final class Rehearsal<B> {
    private static final int FEW = 2; // items of the first steps
    private static final int WARM_UP = 2;
    private static final int LEAST = 3;
    private static final int MOST = 10;
    private static final double ENOUGH = 20; // seconds after which no more than the least steps are measured
    private static final double LONGEST = 60; // seconds of a step that is taken as it is
    private static final double SHORTER = 10; // and of one of fewer items
    private static final int FLOAT = 4;
    private static final OperatingSystemMXBean SYSTEM =
            ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);

    private final List<Objective<B>> objectives;
    private final Function<List<String>, TrainingConfiguration> recipe;
    private final Feed<B> feed;
    private final Device device;
    private final Observer observer;
    private LongConsumer told = count -> {};
    private long done;

    /** Where batches come from: the n-th of a size. */
    interface Feed<B> {
        B batch(long number, int size);
    }

    /** @param recipe the configuration, with changes such as {@code training.steps=10} */
    Rehearsal(
            List<Objective<B>> objectives,
            Function<List<String>, TrainingConfiguration> recipe,
            Feed<B> feed,
            Device device,
            Observer observer) {
        this.objectives = objectives;
        this.recipe = recipe;
        this.feed = feed;
        this.device = device;
        this.observer = observer;
    }

    /** Takes steps of each stretch of the training, which may differ in what is trained. */
    TrainingPlan.Cost cost() {
        TrainingConfiguration whole = recipe.apply(List.of());
        List<Player<B>> players = new ArrayList<>();
        for (Objective<B> objective : objectives) {
            players.add(Player.of(objective, whole, players.isEmpty()));
        }
        try {
            return cost(players, whole);
        } finally {
            players.forEach(Player::close);
        }
    }

    private TrainingPlan.Cost cost(List<Player<B>> players, TrainingConfiguration whole) {
        long[] begins = begins(whole.steps());
        told = observer.counting(Phase.of("steps", "steps", 2 + (long) begins.length * (WARM_UP + MOST)));
        int part = whole.batch() / whole.accumulation();
        ResidentMemory.forgetPeak();
        long before = ResidentMemory.now().orElse(0) + touchedByTheFirstStep();
        long limit = before + ResidentMemory.available().orElse(Long.MAX_VALUE / 2);
        Steps few = take(players, 0, Math.min(FEW, part), 1, 1, 1);
        double bytes = Math.max(0, ResidentMemory.peak().orElse(0) - before) / (double) few.items;
        double fitting = (limit - before) / Math.max(1, bytes);
        double seconds = few.median() / few.items;
        int items = Math.max(few.items, items(seconds, part, whole.batch(), fitting));
        boolean less = items < part || seconds * whole.batch() > LONGEST;
        List<TrainingPlan.Stretch> stretches = new ArrayList<>();
        for (int i = 0; i < begins.length; i++) {
            long end = i + 1 < begins.length ? begins[i + 1] : whole.steps();
            int most = (int) Math.min(WARM_UP + MOST, end - begins[i]);
            int warmUp = Math.min(WARM_UP, most - 1);
            Steps taken = take(players, begins[i], items, less ? 1 : whole.accumulation(), warmUp, most - warmUp);
            stretches.add(taken.stretch(begins[i], end, (double) whole.batch() / taken.items));
        }
        long peak = device.is_cuda() ? 0 : ResidentMemory.peak().orElse(0); // that of a GPU isn't resident here
        long memory = less && peak > 0 ? before + Math.max(0, peak - before) / items * part : peak;
        return new TrainingPlan.Cost(stretches, less ? items : whole.batch(), !less, memory, limit);
    }

    /** Gradients and the optimizer's two averages: their pages are the process's only once they are written to. */
    private long touchedByTheFirstStep() {
        return objectives.stream()
                        .mapToLong(objective -> objective.parameters().count())
                        .sum()
                * 3
                * FLOAT;
    }

    /** The steps from which on something more is trained. */
    private long[] begins(long steps) {
        return LongStream.concat(LongStream.of(0), objectives.stream().mapToLong(Objective::begins))
                .filter(begin -> begin < steps)
                .sorted()
                .distinct()
                .toArray();
    }

    /**
     * Of how many items steps are measured: all of a part of a batch, or a power of two where that takes too long or too much.
     *
     * @param seconds that an item takes
     * @param fitting items for which there is memory
     */
    static int items(double seconds, int part, int batch, double fitting) {
        if (seconds * batch <= LONGEST && part <= fitting) {
            return part;
        }
        double most = Math.min(Math.min(SHORTER / seconds, fitting), part);
        return Integer.highestOneBit((int) Math.max(1, most));
    }

    private Steps take(List<Player<B>> players, long begin, int size, int parts, int warmUp, int most) {
        TrainingConfiguration configuration = recipe.apply(List.of(
                "training.accumulation=" + parts,
                "training.batch=" + size * parts,
                "training.log_every=1", // each step is waited for
                "training.steps=" + (begin + warmUp + most)));
        Stopwatch stopwatch = new Stopwatch(warmUp, configuration.recompute());
        new TrainLoop<>(
                        players,
                        number -> feed.batch(number, size),
                        configuration,
                        new Seed(0).child("plan"),
                        device,
                        List.of(stopwatch),
                        stopwatch::enough)
                .run(begin);
        Stopping.check(); // else a step that was cut off would count
        done += warmUp + most - stopwatch.taken;
        return new Steps(size * parts, stopwatch.seconds, stopwatch.processor(), stopwatch.operations());
    }

    /**
     * Steps that were taken.
     *
     * @param items of each
     * @param seconds of each, but for those of the warm-up
     * @param processor seconds that the processors were at work in each
     * @param operations of each, forwards and backwards
     */
    private record Steps(int items, List<Double> seconds, double processor, double operations) {
        double median() {
            List<Double> sorted = seconds.stream().sorted().toList();
            return (sorted.get((sorted.size() - 1) / 2) + sorted.get(sorted.size() / 2)) / 2;
        }

        /** @param times as many items are in a step of the recipe */
        TrainingPlan.Stretch stretch(long from, long to, double times) {
            return new TrainingPlan.Stretch(
                    from,
                    to,
                    seconds.size(),
                    times * median(),
                    times * seconds.stream().mapToDouble(each -> each).min().orElse(0),
                    times * seconds.stream().mapToDouble(each -> each).max().orElse(0),
                    times * processor,
                    times * operations);
        }
    }

    private final class Stopwatch implements Watcher {
        private final int warmUp;
        private final boolean recompute;
        private final List<Double> seconds = new ArrayList<>();
        private int taken;
        private long begun;
        private long last;
        private long work;
        private long processor;

        Stopwatch(int warmUp, boolean recompute) {
            this.warmUp = warmUp;
            this.recompute = recompute;
        }

        @Override
        public void stepped(Run run) {
            long now = System.nanoTime();
            taken++;
            if (taken > warmUp) {
                seconds.add((now - last) / 1e9);
            } else {
                begun = now;
                work = Work.done();
                processor = SYSTEM.getProcessCpuTime();
            }
            told.accept(++done);
            last = System.nanoTime();
        }

        boolean enough() {
            return seconds.size() >= LEAST && (System.nanoTime() - begun) / 1e9 > ENOUGH;
        }

        /** Those of threads that decode pictures meanwhile are among them. */
        double processor() {
            return seconds.isEmpty() ? 0 : (SYSTEM.getProcessCpuTime() - processor) / 1e9 / seconds.size();
        }

        /** A backward pass is twice a forward pass, of which there are two where the first is computed again. */
        double operations() {
            double passes = recompute ? 2 : 3; // for each that is counted
            return seconds.isEmpty() ? 0 : passes * (Work.done() - work) / seconds.size();
        }
    }
}
