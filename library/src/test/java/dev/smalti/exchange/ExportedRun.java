package dev.smalti.exchange;

import dev.smalti.recipe.PriorRecipe;
import dev.smalti.recipe.Provenance;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.recipe.TokenizerRecipe;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.token.TokenSpace;
import dev.smalti.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.bytedeco.pytorch.Tensor;

/** Run folders of models that nobody trained, to be exported. */
public final class ExportedRun {
    private static final String TRAINING = "training: {steps: 1, batch: 1, learning_rate: 0.1}\n";

    private ExportedRun() {}

    /** @param tokenizer as YAML */
    public static RunFolder tokenizer(Path out, String tokenizer) {
        return tokenizer(out, tokenizer, built -> built.parameters().all());
    }

    /** @param weights all that it has, by name */
    public static RunFolder tokenizer(Path out, String tokenizer, Function<Tokenizer, Map<String, Tensor>> weights) {
        TokenizerRecipe recipe =
                RecipeFile.parse(TRAINING + "tokenizer: " + tokenizer, "the test", TokenizerRecipe.class, List.of());
        try (Tokenizer built = recipe.tokenizer().build(new Seed(5), Devices.cpu())) {
            Scope.free(() -> RunFolder.write(
                    out,
                    RunFolder.Description.tokenizer(built.space()),
                    recipe,
                    Provenance.of(0, "nothing", "", Map.of()),
                    weights.apply(built),
                    null));
        }
        return RunFolder.open(out);
    }

    /**
     * @param prior as YAML
     * @param tokenizer null for none
     */
    public static RunFolder prior(Path out, String prior, TokenSpace space, List<String> classes, RunFolder tokenizer) {
        PriorRecipe recipe = RecipeFile.parse(TRAINING + "prior: " + prior, "the test", PriorRecipe.class, List.of());
        try (var built = recipe.prior().build(space, classes.size(), new Seed(6), Devices.cpu())) {
            RunFolder.write(
                    out,
                    RunFolder.Description.prior(space, classes.size(), classes, null),
                    recipe,
                    Provenance.of(0, "nothing", "", Map.of()),
                    built.parameters().all(),
                    tokenizer);
        }
        return RunFolder.open(out);
    }
}
