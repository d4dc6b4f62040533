package dev.smalti.compare;

import dev.smalti.job.TrainPrior;
import dev.smalti.recipe.ComparePlan;
import dev.smalti.recipe.PriorRecipe;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.Phrase;
import dev.smalti.token.TokenFile;
import dev.smalti.train.Best;
import dev.smalti.train.Run;
import dev.smalti.train.Watcher;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.BooleanSupplier;

/** A prior of a plan and its run folder, which is trained to the end if it isn't yet. */
final class ComparedRun implements Compared {
    private final ComparePlan plan;
    private final ComparePlan.Entry entry;
    private final Path folder;
    private final PriorRecipe recipe; // null: taken as it is

    /**
     * Checks all that can be checked before anything is trained.
     *
     * @param runs folder of the runs that are trained here
     * @param checkpoint that is to be opened, as {@link RunFolder#at} has it
     * @throws JobException if the run can't be made, or is there and is another one
     */
    ComparedRun(ComparePlan plan, ComparePlan.Entry entry, Path runs, String checkpoint) {
        this.plan = plan;
        this.entry = entry;
        if (entry.recipe() == null) {
            RunFolder taken = RunFolder.open(entry.run());
            this.folder = taken.path();
            this.recipe = null;
            if (!taken.isPrior() || taken.tokenizerFolder() == null) {
                throw new JobException(entry.name() + ": " + entry.run()
                        + (taken.isPrior()
                                ? " has no tokenizer, so it" + " draws no images: train it with --tokenizer"
                                : " is no prior: give the --out of train-prior"));
            }
            taken.at(checkpoint); // refuses one that isn't there
            return;
        }
        this.folder = runs.resolve(entry.name());
        this.recipe = RecipeFile.read(entry.recipe(), PriorRecipe.class, plan.overrides(entry));
        if (recipe.distillation() != null) {
            throw new JobException(
                    Phrase.of("%s: a student is not trained by a comparison, which has no teacher for it, and %s has a"
                                    + " section distillation: train it first (train-prior --teacher), and give its run"
                                    + " folder by run: in place of recipe:")
                            .with(entry.name(), entry.recipe()));
        }
        Compared.requireCheckpoint(entry.name(), checkpoint, recipe.training());
        try (TokenFile tokens = TokenFile.read(plan.tokens(entry))) {
            recipe.prior().check(tokens.space());
            if (!Files.exists(folder.resolve("tokenizer").resolve("model.json"))) {
                requireTokenizer(tokens);
            }
            Compared.requireSame(folder, recipe, PriorRecipe.class, tokens.fingerprint(), "tokens", plan.tokens(entry));
        } catch (IllegalArgumentException e) {
            throw e instanceof BadFileException ? e : new JobException(entry.name() + ": " + e.getMessage(), e);
        }
    }

    private void requireTokenizer(TokenFile tokens) {
        Path named = plan.tokenizer(entry);
        if (named != null) {
            RunFolder.open(named);
        } else if (tokens.tokenizerRun().isEmpty()
                || !Files.exists(Path.of(tokens.tokenizerRun().get()).resolve("model.json"))) {
            throw new JobException(
                    Phrase.of("%s draws images, and the tokenizer that %s names is %s: say with tokenizer: where it is")
                            .with(
                                    entry.name(),
                                    plan.tokens(entry),
                                    tokens.tokenizerRun()
                                            .map(each -> "no longer at " + each)
                                            .orElse("none")));
        }
    }

    @Override
    public String name() {
        return entry.name();
    }

    ComparePlan.Entry entry() {
        return entry;
    }

    @Override
    public Path folder() {
        return folder;
    }

    @Override
    public boolean taken() {
        return recipe == null;
    }

    PriorRecipe recipe() {
        return recipe == null ? RecipeFile.read(folder.resolve("recipe.yaml"), PriorRecipe.class, List.of()) : recipe;
    }

    @Override
    public boolean train(Watcher watcher, BooleanSupplier stop) {
        if (taken()
                || Compared.trained(
                        folder,
                        recipe.training().steps(),
                        recipe.heldOut() != 0,
                        new Best(recipe.training().patience(), 0),
                        TrainingHistory.BITS)) {
            return true;
        }
        Path tokens = plan.tokens(entry);
        TrainPrior job =
                new TrainPrior(entry.recipe(), plan.overrides(entry), tokens, folder, true, plan.tokenizer(entry));
        Run run = job.run(List.of(watcher), stop);
        return run.complete();
    }
}
