package org.example.marginals;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.prior.Prior;
import dev.smalti.prior.TokenBatch;
import dev.smalti.recipe.PriorRecipe;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class MarginalsTest {
    @Test
    void a_recipe_may_say_kind_marginals() {
        PriorRecipe recipe = RecipeFile.read(Path.of("marginals.yaml"), PriorRecipe.class, List.of());
        assertThat(recipe.prior()).isEqualTo(new MarginalsConfiguration(0.1));
    }

    @Test
    void an_untrained_table_needs_log_K_for_each_token() {
        TokenSpace space = new TokenSpace(8, 2, 2);
        try (Prior prior = new MarginalsConfiguration(null).build(space, 0, new Seed(0), Devices.cpu())) {
            double nats = Scope.value(() -> prior.negativeLogLikelihood(
                            new TokenBatch(Tensors.longs(0, 1, 2, 7).view(1, 4), null), new Seed(0))
                    .item_double());
            assertThat(nats).isCloseTo(4 * Math.log(8), within(1e-5));
        }
    }
}
