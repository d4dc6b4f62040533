package dev.smalti.app;

import java.util.Locale;
import java.util.concurrent.TimeUnit;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** How far a verb is: a bar with rate and time left on a terminal, a line now and then elsewhere. */
abstract sealed class Progress implements AutoCloseable {
    /** @param unit of what is counted, in the plural */
    static Progress of(Console console, String verb, String unit) {
        return console.terminal() ? new Bar(console, verb, unit) : new Lines(console, verb, unit);
    }

    void start(long total) {
        start(total, 0);
    }

    /** @param begun what was done before */
    abstract void start(long total, long begun);

    void done(long count) {
        done(count, "");
    }

    /** @param note more to say, such as the loss */
    abstract void done(long count, String note);

    @Override
    public abstract void close();

    private static final class Bar extends Progress {
        private final Console console;
        private final String verb;
        private final String unit;
        private ProgressBar bar;

        Bar(Console console, String verb, String unit) {
            this.console = console;
            this.verb = verb;
            this.unit = unit;
        }

        @Override
        void start(long total, long begun) {
            close();
            bar = new ProgressBarBuilder()
                    .setTaskName(verb)
                    .setUnit(" " + unit, 1)
                    .setInitialMax(total)
                    .startsFrom(begun, java.time.Duration.ZERO)
                    .setStyle(ProgressBarStyle.ASCII)
                    .setUpdateIntervalMillis(500)
                    .showSpeed()
                    .setConsumer(new ConsoleProgressBarConsumer(console.err()))
                    .build();
        }

        @Override
        void done(long count, String note) {
            if (bar != null) {
                bar.stepTo(count);
                bar.setExtraMessage(note);
            }
        }

        @Override
        public void close() {
            if (bar != null) {
                bar.close();
                bar = null;
            }
        }
    }

    private static final class Lines extends Progress {
        private static final long INTERVAL = TimeUnit.SECONDS.toNanos(10);

        private final Console console;
        private final String verb;
        private final String unit;
        private long total;
        private long begun;
        private long started;
        private long last;

        Lines(Console console, String verb, String unit) {
            this.console = console;
            this.verb = verb;
            this.unit = unit;
        }

        @Override
        void start(long total, long begun) {
            this.total = total;
            this.begun = begun;
            this.started = System.nanoTime();
            this.last = started;
        }

        @Override
        void done(long count, String note) {
            long now = System.nanoTime();
            if (now - last < INTERVAL || count <= begun) {
                return;
            }
            last = now;
            double rate = (count - begun) * 1e9 / (now - started);
            String more = note.isEmpty() ? "" : ", " + note;
            console.err()
                    .println(String.format(
                            Locale.ROOT,
                            "%s: %d of %d %s, %.3g/s, %s left%s",
                            verb,
                            count,
                            total,
                            unit,
                            rate,
                            time((total - count) / rate),
                            more));
        }

        @Override
        public void close() {}
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
