package dev.smalti.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.smalti.recipe.ComparePlan;
import dev.smalti.recipe.FeaturesRecipe;
import dev.smalti.recipe.PriorRecipe;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.recipe.TokenizerRecipe;
import dev.smalti.run.RunFolder;
import dev.smalti.train.Checkpoints;
import java.nio.file.Path;
import java.util.List;

/** What people write by hand or find in somebody's run folder. */
class TextsFuzzTest {
    private static final long MOST = 16L << 20;

    @FuzzTest
    void priorRecipe(byte[] text) {
        recipe(text, PriorRecipe.class);
    }

    @FuzzTest
    void tokenizerRecipe(byte[] text) {
        recipe(text, TokenizerRecipe.class);
    }

    @FuzzTest
    void featuresRecipe(byte[] text) {
        recipe(text, FeaturesRecipe.class);
    }

    @FuzzTest
    void plan(byte[] text) {
        Outcome.ofFile(text, "plan/plan.yaml", MOST, file -> {
            ComparePlan plan = RecipeFile.read(file, ComparePlan.class, List.of());
            plan.priors().forEach(plan::settings);
        });
    }

    @FuzzTest
    void modelJson(byte[] text) {
        Outcome.ofFile(text, "run/model.json", MOST, file -> RunFolder.open(file.getParent())
                .description());
    }

    @FuzzTest
    void bestJson(byte[] text) {
        Outcome.ofFile(text, "run/best.json", MOST, file -> Checkpoints.usual(file.getParent()));
    }

    private static void recipe(byte[] text, Class<? extends Record> type) {
        Outcome.ofFile(text, "recipe.yaml", MOST, (Path file) -> RecipeFile.read(file, type, List.of()));
    }
}
