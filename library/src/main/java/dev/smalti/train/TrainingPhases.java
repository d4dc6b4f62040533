package dev.smalti.train;

import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Phase;
import java.util.Locale;
import java.util.Map;

/** Tells an observer of a training: its steps with their loss, the moving average of the first player's, and what is between them. */
public final class TrainingPhases implements Watcher {
    private static final double DECAY = 0.98;

    private final Observer observer;
    private double loss = Double.NaN;

    public TrainingPhases(Observer observer) {
        this.observer = observer;
    }

    @Override
    public void started(Run run) {
        observer.see(steps(run));
    }

    @Override
    public void stepped(Run run) {
        run.measures().entrySet().stream()
                .filter(measure -> measure.getKey().endsWith(".loss"))
                .findFirst()
                .map(Map.Entry::getValue)
                .ifPresent(now -> loss = Double.isNaN(loss) ? now : DECAY * loss + (1 - DECAY) * now);
        observer.see(steps(run).note(Double.isNaN(loss) ? "" : String.format(Locale.ROOT, "loss %.4g", loss)));
    }

    @Override
    public void seen(Phase phase) {
        observer.see(phase);
    }

    @Override
    public void stopped(Run run) {
        observer.see(Phase.of("writing"));
    }

    private static Phase steps(Run run) {
        return Phase.of("training", "steps", run.of()).done(run.step());
    }
}
