package dev.smalti.app;

import dev.smalti.train.Run;
import dev.smalti.train.Watcher;
import java.util.Locale;
import java.util.Map;

/** Shows a training run's steps and its loss, the moving average of the first player's. */
final class TrainingProgress implements Watcher {
    private static final double DECAY = 0.98;

    private final Progress progress;
    private double loss = Double.NaN;

    TrainingProgress(Progress progress) {
        this.progress = progress;
    }

    @Override
    public void started(Run run) {
        progress.start(run.of(), run.begun());
    }

    @Override
    public void stepped(Run run) {
        run.measures().entrySet().stream()
                .filter(measure -> measure.getKey().endsWith(".loss"))
                .findFirst()
                .map(Map.Entry::getValue)
                .ifPresent(now -> loss = Double.isNaN(loss) ? now : DECAY * loss + (1 - DECAY) * now);
        progress.done(run.step(), Double.isNaN(loss) ? "" : String.format(Locale.ROOT, "loss %.4g", loss));
    }
}
