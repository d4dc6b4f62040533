package dev.smalti.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.network.Blueprint;
import dev.smalti.network.Parameters;
import dev.smalti.prior.Prior;
import dev.smalti.recipe.PriorRecipe;
import dev.smalti.recipe.RecipeException;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.TensorFile;
import dev.smalti.token.TokenSpace;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Run folders that come from elsewhere. */
class ForeignRunFolderTest {
    private static final String DESCRIPTION =
            "{\"format\": 1, \"kind\": \"prior\", \"codes\": 16, \"height\": 4, \"width\": 4, \"depth\": 1, \"classes\": 2,"
                    + " \"classNames\": [\"red\", \"blue\"]}";
    private static final String RECIPE = """
            prior:
              kind: %s
              network: {%s}
            training: {steps: 6, batch: 4, learning_rate: 0.001}
            """;
    private static final String NETWORK = "kind: transformer, layers: 1, width: 16, heads: 2";

    @TempDir
    private Path run;

    @BeforeEach
    void write_the_folder_of_a_prior() throws IOException {
        write("model.json", DESCRIPTION);
        write("recipe.yaml", RECIPE.formatted("absorbing", NETWORK));
        keepWeights();
    }

    private void keepWeights() throws IOException {
        PriorRecipe recipe = RecipeFile.read(run.resolve("recipe.yaml"), PriorRecipe.class, List.of());
        Path checkpoint = Files.createDirectories(run.resolve("checkpoint-6"));
        try (Prior prior = recipe.prior().build(new TokenSpace(16, 4, 4), 2, new Seed(1), Devices.cpu())) {
            TensorFile.write(
                    checkpoint.resolve("averaged.safetensors"),
                    prior.parameters().all(),
                    Map.of());
        }
    }

    private void write(String file, String text) throws IOException {
        Files.writeString(run.resolve(file), text);
    }

    @Test
    void a_whole_one_opens() {
        try (Prior prior = RunFolder.open(run).prior(Devices.cpu(), List.of())) {
            assertThat(prior.space()).isEqualTo(new TokenSpace(16, 4, 4));
        }
    }

    /** Networks of these sizes take from 1 GB to more than there is: only their shapes are looked at. */
    @ParameterizedTest
    @CsvSource({
        "'\"codes\": 16', '\"codes\": 2000000000', 'tok_emb.weight must have shape [2000000001, 16], got [17, 16]'",
        "'\"height\": 4', '\"height\": 60000', 'pos_emb must have shape [1, 240000, 16], got [1, 16, 16]'",
        "'2, \"classNames\": [\"red\", \"blue\"]', '2147483646', 'must have shape [2147483647, 16], got [3, 16]'"
    })
    void weights_are_compared_with_what_the_description_says(String part, String other, String words)
            throws IOException {
        write("model.json", DESCRIPTION.replace(part, other));
        refused("averaged.safetensors: the weights do not fit the network", words, "model.json");
    }

    @ParameterizedTest
    @CsvSource({
        "'kind: transformer, layers: 1, width: 2147483646, heads: 2', 'can''t be laid out'",
        "'kind: transformer, layers: 1, width: 1000000, heads: 2', '[17, 1000000], got [17, 16]'",
        "'kind: transformer, layers: 2147483647, width: 16, heads: 2', 'at most 10,000 tensors'",
        "'kind: halton, layers: 1, width: 1000000, heads: 1', 'mismatches'",
        "'kind: causal_transformer, layers: 1, width: 1000000, heads: 1', 'network'"
    })
    void weights_are_compared_with_what_the_recipe_says(String network, String words) throws IOException {
        write("recipe.yaml", RECIPE.formatted("absorbing", network));
        refused(words);
    }

    @Test
    void a_chain_has_a_limit_of_steps() throws IOException {
        write(
                "recipe.yaml",
                RECIPE.formatted("d3pm", NETWORK).replace("kind: d3pm", "kind: d3pm\n  steps: 2147483647"));
        refused("steps must be at most 1,000,000");
    }

    @ParameterizedTest
    @CsvSource({
        "'\"kind\": \"prior\",', '', 'kind must be tokenizer, prior or features, and is missing'",
        "'\"prior\"', 'null', 'kind must be'",
        "'\"codes\": 16', '\"codes\": \"many\"', 'codes must be a whole number'",
        "'\"codes\": 16', '\"codes\": 99999999999', 'codes must be a whole number'",
        "'\"codes\": 16', '\"codes\": 1', '2 to'",
        "'\"height\": 4', '\"height\": -4', 'at least one row'",
        "'\"height\": 4', '\"height\": 200000', 'at most 262,144 places'",
        "'\"depth\": 1', '\"depth\": 2000000000', 'at most 1,024 codes'",
        "'\"classes\": 2', '\"classes\": -2', 'classNames must be'",
        "'\"blue\"', 'null', 'classNames must be'",
        "', \"blue\"', '', 'classNames must be a name for each of the classes or none, got 1 for 2'",
        "'[\"red\", \"blue\"]', '\"red\"', 'classNames must be a list'",
        "'\"format\": 1', '\"format\": \"new\"', 'has format new, and this version reads 1'",
        "'\"format\": 1,', '', 'has format 0'"
    })
    void a_description_that_breaks_a_rule_is_refused_by_its_name(String part, String other, String words)
            throws IOException {
        write("model.json", DESCRIPTION.replace(part, other));
        refused("model.json", words);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "{", "[]", "null", "{\"format\": 1, \"kind\"", "\u0000\u0001"})
    void a_description_that_is_none_is_refused(String text) throws IOException {
        write("model.json", text);
        refused("model.json", "JSON");
    }

    @Test
    void a_checkpoint_without_weights_is_refused() throws IOException {
        Path weights = run.resolve("checkpoint-6/averaged.safetensors");
        byte[] whole = Files.readAllBytes(weights);
        Files.delete(weights);
        refused("checkpoint-6", "weights.safetensors");
        Files.write(weights, Arrays.copyOf(whole, whole.length - 5));
        refused("averaged.safetensors", "truncated");
        TensorFile.write(weights, Map.of(), Map.of());
        refused("averaged.safetensors", "missing tok_emb.weight", "missing pos_emb");
    }

    @Test
    void a_recipe_of_two_gigabytes_is_not_read() throws IOException {
        try (RandomAccessFile large =
                new RandomAccessFile(run.resolve("recipe.yaml").toFile(), "rw")) {
            large.setLength(1L << 31);
        }
        refused("recipe.yaml is too large");
    }

    @Test
    void a_prior_that_needs_numbers_to_be_built_is_built_without_a_comparison() {
        assertThat(Blueprint.sketch(device -> {
                    try (Parameters parameters = new Parameters(new Seed(1), device)) {
                        parameters.constant("a", 0, 3).sum().item_float();
                        return parameters.blueprint();
                    }
                }))
                .isEmpty();
    }

    private void refused(String... words) {
        assertThatThrownBy(() ->
                        RunFolder.open(run).prior(Devices.cpu(), List.of()).close())
                .isInstanceOfAny(JobException.class, IllegalArgumentException.class, RecipeException.class)
                .hasMessageContainingAll(words)
                .message()
                .hasLineCount(1)
                .hasSizeLessThan(1000);
    }
}
