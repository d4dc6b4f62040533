package dev.smalti.prior;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.prior.process.GridDraw;
import dev.smalti.recipe.PriorRecipe;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ManyCodesTest {
    /** A listener is told probabilities in float64; without one, draws of so many codes are made another way. */
    @ParameterizedTest
    @ValueSource(strings = {"absorbing", "maskgit", "sedd-absorb"})
    void seeds_3_and_4_draw_the_same_whether_somebody_listens_or_not(String name) {
        PriorRecipe recipe =
                RecipeFile.read(Path.of("..", "recipes", "toy", name + ".yaml"), PriorRecipe.class, List.of());
        try (Prior prior = recipe.prior().build(new TokenSpace(4096, 4, 4), 0, new Seed(1), Devices.cpu())) {
            long[] heard = drawn(prior, (at, logProbabilities, codes) -> {});
            assertThat(drawn(prior, GridDraw.Listener.NOBODY)).isEqualTo(heard).doesNotContain(4096);
        }
    }

    private static long[] drawn(Prior prior, GridDraw.Listener listener) {
        return Scope.value(() -> Tensors.toLongs(
                prior.sample(prior.draw(Sampling.USUAL.steps(6), RandomStreams.of(List.of(new Seed(3), new Seed(4))))
                        .listener(listener))));
    }
}
