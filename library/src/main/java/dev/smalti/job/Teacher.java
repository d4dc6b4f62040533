package dev.smalti.job;

import dev.smalti.model.Opening;
import dev.smalti.prior.BoundInSteps;
import dev.smalti.prior.MaskedPrior;
import dev.smalti.prior.Prior;
import dev.smalti.prior.process.Distillation;
import dev.smalti.recipe.PriorRecipe;
import dev.smalti.recipe.Provenance;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Seed;
import dev.smalti.token.TokenFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.bytedeco.pytorch.Device;

/** The trained prior that a student learns of, with the auxiliary network that begins as it is. */
final class Teacher implements AutoCloseable {
    private final String name;
    private final RunFolder folder;
    private final MaskedPrior teacher;
    private final MaskedPrior auxiliary;

    private Teacher(String name, RunFolder folder, MaskedPrior teacher, MaskedPrior auxiliary) {
        this.name = name;
        this.folder = folder;
        this.teacher = teacher;
        this.auxiliary = auxiliary;
    }

    /**
     * Opens that of a recipe.
     *
     * @param name run folder, or name of a bundled model; null for none
     * @return null if there is none
     * @throws JobException if only one of recipe and command speaks of a teacher, or it is none for these tokens
     */
    static Teacher open(String name, PriorRecipe recipe, TokenFile tokens, String tokensName, Device device) {
        if (name == null && recipe.distillation() == null) {
            return null;
        }
        if (recipe.distillation() == null) {
            throw new JobException(
                    "--teacher goes with a recipe that says how the student learns of it: give the recipe a"
                            + " section distillation (distillation: {} has its defaults), or leave --teacher out");
        }
        if (name == null) {
            throw new JobException(
                    "the recipe has a section distillation, and distilling needs a teacher: give --teacher,"
                            + " the run folder of a trained prior, or leave distillation out");
        }
        if (recipe.training().keepBest()) {
            throw new JobException(
                    "training.keep_best and training.patience go by the bound of held-out tokens, which says"
                            + " nothing of a student's few steps: leave them out with --teacher");
        }
        RunFolder folder = RunFolder.open(name).at(Opening.AUTO);
        check(name, folder, recipe, tokens, tokensName);
        Prior teacher = folder.prior(device, List.of());
        try {
            if (!(teacher instanceof MaskedPrior masked)) {
                throw new JobException(
                        Phrase.of("priors of masked tokens can be distilled, absorbing and maskgit are, got %s of %s")
                                .with(RecipeFile.kind(recipe.prior()), name));
            }
            return new Teacher(name, folder, masked, (MaskedPrior) folder.prior(device, List.of()));
        } catch (RuntimeException e) {
            teacher.close();
            throw e;
        }
    }

    private static void check(String name, RunFolder folder, PriorRecipe recipe, TokenFile tokens, String tokensName) {
        if (!folder.isPrior()) {
            throw new JobException(
                    Phrase.of("a teacher must be a prior, and %s holds a %s: give the --out of train-prior")
                            .with(name, folder.description().kind()));
        }
        RunFolder.Description own = folder.description();
        if (!own.space().equals(tokens.space())) {
            throw new JobException(
                    Phrase.of("a student has the tokens of its teacher: %s has grids of %s of %d codes, and %s of %s"
                                    + " of %d codes")
                            .with(
                                    name,
                                    own.space().grid(),
                                    own.codes(),
                                    tokensName,
                                    tokens.space().grid(),
                                    tokens.space().codes()));
        }
        String made = tokens.tokenizer().orElse(null);
        if (made != null && own.tokenizer() != null && !made.equals(own.tokenizer())) {
            throw new JobException(
                    Phrase.of("a student has the tokens of its teacher: %s learnt those of tokenizer %s, and %s"
                                    + " was made by %s: encode with the teacher's tokenizer (encode %s)")
                            .with(name, own.tokenizer(), tokensName, made, name));
        }
        PriorRecipe theirs = RecipeFile.read(folder.path().resolve("recipe.yaml"), PriorRecipe.class, List.of());
        String kind = RecipeFile.kind(theirs.prior());
        if (!kind.equals(RecipeFile.kind(recipe.prior()))) {
            throw new JobException(
                    Phrase.of("a student is a prior of its teacher's kind: set prior.kind to %s, that of %s, got %s")
                            .with(kind, name, RecipeFile.kind(recipe.prior())));
        }
    }

