package dev.smalti.compare;

import dev.smalti.data.ImageSet;
import dev.smalti.job.TrainTokenizer;
import dev.smalti.recipe.ComparePlan;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.recipe.TokenizerRecipe;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.train.Best;
import dev.smalti.train.Watcher;
import java.nio.file.Path;
import java.util.List;
import java.util.function.BooleanSupplier;

/** A tokenizer of a plan and its run folder. */
final class ComparedTokenizer implements Compared {
    private final ComparePlan plan;
    private final ComparePlan.TokenizerEntry entry;
    private final Path folder;
    private final TokenizerRecipe recipe; // null: taken as it is

    /**
     * Checks all that can be checked before anything is trained.
     *
     * @param runs folder of the runs that are trained here
     * @param checkpoint that is to be opened, as {@link RunFolder#at} has it
     * @throws JobException if the run can't be made, or is there and is another one
     */
    ComparedTokenizer(ComparePlan plan, ComparePlan.TokenizerEntry entry, Path runs, String checkpoint) {
        this.plan = plan;
        this.entry = entry;
        if (entry.recipe() == null) {
            RunFolder taken = RunFolder.open(entry.run());
            this.folder = taken.path();
            this.recipe = null;
            if (!taken.isTokenizer()) {
                throw new JobException(
                        entry.name() + ": " + entry.run() + " is no tokenizer: give the --out of train-tokenizer");
            }
            taken.at(checkpoint); // refuses one that isn't there
            return;
        }
        this.folder = runs.resolve(entry.name());
        this.recipe = RecipeFile.read(entry.recipe(), TokenizerRecipe.class, plan.overrides(entry));
        Compared.requireCheckpoint(entry.name(), checkpoint, recipe.training());
        try (ImageSet train = ImageSet.open(plan.train())) {
            Compared.requireSame(folder, recipe, TokenizerRecipe.class, train.fingerprint(), "images", plan.train());
        }
        if (!trained()) {
            recipe.tokenizer().parents(); // refuses where files of its loss are missing
        }
    }

    @Override
    public String name() {
        return entry.name();
    }

    @Override
    public Path folder() {
        return folder;
    }

    @Override
    public boolean taken() {
        return recipe == null;
    }

    TokenizerRecipe recipe() {
        return recipe == null
                ? RecipeFile.read(folder.resolve("recipe.yaml"), TokenizerRecipe.class, List.of())
                : recipe;
    }

    @Override
    public boolean train(Watcher watcher, BooleanSupplier stop) {
        if (taken() || trained()) {
            return true;
        }
        return new TrainTokenizer(entry.recipe(), plan.overrides(entry), plan.train(), folder, true, false)
                .run(List.of(watcher), stop)
                .complete();
    }

    private boolean trained() {
        return Compared.trained(
                folder,
                recipe.training().steps(),
                recipe.data().heldOut() != 0 && recipe.training().validateEvery() != 0,
                new Best(0, 0), // the measure that decides is not in its history: it is gone on with, and says so
                TrainingHistory.PSNR);
    }
}
