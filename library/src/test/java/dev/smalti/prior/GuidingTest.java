package dev.smalti.prior;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.draw.Canvas;
import dev.smalti.draw.Corrector;
import dev.smalti.draw.Extrapolation;
import dev.smalti.draw.GuidanceSettings;
import dev.smalti.draw.GuidingModel;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.Unmasking;
import dev.smalti.draw.Unmasking.Reveal;
import dev.smalti.draw.UnsupportedSamplingException;
import dev.smalti.recipe.PriorRecipe;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which priors may guide the draws of which others. */
class GuidingTest {
    private static final TokenSpace SPACE = new TokenSpace(5, 2, 3);
    private static final String NETWORK = "network: {layers: 1, width: 4, heads: 1}";

    @TempDir
    private Path folder;

    /** Of a recipe's lines, with semicolons between them. */
    private Prior prior(String lines, TokenSpace space, int classes, long seed) {
        String keys = lines.strip().replace("; ", "\n  ");
        try {
            Path file = Files.writeString(
                    folder.resolve("prior.yaml"),
                    "prior:\n  " + keys + (keys.contains("network:") ? "" : "\n  " + NETWORK)
                            + "\ntraining: {steps: 1, batch: 1, learning_rate: 0.001}\n");
            return RecipeFile.read(file, PriorRecipe.class, List.of())
                    .prior()
                    .build(space, classes, new Seed(seed), Devices.cpu());
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "kind: absorbing; steps: 6                             | kind: absorbing; steps: 3",
                "kind: absorbing                                       | kind: maskgit",
                "kind: absorbing                                       | kind: absorbing; masks: 2",
                "kind: maskgit; masks: 3                               | kind: maskgit; masks: 2",
                "kind: absorbing                                       | kind: absorbing; mask_share: 0.5",
                "kind: maskgit; masks: 2; mask_share: 0.6              | kind: maskgit; masks: 2; mask_share: 0.5",
                "kind: d3pm; steps: 8                                  | kind: d3pm; steps: 8; transitions: absorbing",
                "kind: d3pm; steps: 8                                  | kind: d3pm; steps: 9",
                "kind: d3pm; steps: 8                                  | kind: d3pm; steps: 8; noise: linear",
                "kind: d3pm; steps: 8                                  | kind: d3pm; steps: 8; posterior: context",
                "kind: sedd                                            | kind: sedd; transitions: uniform",
                "kind: sedd; transitions: uniform                      | kind: sedd; transitions: uniform; parametrisation: exact",
                "kind: vqdiffusion; steps: 8                           | kind: vqdiffusion; steps: 9",
                "kind: autoregressive                                  | kind: absorbing",
            })
    void one_whose_network_is_asked_for_other_things_may_not(String recipe, String other) {
        try (Prior main = prior(recipe, SPACE, 2, 1);
                Prior guiding = prior(other, SPACE, 2, 2)) {
            main.requireGuiding(main);
            assertThatThrownBy(() -> main.requireGuiding(guiding))
                    .isInstanceOf(UnsupportedSamplingException.class)
                    .hasMessageContaining(main.process())
                    .hasMessageContaining(guiding.process())
                    .hasMessageContaining("an earlier checkpoint or a smaller network of the same recipe");
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "kind: absorbing; label_dropping: 0.1     | kind: absorbing; loss: elbo",
                "kind: sedd; parametrisation: exact       | kind: sedd",
                "kind: sedd; noise: {shape: geometric}    | kind: sedd",
                "kind: maskgit                            | kind: maskgit; schedule: linear",
            })
    void one_that_was_trained_otherwise_for_the_same_may(String recipe, String other) {
        try (Prior main = prior(recipe, SPACE, 2, 1);
                Prior guiding = prior(other, SPACE, 2, 2)) {
            main.requireGuiding(guiding);
        }
    }

