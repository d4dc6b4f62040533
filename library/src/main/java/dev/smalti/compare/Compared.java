package dev.smalti.compare;

import dev.smalti.recipe.Provenance;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.run.JobException;
import dev.smalti.tensor.Excerpt;
import dev.smalti.tensor.Phrase;
import dev.smalti.train.Best;
import dev.smalti.train.Checkpoints;
import dev.smalti.train.TrainingConfiguration;
import dev.smalti.train.Watcher;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.BooleanSupplier;

/** A row of a plan: its run folder, which is trained to the end if it isn't yet. */
interface Compared {
    String name();

    Path folder();

    /** Whether it was trained elsewhere. */
    boolean taken();

    /** Trains what is left of the run; false if it was stopped before the end. */
    boolean train(Watcher watcher, BooleanSupplier stop);

    /**
     * Whether nothing is left to do: all steps are taken and the last measure of what was kept out is there, if there is to be any
     * (what was stopped in it goes on with it); or patience ended the run.
     *
     * @param best of the recipe's patience
     */
    static boolean trained(Path folder, long steps, boolean measured, Best best, String measure) {
        return Checkpoints.latest(folder)
                .map(Checkpoints::step)
                .filter(last -> {
                    List<CompareResult.Point> points =
                            TrainingHistory.of(folder, measure).heldOut();
                    long lastMeasured = points.isEmpty()
                            ? -1
                            : points.get(points.size() - 1).step();
                    points.stream()
                            .filter(each -> each.step() <= last)
                            .forEach(each -> best.see(each.step(), each.value()));
                    boolean unmeasured = !measured || !Files.exists(folder.resolve("metrics.jsonl"));
                    return last >= steps && (unmeasured || lastMeasured >= steps) || best.outOfPatience();
                })
                .isPresent();
    }

    /**
     * A checkpoint that no training by a recipe leaves is refused before it is trained.
     *
     * @param which as {@link dev.smalti.run.RunFolder#at} has it
     */
    static void requireCheckpoint(String name, String which, TrainingConfiguration training) {
        boolean left =
                switch (which) {
                    case "auto", "last" -> true;
                    case "best" -> training.keepBest();
                    default -> which.matches("[1-9]\\d{0,17}") && Long.parseLong(which) <= training.steps();
                };
        if (!left) {
            throw new JobException(Phrase.of(
                            "checkpoint must be auto, last, best (which training.keep_best keeps) or a step of the training of"
                                    + " %s, at most %d, got %s")
                    .with(name, training.steps(), Excerpt.of(which)));
        }
    }

    /**
     * A run is gone on with only by its own recipe and on its own data.
     *
     * @param data what the data are called
     * @throws JobException if there is another one in the folder
     */
    static <R extends Record> void requireSame(
            Path folder, R recipe, Class<R> type, String fingerprint, String kind, Path data) {
        Path there = folder.resolve("recipe.yaml");
        if (!Files.exists(there)) {
            return;
        }
        List<String> changed = RecipeFile.differences(recipe, RecipeFile.read(there, type, List.of()));
        String wayOut = ": give it a new name, or move the folder away";
        if (!changed.isEmpty()) {
            throw new JobException(Phrase.of("%s was trained by another recipe (%s)%s")
                    .with(folder, String.join("; ", changed), wayOut));
        }
        Path origin = folder.resolve("provenance.json");
        if (Files.exists(origin)) {
            String known = Provenance.read(origin).dataFingerprint();
            if (!known.equals(Provenance.UNKNOWN) && !known.equals(fingerprint)) {
                throw new JobException(
                        Phrase.of("%s was trained on other %s than %s%s").with(folder, kind, data, wayOut));
            }
        }
    }
}