    /**
     * Looks whether a run goes on with the teacher that it was begun with.
     *
     * @param teacher null for none
     * @throws JobException naming both if it has another
     */
    static void requireSame(Path run, Teacher teacher) {
        Path origin = run.resolve("provenance.json");
        if (!Files.exists(origin)) { // stopped before its first step
            return;
        }
        String begun = Provenance.read(origin).parents().get("teacher");
        String given = teacher == null ? null : teacher.fingerprint();
        if (!Objects.equals(begun, given)) {
            throw new JobException(Phrase.of(
                            "%s was begun with %s, and --resume has %s: give what it was begun with, or another --out")
                    .with(
                            run,
                            begun == null ? "no teacher" : "the teacher of weights " + begun,
                            given == null ? "none" : teacher.name + " of weights " + given));
        }
    }

    /** SHA-256 of its weights. */
    String fingerprint() {
        return folder.sha256();
    }

    /** Begins the student as the teacher is, and says how it goes on. */
    Distillation of(Prior prior, PriorRecipe recipe, Seed seed) {
        if (prior.classes() != teacher.classes()) {
            throw new JobException(
                    Phrase.of("a student has the classes of its teacher: %s has %d, and the student would have %d:"
                                    + " set prior.conditional as the teacher's")
                            .with(name, teacher.classes(), prior.classes()));
        }
        if (recipe.distillation().guidance() > 0 && teacher.classes() == 0) {
            throw new JobException(
                    Phrase.of("distillation.guidance needs a teacher with classes, and %s has none: leave it 0")
                            .with(name));
        }
        if (prior instanceof BoundInSteps own) {
            check(
                    own.steps(),
                    ((BoundInSteps) teacher).steps(),
                    recipe.distillation().steps(),
                    ((MaskedPrior) prior).readsTime());
        }
        if (recipe.distillation().steps() == 1
                && !((MaskedPrior) prior).maskTokens().random()) {
            throw new JobException("a student of one step draws its tokens independently where nothing that it sees is"
                    + " random, with prior.masks 1 and prior.mask_share 1: set prior.masks to 16, say, or prior.mask_share"
                    + " to 0.6, or both");
        }
        Distillation distillation = new Distillation(recipe.distillation(), (MaskedPrior) prior, teacher, auxiliary);
        try {
            distillation.begin(seed);
            return distillation;
        } catch (IllegalArgumentException e) {
            throw new JobException(
                    Phrase.of(
                                    "a student has the network of its teacher, and %s has another (%s): give the recipe the network of %s")
                            .with(name, e.getMessage(), folder.path().resolve("recipe.yaml")),
                    e);
        }
    }

    /** Looks at the steps T of the student's process and of the teacher's. */
    private void check(int own, int theirs, int wanted, boolean told) {
        if (own < wanted) {
            throw new JobException(
                    Phrase.of("distillation.steps must be at most prior.steps, the most that the student draws in,"
                                    + " which are %d, got %d: set prior.steps to at least %d")
                            .with(own, wanted, wanted));
        }
        if (told && own != theirs) {
            throw new JobException(
                    Phrase.of("a student whose network is told the time counts it as its teacher: set prior.steps to"
                                    + " the %d of %s, got %d, and draw with --steps %d")
                            .with(theirs, name, own, wanted));
        }
    }

    @Override
    public void close() {
        auxiliary.close();
        teacher.close();
    }
}
