package dev.smalti.run;

import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.tensor.Phase;
import dev.smalti.tensor.Stopping;
import dev.smalti.train.MovingAverage;
import dev.smalti.train.Run;
import dev.smalti.train.Watcher;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes {@code preview-<step>.png}, with as many pictures of a {@link Sheet} as can be made in a tenth of the time since the last
 * one, or in five seconds where that is more. The time that a picture takes is known by the first; where none can be made in
 * time there is no preview, and the time goes to the next.
 */
final class Previews implements Watcher {
    private static final double SHARE = 0.1;
    private static final long LEAST = 5_000_000_000L; // nanoseconds
    private static final Logger LOG = LoggerFactory.getLogger(Previews.class);

    private final Path folder;
    private final long every;
    private final MovingAverage average; // null: the weights as they are
    private final Sheet sheet;
    private final Consumer<Phase> progress;
    private final List<Watcher> told;
    private final Runnable stop;
    private final LongSupplier clock;
    private long last; // when the last preview was done
    private int tried; // pictures of a preview
    private long each; // what a picture takes; 0 where that is not known
    private long vain; // what a picture took that was given up

    /** The time is over. */
    private static final class Spent extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    /**
     * @param every steps
     * @param progress told of the pictures made
     * @param stop whether to end a preview, by a {@link dev.smalti.tensor.Stopping.StoppedWorkException}
     * @param clock nanoseconds
     * @param told of each preview
     */
    Previews(
            Path folder,
            long every,
            MovingAverage average,
            Sheet sheet,
            Consumer<Phase> progress,
            BooleanSupplier stop,
            LongSupplier clock,
            List<Watcher> told) {
        this.folder = folder;
        this.every = every;
        this.average = average;
        this.sheet = sheet;
        this.progress = progress;
        this.stop = Stopping.when(stop);
        this.clock = clock;
        this.told = told;
    }

    /** Makes up for the preview in which the run was stopped. */
    @Override
    public void started(Run run) {
        last = clock.getAsLong();
        if (run.begun() > 0 && due(run) && !Files.exists(file(run))) {
            show(run);
        }
    }

    @Override
    public void stepped(Run run) {
        if (due(run)) {
            show(run);
        }
    }

    private boolean due(Run run) {
        return run.step() % every == 0 || run.complete();
    }

    private Path file(Run run) {
        return folder.resolve("preview-" + run.step() + ".png");
    }

    private void show(Run run) {
        long begin = clock.getAsLong();
        long budget = Math.max(LEAST, (long) (SHARE * (begin - last)));
        List<Pixels> shown = new ArrayList<>();
        tried = 0;
        if (Math.max(each, vain) <= budget) {
            draw(begin + budget, shown);
        }
        if (shown.isEmpty() && tried < sheet.size()) {
            vain = Math.max(vain, clock.getAsLong() - begin);
            LOG.info(
                    "no preview at step {}: one of its {} takes more than {}; training.preview_every=0 leaves all out",
                    run.step(),
                    sheet.unit(),
                    text(budget));
            return;
        }
        if (!shown.isEmpty()) {
            write(run, Pictures.grid(shown, sheet.columns(), 2));
        }
        last = clock.getAsLong();
        if (tried < sheet.size()) {
            LOG.info(
                    "the preview at step {} has {} of {} {}: all of them take more than {}",
                    run.step(),
                    shown.size(),
                    sheet.size(),
                    sheet.unit(),
                    text(budget));
        }
    }

    private void write(Run run, Pixels picture) {
        Pictures.writePng(file(run), picture);
        told.forEach(each -> each.pictured(run.step(), "preview", file(run), picture.width(), picture.height()));
    }

    private static String text(long budget) {
        return budget == LEAST
                ? "5 s"
                : String.format(Locale.ROOT, "%.0f s, a tenth of the time since the last", budget / 1e9);
    }

    private void draw(long end, List<Pixels> shown) {
        Runnable check = () -> {
            stop.run();
            if (clock.getAsLong() > end) {
                throw new Spent();
            }
        };
        Runnable body = average == null ? () -> fill(end, shown) : () -> average.with(() -> fill(end, shown));
        try {
            Stopping.run(check, body);
        } catch (Spent e) {
            // what is there is shown
        }
    }

    /** One picture first where it isn't known what they take, then as many at once as there is time for. */
    private void fill(long end, List<Pixels> shown) {
        Phase phase = Phase.of("preview", sheet.unit(), sheet.size());
        progress.accept(phase);
        int count = each == 0 ? 1 : fitting(end);
        while (count > 0) {
            long before = clock.getAsLong();
            shown.addAll(sheet.pictures(tried, tried + count, done -> progress.accept(phase.done(done))));
            tried += count;
            each = Math.max(1, (clock.getAsLong() - before) / count);
            progress.accept(phase.done(tried));
            count = fitting(end);
        }
    }

    private int fitting(long end) {
        return (int) Math.min(sheet.size() - tried, Math.max(0, end - clock.getAsLong()) / each);
    }
}
