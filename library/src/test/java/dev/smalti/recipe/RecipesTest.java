package dev.smalti.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.prior.Prior;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.Seed;
import dev.smalti.token.TokenSpace;
import dev.smalti.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Device;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The recipes that ship can be read, and the paper's have the paper's size. */
class RecipesTest {
    private static final Path RECIPES = Path.of("..", "recipes");

    static List<Path> recipes() throws IOException {
        try (Stream<Path> files = Files.walk(RECIPES)) {
            return files.filter(file -> file.toString().endsWith(".yaml"))
                    .filter(file -> !file.getParent().endsWith("compare"))
                    .sorted()
                    .toList();
        }
    }

    @ParameterizedTest
    @MethodSource("recipes")
    void every_recipe_can_be_read_and_says_in_its_header_how_to_run_it(Path recipe) throws IOException {
        String text = Files.readString(recipe);
        String verb;
        if (text.contains("\ntokenizer:")) {
            RecipeFile.read(recipe, TokenizerRecipe.class, List.of());
            verb = "train-tokenizer";
        } else if (text.contains("\nclassifier:")) {
            RecipeFile.read(recipe, FeaturesRecipe.class, List.of());
            verb = "train-features";
        } else {
            RecipeFile.read(recipe, PriorRecipe.class, List.of());
            verb = "train-prior";
        }
        String file = recipe.toString().replace('\\', '/').replaceFirst("^.*?/recipes/", "recipes/");
        assertThat(text)
                .startsWith("# ")
                .contains("./smalti " + verb + " " + file)
                .contains("arXiv:");
    }

    @ParameterizedTest
    @CsvSource({"toy/vqgan.yaml, a tokenizer", "cifar10/features.yaml, a classifier"})
    void what_is_no_transformer_refuses_to_be_computed_again(Path recipe, String what) {
        Class<? extends Record> type = what.endsWith("tokenizer") ? TokenizerRecipe.class : FeaturesRecipe.class;
        assertThatThrownBy(() -> RecipeFile.read(RECIPES.resolve(recipe), type, List.of("training.recompute=true")))
                .isInstanceOf(RecipeException.class)
                .hasMessageContaining("training.recompute is for transformers, and " + what + " has none");
    }

    @ParameterizedTest
    @CsvSource({"fruits, 3000, 128, 6", "cifar10, 2000, 128, 3"})
    void plans_bring_all_priors_to_one_size_and_budget(String data, int steps, int batch, int settings) {
        ComparePlan plan =
                RecipeFile.read(RECIPES.resolve("compare").resolve(data + ".yaml"), ComparePlan.class, List.of());
        assertThat(plan.priors()).hasSize(15); // every kind, and five as their papers have them beside ours
        for (ComparePlan.Entry each : plan.priors()) {
            Path recipe = RECIPES.resolve("..").resolve(each.recipe());
            PriorRecipe read = RecipeFile.read(recipe, PriorRecipe.class, plan.overrides(each));
            assertThat(read.training().steps()).as(each.name()).isEqualTo(steps);
            assertThat(read.training().batch()).as(each.name()).isEqualTo(batch);
            assertThat(read.prior().toString()).as(each.name()).contains("layers=5", "width=192", "heads=6");
            assertThat(plan.settings(each)).as(each.name()).hasSizeBetween(2, settings);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"fruits", "cifar10", "toy"})
    void there_is_a_recipe_of_every_prior_for(String data) throws IOException {
        Set<Object> found = new HashSet<>();
        for (Path recipe : recipes()) {
            if (recipe.getParent().endsWith(data) && Files.readString(recipe).contains("\nprior:")) {
                found.add(RecipeFile.read(recipe, PriorRecipe.class, List.of())
                        .prior()
                        .getClass());
            }
        }
        assertThat(new BuiltInKinds().kinds())
                .filteredOn(kind -> kind.family() == PriorConfiguration.class)
                .<Object>extracting(Kind::configuration)
                .isSubsetOf(found);
    }

