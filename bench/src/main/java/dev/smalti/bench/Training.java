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
    private static final int WARM_UP = 5;

    private Training() {}

    /**
     * Takes {@code steps} steps after some to warm up.
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
        Map<String, Object> result = measure(objectives, base, steps, true, batches, peak);
        result.remove("best_milliseconds_a_step");
        return result;
    }

    /** @param averaged whether the first objective's weights are averaged */
    static <B> Map<String, Object> measure(
            List<Objective<B>> objectives,
            TrainingConfiguration base,
            long steps,
            boolean averaged,
            LongFunction<B> batches,
            double peak) {
        TrainingConfiguration configuration = TrainingConfiguration.of(
                WARM_UP + steps, base.batch(), base.learningRate(), base.precision(), base.device());
        Device device = Devices.of(base.device());
        Clock clock = new Clock();
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
        result.put("best_milliseconds_a_step", 1000 * clock.best());
        result.put("peak_resident_mb", Memory.megabytes("VmHWM"));
        result.put(
                "share_of_peak", 3 * clock.operations() / clock.seconds() / 1e9 / peak); // backwards is twice forwards
        return result;
    }

    /** Reads time and work when the warm-up ends and when all does. */
    private static final class Clock implements Watcher {
        private long begin;
        private long end;
        private long before;
        private long after;
        private long best = Long.MAX_VALUE;

        @Override
        public void stepped(Run run) {
            long last = end;
            end = System.nanoTime();
            if (run.step() > WARM_UP) {
                best = Math.min(best, end - last);
            }
            after = Work.done();
            if (run.step() == WARM_UP) {
                begin = end;
                before = after;
            }
        }

        double seconds() {
            return (end - begin) / 1e9;
        }

        double best() {
            return best / 1e9;
        }

        double operations() {
            return after - before;
        }
    }
}
