package dev.smalti.app;

import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Phrase;
import dev.smalti.train.Checkpoints;
import dev.smalti.train.Run;
import dev.smalti.train.TrainingPhases;
import dev.smalti.train.Watcher;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.BooleanSupplier;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What all trainings take and say. */
final class TrainingOptions {
    @Option(names = "--out", paramLabel = "RUN", required = true, description = "run folder")
    private Path out;

    @Option(names = "--resume", description = "go on with the run in --out from its newest checkpoint")
    private boolean resume;

    @Mixin
    private RecipeOptions of;

    /** Trains. */
    interface Work {
        Run run(List<Watcher> watchers, BooleanSupplier stop);
    }

    Path recipe() {
        return of.recipe();
    }

    Path out() {
        return out;
    }

    boolean resume() {
        return resume;
    }

    List<String> overrides() {
        return of.overrides();
    }

    Verb.Answer answer(Observer progress, Interruption interruption, Work work) {
        interruption.left("the training had not begun");
        Run run = work.run(List.of(new TrainingPhases(progress)), interruption::asked);
        boolean complete = run.complete() && !interruption.asked(); // or stopped in its last preview or measure
        Path checkpoint = Checkpoints.latest(out).orElse(null);
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("out", out);
        facts.put("kind", RunFolder.open(out).description().kind());
        facts.put("steps", run.step());
        facts.put("steps_planned", run.of());
        facts.put("complete", complete);
        facts.put("ended", run.ended());
        facts.put("checkpoint", checkpoint);
        facts.put("best_checkpoint", Checkpoints.best(out).orElse(null));
        facts.put("items", run.items());
        facts.put("seconds", run.seconds());
        facts.put("items_per_second", run.itemsPerSecond());
        facts.put("measures", run.measures());
        if (complete && run.ended() != null) {
            return new Verb.Answer(facts, ended(run));
        }
        if (complete) {
            String text = run.step() == run.begun()
                    ? Phrase.of("%s has all its %d steps already: nothing to do")
                            .with(out, run.of())
                    : String.format(
                            Locale.ROOT,
                            "%s: step %d of %d, %d steps in %s (%.3g items/s); weights in %s",
                            out,
                            run.step(),
                            run.of(),
                            run.step() - run.begun(),
                            Progress.time(run.seconds()),
                            run.itemsPerSecond(),
                            checkpoint);
            return new Verb.Answer(facts, text);
        }
        String text = checkpoint == null
                ? "stopped before the first step; there is no checkpoint"
                : Phrase.of(
                                "stopped at step %d of %d; the checkpoint is %s, and the same command with --resume goes on from it")
                        .with(run.step(), run.of(), checkpoint);
        return new Verb.Answer(Failure.STOPPED, facts, text);
    }

    /** What patience has ended: now, or before. */
    private String ended(Run run) {
        String best = Checkpoints.best(out)
                .map(each -> "; weights in " + each)
                .orElse("; the last weights are in " + Checkpoints.latest(out).orElseThrow());
        return run.step() == run.begun()
                ? Phrase.of(
                                "%s has ended at step %d of %d: %s; nothing to do: a larger training.patience goes on, or 0%s")
                        .with(out, run.step(), run.of(), run.ended(), best)
                : Phrase.of("%s: ended at step %d of %d after %s: %s%s")
                        .with(out, run.step(), run.of(), Progress.time(run.seconds()), run.ended(), best);
    }
}