    /** 68.55 M with the discriminator as published, less 2.35 M of 1×1 convolutions that its blocks store and never use. */
    @ParameterizedTest
    @ValueSource(strings = {"bedrooms", "churches", "faces"})
    void the_papers_vqgan_has_its_number_of_parameters(String data) {
        Path file = RECIPES.resolve("papers").resolve("unleashing-" + data + "-vqgan.yaml");
        TokenizerRecipe recipe = RecipeFile.read(
                file, TokenizerRecipe.class, List.of("tokenizer.perceptual=null", "tokenizer.pixel_likelihood=true"));
        // on this device tensors have shapes and no numbers
        try (Tokenizer tokenizer = recipe.tokenizer().build(new Seed(0), new Device("meta"))) {
            assertThat(tokenizer.space()).isEqualTo(new TokenSpace(1024, 16, 16));
            long all = tokenizer.objectives().stream()
                    .mapToLong(objective -> objective.parameters().count())
                    .sum();
            long unused = 2_348_928;
            assertThat((all + unused) / 1e6).isBetween(68.54, 68.56);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "sedd-imagenet-tokenizer-1024, 72.14 2.77",
        "sedd-imagenet-tokenizer-16384, 76.07 0.66",
        "rdpm-imagenet-tokenizer, 69.82 2.77"
    })
    void the_papers_other_tokenizers_have_their_number_of_parameters(String name, String millions) {
        Path file = RECIPES.resolve("papers").resolve(name + ".yaml");
        String key = name.startsWith("rdpm") ? "tokenizer.autoencoder.perceptual" : "tokenizer.perceptual";
        TokenizerRecipe recipe = RecipeFile.read(file, TokenizerRecipe.class, List.of(key + "=null"));
        try (Tokenizer tokenizer = recipe.tokenizer().build(new Seed(0), new Device("meta"))) {
            assertThat(tokenizer.objectives())
                    .extracting(
                            objective -> "%.2f".formatted(objective.parameters().count() / 1e6))
                    .containsExactly(millions.split(" "));
        }
    }

    /** The paper's 227 M are those of Chang et al., who count the tokenizer, a VQGAN without attention. */
    @Test
    void maskgit_has_about_its_227_million_parameters_with_a_tokenizer_without_attention() {
        Path papers = RECIPES.resolve("papers");
        TokenizerRecipe vqgan = RecipeFile.read(
                papers.resolve("unleashing-churches-vqgan.yaml"),
                TokenizerRecipe.class,
                List.of("tokenizer.perceptual=null"));
        PriorRecipe maskgit =
                RecipeFile.read(papers.resolve("sedd-imagenet-maskgit.yaml"), PriorRecipe.class, List.of());
        Device device = new Device("meta");
        try (Tokenizer tokenizer = vqgan.tokenizer().build(new Seed(0), device);
                Prior prior = maskgit.prior().build(new TokenSpace(1024, 16, 16), 1000, new Seed(0), device)) {
            long attention = tokenizer.parameters().weights().entrySet().stream()
                    .filter(entry -> entry.getKey().contains("attn"))
                    .mapToLong(entry -> entry.getValue().numel())
                    .sum();
            long others = tokenizer.parameters().count() - attention;
            assertThat((prior.parameters().count() + others) / 1e6).isBetween(225.0, 230.0); // 229.6
        }
    }

    /** They have what the papers print on, and say how to get it or do without. */
    @ParameterizedTest
    @CsvSource({
        "unleashing-churches-vqgan, tokenizer.perceptual=null",
        "unleashing-bedrooms-vqgan, tokenizer.perceptual=null",
        "unleashing-faces-vqgan, tokenizer.perceptual=null",
        "sedd-imagenet-tokenizer-1024, tokenizer.perceptual=null",
        "sedd-imagenet-tokenizer-16384, tokenizer.perceptual=null",
        "rdpm-imagenet-tokenizer, tokenizer.autoencoder.perceptual=null"
    })
    void the_papers_tokenizers_refuse_to_train_without_the_files_of_their_perceptual_loss(String name, String without) {
        Path file = RECIPES.resolve("papers").resolve(name + ".yaml");
        assertThatThrownBy(
                        RecipeFile.read(file, TokenizerRecipe.class, List.of()).tokenizer()::parents)
                .isInstanceOf(BadFileException.class)
                .hasMessageContainingAll("torchvision's vgg16-397923af.pth", "lpips/weights/v0.1/vgg.pth", without);
        assertThat(RecipeFile.read(file, TokenizerRecipe.class, List.of(without))
                        .tokenizer()
                        .parents())
                .isEmpty();
    }

