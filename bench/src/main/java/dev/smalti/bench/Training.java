package dev.smalti.bench;

import dev.smalti.network.Objective;
import dev.smalti.network.Work;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Seed;
import dev.smalti.train.Player;
import dev.smalti.train.Run;
import dev.smalti.train.TrainLoop;
import dev.smalti.train.TrainingConfiguration;
import dev.smalti.train.Watcher;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.LongFunction;
import org.bytedeco.pytorch.Device;

/** The speed of training. */
final class Training {
    private static final long MOST_WARM_UP = 30; // steps, in which the virtual machine compiles what runs often

    private Training() {}

    /**
     * Takes {@code steps} steps after as many to warm up, 30 at most.
     *
     * @param base whose batch, learning rate and precision are used
     * @param peak GFLOP/s
     */
    static <B> Map<String, Object> measure(
            List<Objective<B>> objectives,
            TrainingConfiguration base,
            long steps,
            LongFunction<B> batches,
            double peak) {
        return measure(objectives, base, steps, true, batches, peak);
    }

    /** @param averaged whether the first objective's weights are averaged */
    static <B> Map<String, Object> measure(
            List<Objective<B>> objectives,
            TrainingConfiguration base,
            long steps,
            boolean averaged,
            LongFunction<B> batches,
            double peak) {
        long warmUp = Math.min(steps, MOST_WARM_UP);
        TrainingConfiguration configuration = TrainingConfiguration.of(
                warmUp + steps, base.batch(), base.learningRate(), base.precision(), base.device());
        Device device = Devices.of(base.device());
        Clock clock = new Clock();
        List<Player<B>> players = new ArrayList<>();
        for (Objective<B> objective : objectives) {
            players.add(Player.of(objective, configuration, averaged && players.isEmpty()));
        }
        double seconds;
        double operations;
        try {
            new TrainLoop<>(players, batches, configuration, new Seed(1), device, List.of(), new Countdown(warmUp))
                    .run(0);
            long work = Work.done();
            long start = System.nanoTime();
            clock.last = start;
            new TrainLoop<>(players, batches, configuration, new Seed(1), device, List.of(clock), () -> false)
                    .run(warmUp);
            seconds = (System.nanoTime() - start) / 1e9;
            operations = Work.done() - work;
        } finally {
            players.forEach(Player::close);
        }
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("steps", steps);
        result.put("items_per_second", steps * base.batch() / seconds);
        result.put("milliseconds_per_step", 1000 * seconds / steps);
        result.put("median_milliseconds_a_step", 1000 * (device.is_cuda() ? seconds / steps : clock.median()));
        result.put("peak_resident_mb", Memory.megabytes("VmHWM"));
        result.put("share_of_peak", 3 * operations / seconds / 1e9 / peak); // backwards is twice forwards
        return result;
    }

    /** Stops a run after so many steps. */
    private static final class Countdown implements BooleanSupplier {
        private long left;

        Countdown(long steps) {
            this.left = steps;
        }

        @Override
        public boolean getAsBoolean() {
            return left-- == 0;
        }
    }

    /** How long each step takes. A GPU's aren't told of one by one. */
    private static final class Clock implements Watcher {
        private final List<Long> each = new ArrayList<>();
        private long last;

        @Override
        public void stepped(Run run) {
            long now = System.nanoTime();
            each.add(now - last);
            last = now;
        }

        double median() {
            return each.stream().sorted().toList().get(each.size() / 2) / 1e9;
        }
    }
}
