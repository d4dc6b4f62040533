package dev.smalti.prior.process;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.prior.Prior;
import dev.smalti.recipe.PriorRecipe;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Where somebody listens all probabilities are computed, elsewhere no more than the draw takes: of many codes it is the same draw. */
class ListenedDrawsTest {
    private static final TokenSpace SPACE = new TokenSpace(300, 6, 6);

    @ParameterizedTest
    @ValueSource(strings = {"d3pm-uniform", "vqdiffusion", "sedd-uniform", "sedd-absorb", "absorbing", "maskgit"})
    void are_those_that_nobody_hears(String recipe) {
        PriorRecipe read =
                RecipeFile.read(Path.of("..", "recipes", "toy", recipe + ".yaml"), PriorRecipe.class, List.of());
        try (Prior prior = read.prior().build(SPACE, 0, new Seed(3), Devices.cpu())) {
            Scope.free(() -> {
                try (NoGradGuard guard = new NoGradGuard()) { // or its guesses hardly differ
                    prior.parameters().weights().values().forEach(weight -> weight.mul_(new Scalar(3.0)));
                }
            });
            for (Sampling sampling : List.of(
                    Sampling.USUAL.steps(5),
                    Sampling.USUAL.steps(3).temperature(0.9),
                    Sampling.USUAL.steps(2).temperature(0.02))) {
                AtomicInteger heard = new AtomicInteger();
                long[] alone = draw(prior, sampling, null);
                assertThat(alone).isEqualTo(draw(prior, sampling, heard));
                assertThat(heard.get()).isPositive();
            }
        }
    }

    private static long[] draw(Prior prior, Sampling sampling, AtomicInteger heard) {
        return Scope.value(() -> {
            GridDraw draw = prior.draw(sampling, RandomStreams.of(List.of(new Seed(1), new Seed(2), new Seed(3))));
            if (heard != null) {
                draw.listener((at, log, codes) -> heard.incrementAndGet());
            }
            return Tensors.toLongs(prior.sample(draw));
        });
    }
}