    @Test
    void absorb_and_absorb_2d_differ_in_nothing_but_rotations() {
        assertThat(differences("sedd-imagenet-absorb", "sedd-imagenet-absorb-2d"))
                .containsExactly("prior.network.positions: rotary_1d, not rotary_2d");
        assertThat(differences("sedd-imagenet-absorb", "sedd-imagenet-uniform"))
                .containsExactly(
                        "prior.scale_by_sigma: true, not false", // the size of ratios to a mask
                        "prior.transitions: absorb, not uniform");
    }

    @Test
    void the_baselines_of_csdm_differ_in_nothing_but_where_embeddings_come_from() {
        assertThat(differences("lcmd-ffhq-csdm", "lcmd-ffhq-csdm-normalised"))
                .containsExactly("prior.embedding.origin: learnt, not normalised");
        assertThat(differences("lcmd-ffhq-csdm", "lcmd-ffhq-csdm-frozen"))
                .contains("prior.embedding.origin: learnt, not codebook")
                .allMatch(difference -> difference.startsWith("prior.embedding."));
    }

    private static List<String> differences(String one, String other) {
        Path papers = RECIPES.resolve("papers");
        return RecipeFile.differences(
                RecipeFile.read(papers.resolve(one + ".yaml"), PriorRecipe.class, List.of()),
                RecipeFile.read(papers.resolve(other + ".yaml"), PriorRecipe.class, List.of()));
    }

    @ParameterizedTest
    @CsvSource({
        "unleashing-churches-absorbing, 1024, 0, 76.8",
        "unleashing-churches-autoregressive, 1024, 0, 76.8",
        "sedd-imagenet-absorb, 1024, 1000, 186.2",
        "sedd-imagenet-uniform, 1024, 1000, 186.2",
        "sedd-imagenet-absorb-2d, 1024, 1000, 186.2",
        "halton-imagenet-tiny, 16384, 1000, 23.0",
        "halton-imagenet-small, 16384, 1000, 69.3",
        "halton-imagenet-base, 16384, 1000, 142.2",
        "halton-imagenet-large, 16384, 1000, 479.7",
        "unleashing-faces-autoregressive, 1024, 0, 76.8",
        "sedd-imagenet-maskgit, 1024, 1000, 172.6",
        "sedd-imagenet-autoregressive, 16384, 1000, 1412.2",
        "lcmd-churches, 1024, 0, 56.1",
        "lcmd-bedrooms, 1024, 0, 56.1",
        "lcmd-ffhq-csdm, 1024, 0, 56.1",
        "lcmd-ffhq-csdm-normalised, 1024, 0, 56.1",
        "lcmd-ffhq-csdm-frozen, 1024, 0, 55.8",
        "lcmd-ffhq-maskgit, 1024, 0, 48.5",
        "lcmd-ffhq-d3pm, 1024, 0, 57.7",
        "lcmd-ffhq, 1024, 0, 56.1",
        "lcmd-imagenet, 1024, 1000, 246.4",
        "lcmd-ffhq-vqdiffusion, 1024, 0, 57.7",
        "lcmd-imagenet-vqdiffusion, 1024, 1000, 518.1",
        "rdpm-imagenet-12, 4096, 1000, 133.6",
        "rdpm-imagenet-16, 4096, 1000, 311.0",
        "rdpm-imagenet-20, 4096, 1000, 602.2"
    })
    void the_papers_priors_have_their_number_of_parameters(String name, int codes, int classes, String millions) {
        Path file = RECIPES.resolve("papers").resolve(name + ".yaml");
        PriorConfiguration configuration =
                RecipeFile.read(file, PriorRecipe.class, List.of()).prior();
        TokenSpace space = new TokenSpace(codes, 16, 16, name.startsWith("rdpm") ? 10 : 1);
        // on this device tensors have shapes and no numbers
        try (Prior prior = configuration.build(space, classes, new Seed(0), new Device("meta"))) {
            assertThat("%.1f".formatted(prior.parameters().count() / 1e6)).isEqualTo(millions);
        }
    }
}
