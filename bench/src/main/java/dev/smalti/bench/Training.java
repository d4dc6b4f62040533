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

/** The speed of training on the CPU. */
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
        TrainingConfiguration configuration =
                TrainingConfiguration.of(WARM_UP + steps, base.batch(), base.learningRate(), base.precision(), "cpu");
        Clock clock = new Clock();
        List<Player<B>> players = new ArrayList<>();
        for (Objective<B> objective : objectives) {
            players.add(Player.of(objective, configuration, players.isEmpty()));
        }
        try {
            new TrainLoop<>(players, batches, configuration, new Seed(1), Devices.cpu(), List.of(clock), () -> false)
                    .run(0);
        } finally {
            players.forEach(Player::close);
        }
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("steps", steps);
        result.put("items_per_second", steps * base.batch() / clock.seconds());
        result.put("milliseconds_per_step", 1000 * clock.seconds() / steps);
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

        @Override
        public void stepped(Run run) {
            end = System.nanoTime();
            after = Work.done();
            if (run.step() == WARM_UP) {
                begin = end;
                before = after;
            }
        }

        double seconds() {
            return (end - begin) / 1e9;
        }

        double operations() {
            return after - before;
        }
    }
}