    /** Vectors of learnt embeddings mean something among these alone. */
    @Test
    void one_on_other_embeddings_may_not() {
        String lcmd = "kind: lcmd; embedding: {dimension: 4}; evidence: true";
        try (Prior main = prior(lcmd, SPACE, 2, 1);
                Prior same = prior(lcmd, SPACE, 2, 1);
                Prior other = prior(lcmd, SPACE, 2, 2)) {
            main.requireGuiding(same);
            assertThatThrownBy(() -> main.requireGuiding(other))
                    .isInstanceOf(UnsupportedSamplingException.class)
                    .hasMessageContainingAll("other embeddings", "embedding.origin: codebook", "--against")
                    .hasMessageNotContaining("earlier checkpoint");
            main.requireGuiding(same);
            assertThatThrownBy(() -> main.requireGuiding(other)).isInstanceOf(UnsupportedSamplingException.class);
        }
    }

    @Test
    void one_of_other_tokens_or_other_classes_may_not_and_one_without_classes_may() {
        try (Prior main = prior("kind: absorbing", SPACE, 2, 1);
                Prior codes = prior("kind: absorbing", new TokenSpace(6, 2, 3), 2, 1);
                Prior classes = prior("kind: absorbing", SPACE, 3, 1);
                Prior none = prior("kind: absorbing", SPACE, 0, 1)) {
            assertThatThrownBy(() -> main.requireGuiding(codes))
                    .isInstanceOf(UnsupportedSamplingException.class)
                    .hasMessageContaining("2x3 tokens of 6 codes, and this one 2x3 tokens of 5 codes");
            assertThatThrownBy(() -> main.requireGuiding(classes))
                    .isInstanceOf(UnsupportedSamplingException.class)
                    .hasMessageContaining("knows 3 classes, and this one 2");
            assertThatThrownBy(() -> none.requireGuiding(main))
                    .isInstanceOf(UnsupportedSamplingException.class)
                    .hasMessageContaining("knows 2 classes, and this one 0");
            Scope.free(() -> {
                Tensor drawn = main.sample(
                        main.draw(Sampling.USUAL.guidance(1), streams(), none).labels(Tensors.longs(0, 1)));
                assertThat(drawn.numel()).isEqualTo(12);
            });
        }
    }

    @Test
    void a_draw_away_from_a_model_that_is_only_named_is_refused() {
        try (Prior main = prior("kind: absorbing", SPACE, 2, 1)) {
            GuidanceSettings named = GuidanceSettings.NONE.weight(1).guiding(GuidingModel.step(400));
            assertThatThrownBy(() -> main.sample(main.draw(Sampling.USUAL.guidance(named), streams())))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("guidance away from step 400 needs the network");
        }
    }

    /** Whatever else is asked of the steps, on a larger canvas too, nothing is left to lead away from. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "kind: absorbing; steps: 6                                  | COUNTS",
                "kind: sedd                                                 | COUNTS",
                "kind: sedd                                                 | COINS",
                "kind: sedd; transitions: uniform                           |",
                "kind: sedd; transitions: uniform; parametrisation: exact   |",
                "kind: d3pm; steps: 8                                       |",
                "kind: d3pm; steps: 8; transitions: absorbing               | COUNTS",
                "kind: vqdiffusion; steps: 8                                | COUNTS",
            })
    void guidance_away_from_itself_is_none_with_extrapolated_and_corrected_steps(String recipe, Reveal reveal) {
        try (Prior prior = prior(recipe, SPACE, 2, 1)) {
            Sampling plain = Sampling.USUAL
                    .steps(4)
                    .extrapolation(new Extrapolation.Multistep(0.5))
                    .corrector(new Corrector.Gibbs(2, 2, Corrector.When.END));
            Sampling steps = reveal == null ? plain : plain.unmasking(Unmasking.USUAL.reveal(reveal));
            for (Sampling each : List.of(steps, steps.canvas(new Canvas(3, 4)))) {
                Scope.free(() -> {
                    Tensor labels = Tensors.longs(0, 1);
                    long[] without = Tensors.toLongs(
                            prior.sample(prior.draw(each, streams()).labels(labels)));
                    assertThat(Tensors.toLongs(prior.sample(prior.draw(each.guidance(4), streams(), prior)
                                    .labels(labels))))
                            .isEqualTo(without);
                });
            }
        }
    }

    private static RandomStreams streams() {
        return RandomStreams.of(List.of(new Seed(1), new Seed(2)));
    }
}
