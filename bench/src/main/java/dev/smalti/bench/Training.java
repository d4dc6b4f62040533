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
        Clock clock = new Clock(warmUp);
        List<Player<B>> players = new ArrayList<>();
        for (Objective<B> objective : objectives) {
            players.add(Player.of(objective, configuration, averaged && players.isEmpty()));
        }
        try {
            new TrainLoop<>(players, batches, configuration, new Seed(1), device, List.of(clock), () -> false).run(0);
        } finally {
            players.forEach(Player::close);
        }
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("steps", steps);
        result.put("items_per_second", steps * base.batch() / clock.seconds());
        result.put("milliseconds_per_step", 1000 * clock.seconds() / steps);
        result.put("median_milliseconds_a_step", 1000 * clock.median());
        result.put("peak_resident_mb", Memory.megabytes("VmHWM"));
        result.put(
                "share_of_peak", 3 * clock.operations() / clock.seconds() / 1e9 / peak); // backwards is twice forwards
        return result;
    }

    /** Reads time and work when the warm-up ends and when all does. */
    private static final class Clock implements Watcher {
        private final long warmUp;
        private long begin;
        private long end;
        private long before;
        private long after;
        private final List<Long> each = new ArrayList<>();

        Clock(long warmUp) {
            this.warmUp = warmUp;
        }

        @Override
        public void stepped(Run run) {
            long last = end;
            end = System.nanoTime();
            if (run.step() > warmUp) {
                each.add(end - last);
            }
            after = Work.done();
            if (run.step() == warmUp) {
                begin = end;
                before = after;
            }
        }

        double seconds() {
            return (end - begin) / 1e9;
        }

        double median() {
            return each.stream().sorted().toList().get(each.size() / 2) / 1e9;
        }

        double operations() {
            return after - before;
        }
    }
}
