package dev.smalti.compare;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.compare.CompareResult.Cell;
import dev.smalti.compare.CompareResult.Measures;
import dev.smalti.compare.CompareResult.Prior;
import dev.smalti.compare.CompareResult.Reference;
import dev.smalti.compare.CompareResult.Value;
import dev.smalti.recipe.ComparePlan;
import dev.smalti.recipe.RecipeFile;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ComparePageTest {
    @TempDir
    Path folder;

    @Test
    void names_the_tokenizers_apart_where_a_prior_has_tokens_of_its_own() {
        Reference shared = new Reference("tokenizer", null, "the images of a", measures(3));
        Reference own = new Reference("tokenizer", "rdpm", "the images of b", measures(4));
        CompareResult result = new CompareResult(
                folder,
                folder.resolve("index.html"),
                List.of(prior("rdpm")),
                List.of(),
                List.of(shared, own),
                List.of(),
                0);
        ComparePlan plan = RecipeFile.parse(
                "{real: images, priors: [{name: rdpm, run: rdpm}]}", "plan", ComparePlan.class, List.of());
        assertThat(ComparePage.html(folder.resolve("plan.yaml"), plan, result, List.of()))
                .contains("<td>tokenizer</td>", "<td>tokenizer of rdpm</td>", "9 <small>measured at 7</small>");
        assertThat(ComparePlots.lines(result).keySet()).containsExactly("tokenizer alone", "tokenizer of rdpm alone");
    }

    private static Prior prior(String name) {
        Cell cell = new Cell(Map.of(), 4, 0.1, 4.0, "x", measures(5), null);
        return new Prior(
                name, "rdpm", "runs", false, 1, 9, 7L, 1, null, null, true, null, List.of(), "grid.png", List.of(cell));
    }

    private static Measures measures(double frechet) {
        return new Measures(
                "pixels-8x8",
                null,
                192,
                8,
                10,
                10,
                0,
                Map.of("frechet", new Value(frechet, null, null, null, null)),
                List.of());
    }
}
