package dev.smalti.app;

import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Phase;
import dev.smalti.tensor.Phrase;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/**
 * How far a verb is: a bar for each phase with its rate and the time left on a terminal; elsewhere a line every ten seconds, of
 * whatever phase it is in then, whether that tells of itself or not.
 */
abstract sealed class Progress implements Observer, AutoCloseable {
    static Progress of(Console console, String verb) {
        if (console.terminal()) {
            return new Bar(console, verb);
        }
        Lines lines = new Lines(console, verb, System::nanoTime);
        lines.tickAlone();
        return lines;
    }

    @Override
    public abstract void close();

    private static final class Bar extends Progress {
        private final Console console;
        private final String verb;
        private ProgressBar bar;
        private String phase;

        Bar(Console console, String verb) {
            this.console = console;
            this.verb = verb;
        }

        @Override
        public void see(Phase now) {
            if (!now.name().equals(phase)) {
                close();
                phase = now.name();
                bar = begin(now);
            }
            bar.stepTo(now.done());
            bar.setExtraMessage(now.note());
        }

        private ProgressBar begin(Phase now) {
            ProgressBarBuilder builder = new ProgressBarBuilder()
                    .setTaskName(verb + ", " + now.name())
                    .setInitialMax(
                            now.counted() ? now.total() : -1) // of which it says only how long it has been at work
                    .startsFrom(now.done(), Duration.ZERO)
                    .setStyle(ProgressBarStyle.ASCII)
                    .setUpdateIntervalMillis(500)
                    .setConsumer(new ConsoleProgressBarConsumer(console.err()));
            return now.counted()
                    ? builder.setUnit(" " + now.unit(), 1).showSpeed().build()
                    : builder.build();
        }

        @Override
        public void close() {
            if (bar != null) {
                bar.close();
                bar = null;
            }
        }
    }

    /** The lines, by a clock of their own. */
    static final class Lines extends Progress {
        private static final long INTERVAL = TimeUnit.SECONDS.toNanos(10);

        private final Console console;
        private final String verb;
        private final LongSupplier clock;
        private ScheduledExecutorService ticking;
        private Phase phase = Phase.of("opening");
        private long begun; // how many were done when the phase began, or was gone on with
        private long started;
        private long last;

        /** @param clock nanoseconds */
        Lines(Console console, String verb, LongSupplier clock) {
            this.console = console;
            this.verb = verb;
            this.clock = clock;
            this.started = clock.getAsLong();
            this.last = started;
        }

        /** From now on there is a line in time though nothing is told. */
        private void tickAlone() {
            ticking = Executors.newSingleThreadScheduledExecutor(task -> {
                Thread thread = new Thread(task, "progress");
                thread.setDaemon(true);
                return thread;
            });
            ticking.scheduleAtFixedRate(this::tick, 1, 1, TimeUnit.SECONDS);
        }

        @Override
        public synchronized void see(Phase now) {
            if (!now.name().equals(phase.name())) {
                begun = now.done();
                started = clock.getAsLong();
            }
            phase = now;
            tick();
        }

        /** Writes a line if it is time for one. */
        synchronized void tick() {
            long now = clock.getAsLong();
            if (now - last >= INTERVAL) {
                last = now;
                console.err().println(verb + ", " + phase.name() + ": " + text((now - started) / 1e9));
            }
        }

        private String text(double seconds) {
            String at = "at work for " + time(seconds);
            String note = phase.note().isEmpty() ? "" : ", " + phase.note();
            if (!phase.counted()) {
                return at + note;
            }
            String counted = Phrase.of("%d of %d %s").with(phase.done(), phase.total(), phase.unit());
            double rate = (phase.done() - begun) / seconds;
            if (!(rate > 0)) {
                return counted + ", " + at + note;
            }
            String left = phase.done() >= phase.total() ? at : time((phase.total() - phase.done()) / rate) + " left";
            return String.format(Locale.ROOT, "%s, %.3g %s/s, %s%s", counted, rate, phase.unit(), left, note);
        }

        @Override
        public void close() {
            if (ticking != null) {
                ticking.shutdownNow();
            }
        }
    }

    /** {@code 12.3 s}, {@code 3 min 20 s}, {@code 2 h 5 min} */
    static String time(double seconds) {
        long whole = Math.round(seconds);
        if (seconds < 60) {
            return String.format(Locale.ROOT, "%.1f s", seconds);
        }
        return whole < 3600
                ? whole / 60 + " min " + whole % 60 + " s"
                : whole / 3600 + " h " + whole % 3600 / 60 + " min";
    }
}
