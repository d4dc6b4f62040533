package dev.smalti.job;

import dev.smalti.model.Opening;
import dev.smalti.recipe.Provenance;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Phrase;
import dev.smalti.train.Checkpoints;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.UnaryOperator;

/**
 * The run that a training began from, or is to begin from.
 *
 * @param run null for none
 * @param begun whether training is past its beginning, whose weights are those of its own checkpoint
 */
record FromRun(RunFolder run, boolean begun) {
    private static final String ROLE = "from";

    /**
     * Opens that of a command.
     *
     * @param name run folder, or name of a bundled model; null for none
     * @param part what of the run folder is meant
     * @param out of the training, which may have a checkpoint already
     * @throws JobException if the run in {@code out} began from other weights, or is to begin from some that aren't given
     */
    static FromRun open(String name, UnaryOperator<RunFolder> part, Path out) {
        RunFolder run = name == null ? null : part.apply(RunFolder.open(name)).at(Opening.AUTO);
        FromRun from = new FromRun(run, Checkpoints.latest(out).isPresent());
        from.requireSame(out);
        return from;
    }

    private void requireSame(Path out) {
        Path origin = out.resolve("provenance.json");
        if (!Files.exists(origin) || begun && run == null) {
            return;
        }
        String known = Provenance.read(origin).parents().get(ROLE);
        String given = run == null ? null : run.sha256();
        if (!Objects.equals(known, given)) {
            throw new JobException(Phrase.of("%s began with %s, and --from has %s: %s, or choose another --out")
                    .with(
                            out,
                            known == null ? "new weights" : "the weights " + known,
                            given == null ? "none" : run.path() + " with the weights " + given,
                            known == null || begun ? "leave --from out" : "give what it began with"));
        }
    }

    /** Where weights are to be taken from now; empty for none. */
    Optional<RunFolder> toBegin() {
        return begun ? Optional.empty() : Optional.ofNullable(run);
    }

    /** The SHA-256 of its weights, for the provenance. */
    Map<String, String> parents() {
        return run == null ? Map.of() : Map.of(ROLE, run.sha256());
    }
}
