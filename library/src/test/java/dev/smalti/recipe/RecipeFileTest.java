package dev.smalti.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.recipe.ToyRecipe.Absorbing;
import dev.smalti.recipe.ToyRecipe.Curve;
import dev.smalti.recipe.ToyRecipe.MaskGit;
import dev.smalti.recipe.ToyRecipe.Prior;
import dev.smalti.recipe.ToyRecipe.Training;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RecipeFileTest {
    private static final String SMALLEST = "prior: {kind: absorbing, layers: 4}\n";
    private static final String TOY = """
            # a comment
            name: first
            data: images/fruits
            training:
              steps: 500
              seed: 9007199254740993
              batch_size: 8
              learning_rate: 1e-3
              clip: 1
              compile: no
              curve: Cosine
              betas: [0.5, 1]
            prior:
              kind: absorbing
              layers: 4
            others:
              - kind: maskgit
                schedule: off
              - {kind: absorbing, layers: 2, dropout: 0}
            weights: {b: 1, a: 2.5}
            sizes:
              small: [1, 2]
            """;

    @TempDir
    Path folder;

    @Test
    void reads_records_lists_maps_enums_paths_and_kinds() {
        assertThat(parse(TOY))
                .isEqualTo(new ToyRecipe(
                        "first",
                        Path.of("images/fruits"),
                        new Training(500, 9007199254740993L, 8, 1e-3, 1f, false, Curve.COSINE, List.of(0.5, 1.0)),
                        new Absorbing(4, 0.1),
                        List.of(new MaskGit(null, Curve.OFF), new Absorbing(2, 0.0)),
                        Map.of("a", 2.5, "b", 1.0),
                        Map.of("small", List.of(1, 2))));
    }

    @Test
    void leaves_defaults_to_the_compact_constructor() {
        assertThat(parse(SMALLEST))
                .isEqualTo(new ToyRecipe(null, null, null, new Absorbing(4, null), null, null, null));
        assertThat(parse("name:\ntraining: ~\n" + SMALLEST)).isEqualTo(parse(SMALLEST));
    }

    @Test
    void reads_a_family_at_the_root() {
        Prior prior = RecipeFile.parse("kind: maskgit\nlayers: 3\n", "toy.yaml", Prior.class, List.of(), kinds());

        assertThat(prior).isEqualTo(new MaskGit(3, null));
    }

    @ParameterizedTest
    @ValueSource(strings = {"2024", "007", "yes", "1e3", "16:9", "2001-01-01", "'null'"})
    void takes_a_text_as_it_is_written(String text) {
        assertThat(parse("name: " + text + "\n" + SMALLEST).name()).isEqualTo(text.replace("'", ""));
    }

    @Test
    void names_the_nearest_known_key() {
        assertRefused(
                "training: {steps: 1, seed: 1, bach_size: 3}\n" + SMALLEST,
                "toy.yaml: unknown key training.bach_size; did you mean batch_size? (known: steps, seed, batch_size, "
                        + "learning_rate, clip, compile, curve, betas)");
    }

    @Test
    void lists_the_known_keys_when_none_is_near() {
        assertRefused(
                "prior: {kind: absorbing, layers: 4, x: 3}",
                "toy.yaml: unknown key prior.x (known: kind, layers, dropout)");
    }

    @Test
    void refuses_an_unknown_key_before_a_missing_one() {
        assertRefused(
                "training: {stpes: 1}\n" + SMALLEST,
                "toy.yaml: unknown key training.stpes; did you mean steps? (known: steps, seed, batch_size, "
                        + "learning_rate, clip, compile, curve, betas)");
    }

    @Test
    void names_the_path_of_an_item_of_a_list() {
        assertRefused(
                SMALLEST + "others: [{kind: maskgit}, {kind: maskgit, layer: 3}]",
                "toy.yaml: unknown key others[1].layer; did you mean layers? (known: kind, layers, schedule)");
        assertRefused(
                SMALLEST + "sizes: {small: [1, 2.5]}", "toy.yaml: sizes.small[1] must be a whole number, got 2.5");
        assertRefused(
                SMALLEST + "sizes: {small: [1, ~]}", "toy.yaml: sizes.small[1] must be a whole number, got nothing");
    }

    @Test
    void names_every_missing_key() {
        assertRefused("training: {}\n" + SMALLEST, "toy.yaml: missing required keys training.steps, training.seed");
        assertRefused("prior: {kind: absorbing}", "toy.yaml: missing required key prior.layers");
    }

    @Test
    void names_a_missing_key_that_the_record_requires() {
        assertRefused("name: x", "toy.yaml: missing required key prior");
    }

    @ParameterizedTest
    @ValueSource(strings = {"many", "'3'", "3.0", "1e3", "true", "010"})
    void refuses_what_is_no_whole_number(String value) {
        String quoted = value.matches("many|'3'|010") ? '"' + value.replace("'", "") + '"' : value;

        assertRefused(training("steps: " + value), "toy.yaml: training.steps must be a whole number, got " + quoted);
    }

    @Test
    void refuses_nothing_for_a_primitive() {
        assertRefused(training("steps: "), "toy.yaml: training.steps must be a whole number, got nothing");
    }

    @Test
    void refuses_numbers_that_do_not_fit() {
        assertRefused(
                training("steps: 3000000000"),
                "toy.yaml: training.steps must be a whole number from -2147483648 to 2147483647, got 3000000000");
        assertRefused(
                training("steps: 1, seed: 99999999999999999999"),
                "toy.yaml: training.seed must be a whole number from -9223372036854775808 to 9223372036854775807, "
                        + "got 99999999999999999999");
        assertRefused(
                training("steps: 1, learning_rate: 1e400"),
                "toy.yaml: training.learning_rate must be a number, got \"1e400\"");
    }

    @Test
    void refuses_wrong_types() {
        assertRefused(
                training("steps: 1, learning_rate: fast"),
                "toy.yaml: training.learning_rate must be a number, got \"fast\"");
        assertRefused(training("steps: 1, compile: 1"), "toy.yaml: training.compile must be true or false, got 1");
        assertRefused(training("steps: 1, betas: 0.9"), "toy.yaml: training.betas must be a list, got 0.9");
        assertRefused(training("steps: [1]"), "toy.yaml: training.steps must be a whole number, got a list");
        assertRefused(SMALLEST + "training: fast", "toy.yaml: training must be a mapping, got \"fast\"");
        assertRefused(SMALLEST + "name: {a: 1}", "toy.yaml: name must be a text, got a mapping");
        assertRefused(SMALLEST + "weights: [1]", "toy.yaml: weights must be a mapping, got a list");
        assertRefused("[1, 2]", "toy.yaml: a recipe must be a mapping, got a list");
        assertRefused("42", "toy.yaml: a recipe must be a mapping, got 42");
    }

    @Test
    void shortens_the_value_that_it_quotes() {
        assertRefused(
                training("steps: " + "x".repeat(1000)),
                "toy.yaml: training.steps must be a whole number, got \"" + "x".repeat(59) + "…\"");
    }

    @Test
    void lists_the_values_of_an_enum() {
        assertRefused(
                training("steps: 1, curve: square"),
                "toy.yaml: training.curve must be one of linear, cosine, off, got \"square\"");
    }

    @Test
    void lists_the_known_kinds() {
        assertRefused(
                "prior: {kind: absorbin, layers: 4}",
                "toy.yaml: unknown kind absorbin of prior; did you mean absorbing? (known: absorbing, maskgit)");
        assertRefused("prior: {layers: 4}", "toy.yaml: missing required key prior.kind (known: absorbing, maskgit)");
        assertRefused("prior: absorbing", "toy.yaml: prior must be a mapping with a kind, got \"absorbing\"");
        assertThatThrownBy(
                        () -> RecipeFile.parse(SMALLEST, "toy.yaml", ToyRecipe.class, List.of(), Kinds.of(List.of())))
                .isInstanceOf(RecipeException.class)
                .hasMessage("toy.yaml: unknown kind absorbing of prior (none is known)");
    }

    @Test
    void puts_the_path_before_what_the_record_says() {
        assertRefused(training("steps: 0, seed: 1"), "toy.yaml: training: steps must be at least 1, got 0");
    }

    @Test
    void keeps_what_the_record_threw_as_the_cause() {
        assertThatThrownBy(() -> parse(training("steps: 0, seed: 1")))
                .hasCauseInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void names_a_record_that_fails_otherwise() {
        record Broken(Integer size) {
            Broken {
                if (size == 0) {
                    throw new IllegalStateException("never");
                }
            }
        }

        assertThatThrownBy(() -> RecipeFile.parse("size: 0", "toy.yaml", Broken.class, List.of()))
                .isInstanceOf(RecipeException.class)
                .hasMessage("toy.yaml: Broken failed: java.lang.IllegalStateException: never");
    }

    @Test
    void refuses_a_type_that_a_recipe_cannot_hold() {
        record Odd(Thread thread) {}

        assertThatThrownBy(() -> RecipeFile.parse("thread: 1", "toy.yaml", Odd.class, List.of()))
                .isInstanceOf(RecipeException.class)
                .hasMessage("toy.yaml: thread has the type java.lang.Thread, which a recipe cannot hold");
    }

    @Test
    void says_where_the_syntax_is_wrong() {
        assertRefused(
                "a: 1\nb: [1, 2\nc: 3\n", "toy.yaml, line 3, column 2: not valid YAML: expected ',' or ']', but got :");
        assertRefused("a: b: c", "toy.yaml, line 1, column 5: not valid YAML: mapping values are not allowed here");
        assertThatThrownBy(() -> parse("a: \u0001"))
                .isInstanceOf(RecipeException.class)
                .hasMessageStartingWith("toy.yaml")
                .hasMessageContaining("not valid YAML")
                .hasMessageNotContainingAny("\n");
    }

    @Test
    void explains_syntax_in_plain_words() {
        assertRefused(
                "a: @b", "toy.yaml, line 1, column 4: not valid YAML: found character '@' that cannot start any token");
        assertRefused("a: {[1]: 2}", "toy.yaml, line 1, column 6: not valid YAML: a key must be a text");
    }

    @Test
    void says_everything_in_one_line() {
        assertRefused(
                TOY + "\"a\\nb\": 1",
                "toy.yaml: unknown key a b (known: name, data, training, prior, others, weights, sizes)");
        assertRefused(
                TOY,
                "toy.yaml: training.steps must be a whole number, got \"a b\" (from the override "
                        + "training.steps='a b')",
                "training.steps='a\n b'");
    }

    @Test
    void refuses_a_key_that_is_given_twice() {
        assertRefused("a: 1\nb:\n  c: 1\n  c: 2\n", "toy.yaml, line 4, column 3: key c is given twice");
    }

    @Test
    void refuses_aliases() {
        assertRefused(
                "a: &base [1]\nb: *base\n",
                "toy.yaml, line 2, column 4: the alias *base is not read in a recipe; write out what it stands for");
    }

    @Test
    void refuses_a_second_document() {
        assertRefused(
                SMALLEST + "---\na: 1\n",
                "toy.yaml, line 3, column 1: a second document begins here; a recipe is one document");
    }

    @Test
    void refuses_deep_nesting() {
        assertRefused("a: " + "[".repeat(100_000), "toy.yaml, line 1, column 53: nested more than 50 levels deep");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "  \n", "# only a comment\n", "---\n", "~"})
    void refuses_an_empty_recipe(String yaml) {
        assertRefused(yaml, "toy.yaml is empty; a recipe is a mapping of keys to values");
    }

    @Test
    void overrides_keys() {
        ToyRecipe recipe = parse(
                TOY,
                "training.steps=100",
                "training.learning_rate=1",
                "training.betas=[0.1, 0.2]",
                "training.betas[1]=0.3",
                "training.betas.0=0.4",
                "others[0].layers=9",
                "weights.c=3",
                "name=a=b",
                "training.compile=true");

        assertThat(recipe.training())
                .isEqualTo(new Training(100, 9007199254740993L, 8, 1.0, 1f, true, Curve.COSINE, List.of(0.4, 0.3)));
        assertThat(recipe.others().get(0)).isEqualTo(new MaskGit(9, Curve.OFF));
        assertThat(recipe.weights()).containsEntry("c", 3.0).hasSize(3);
        assertThat(recipe.name()).isEqualTo("a=b");
    }

    @Test
    void overrides_keys_of_what_was_left_out() {
        assertThat(parse("name: x", "prior.kind=maskgit", "prior.layers=2").prior())
                .isEqualTo(new MaskGit(2, null));
        assertThat(parse(TOY, "prior={kind: maskgit}", "prior.layers=2").prior())
                .isEqualTo(new MaskGit(2, null));
    }

    @Test
    void goes_back_to_the_default_when_an_override_is_empty() {
        assertThat(parse(TOY, "training.batch_size=").training().batchSize()).isEqualTo(32);
        assertThat(parse(TOY, "name=''").name()).isEmpty();
    }

    @Test
    void refuses_overrides_like_the_keys_of_a_file_and_names_them() {
        assertRefused(
                TOY,
                "toy.yaml: training.steps must be a whole number, got \"many\" (from the override training.steps=many)",
                "training.steps=many");
        assertRefused(
                TOY,
                "toy.yaml: training.betas[1] must be a number, got \"x\" (from the override training.betas[1]=x)",
                "training.betas[1]=x");
        assertRefused(
                TOY,
                "toy.yaml: unknown key trainning; did you mean training? (known: name, data, training, prior, "
                        + "others, weights, sizes) (from the override trainning.steps=3)",
                "trainning.steps=3");
        assertRefused(
                TOY,
                "toy.yaml: unknown key prior.layer; did you mean layers? (known: kind, layers, dropout) "
                        + "(from the override prior.layer=3)",
                "prior.layer=3");
    }

    @Test
    void refuses_overrides_that_are_none() {
        assertRefused(
                TOY,
                "toy.yaml: override \"training.steps\" has no value; write key=value, for example training.steps=100",
                "training.steps");
        assertRefused(
                TOY,
                "toy.yaml: override \"training..steps=3\" has an empty key; write key=value, for example "
                        + "training.steps=100",
                "training..steps=3");
        assertRefused(
                TOY,
                "toy.yaml: override \"training.steps.x=3\" reaches into training.steps, which is 500",
                "training.steps.x=3");
        assertRefused(
                TOY,
                "toy.yaml: override \"training.betas[2]=3\" must name one of the 2 items of training.betas, counted "
                        + "from 0, got 2",
                "training.betas[2]=3");
        assertRefused(
                TOY,
                "toy.yaml: override \"training.betas=[1\", line 1, column 3: not valid YAML: expected ',' or ']', "
                        + "but got <stream end>",
                "training.betas=[1");
    }

    @Test
    void reads_a_file_and_names_it_in_messages() throws IOException {
        Path file = Files.writeString(folder.resolve("one.yaml"), "\uFEFFsize: x\n");
        record Sized(int size) {}

        assertThat(RecipeFile.read(file, Sized.class, List.of("size=3"))).isEqualTo(new Sized(3));
        assertThatThrownBy(() -> RecipeFile.read(file, Sized.class, List.of()))
                .isInstanceOf(RecipeException.class)
                .hasMessage(file + ": size must be a whole number, got \"x\"");
    }

    @Test
    void refuses_files_that_are_none() throws IOException {
        Path large = Files.write(folder.resolve("large.yaml"), new byte[1_000_001]);
        Path latin = Files.write(folder.resolve("latin.yaml"), "name: é".getBytes(StandardCharsets.ISO_8859_1));
        Path missing = folder.resolve("missing.yaml");

        assertFileRefused(large, large + " is too large: at most 1000000 bytes are read");
        assertFileRefused(latin, latin + " is not UTF-8 text");
        assertFileRefused(missing, missing + " does not exist");
        assertFileRefused(folder, folder + " is a folder, not a file");
    }

    @Test
    void refuses_a_text_that_is_too_large() {
        assertRefused(
                "#".repeat(1_000_001),
                "toy.yaml is too large for a recipe: at most 1000000 characters are read, got 1000001");
    }

    @Test
    void writes_what_reads_back_equal() {
        ToyRecipe recipe = parse(TOY);

        assertThat(parse(RecipeFile.text(recipe, kinds()))).isEqualTo(recipe);
        assertThat(parse(RecipeFile.text(parse(SMALLEST), kinds()))).isEqualTo(parse(SMALLEST));
    }

    @Test
    void writes_all_defaults_and_the_kind_first() {
        assertThat(RecipeFile.text(parse(SMALLEST), kinds())).isEqualTo("""
                name: toy
                data: null
                training:
                  steps: 100
                  seed: 7
                  batch_size: 32
                  learning_rate: 3.0E-4
                  clip: null
                  compile: true
                  curve: linear
                  betas:
                    - 0.9
                    - 0.999
                prior:
                  kind: absorbing
                  layers: 4
                  dropout: 0.1
                others: []
                weights: {}
                sizes: {}
                """);
    }

    @Test
    void writes_numbers_that_read_back_equal() {
        record Numbers(long whole, List<Double> reals, List<Float> floats) {}
        SplittableRandom random = new SplittableRandom(11);
        List<Double> reals = new ArrayList<>(List.of(
                Double.POSITIVE_INFINITY,
                Double.NEGATIVE_INFINITY,
                Double.NaN,
                Double.MIN_VALUE,
                Double.MAX_VALUE,
                -0.0));
        List<Float> floats = new ArrayList<>(List.of(Float.MAX_VALUE, Float.MIN_VALUE, 0.1f));
        for (int i = 0; i < 1000; i++) {
            reals.add(random.nextDouble() * Math.pow(10, random.nextInt(-30, 30)));
            floats.add((float) (random.nextDouble() * Math.pow(10, random.nextInt(-30, 30))));
        }
        Numbers numbers = new Numbers(Long.MIN_VALUE, reals, floats);

        String yaml = RecipeFile.text(numbers, kinds());

        assertThat(RecipeFile.parse(yaml, "numbers", Numbers.class, List.of())).isEqualTo(numbers);
    }

    @Test
    void writes_texts_that_read_back_equal() {
        record Texts(List<String> texts, Map<String, String> named) {}
        String letters = "aA0 .:-#*&!|>%@'\"`{}[],?=~\\/\n\tßé\u00a0\u2028😀_+e";
        int[] points = letters.codePoints().toArray();
        SplittableRandom random = new SplittableRandom(12);
        List<String> texts = new ArrayList<>(List.of(
                "",
                " ",
                "~",
                "null",
                "NULL",
                "Null",
                "true",
                "no",
                "1e3",
                "007",
                ".inf",
                "- a",
                "a: b",
                "a #b",
                "---",
                "\n",
                " a",
                "a ",
                "a\n",
                "a\n\n",
                "\na",
                "<<",
                "=",
                "0x1F",
                "1_000",
                "16:9",
                "2001-01-01",
                "key:"));
        for (int i = 0; i < 2000; i++) {
            StringBuilder text = new StringBuilder();
            for (int j = random.nextInt(8); j >= 0; j--) {
                text.appendCodePoint(points[random.nextInt(points.length)]);
            }
            texts.add(text.toString());
        }
        Map<String, String> named = new LinkedHashMap<>();
        texts.stream().limit(500).forEach(text -> named.put(text, text));
        Texts all = new Texts(texts, named);

        String yaml = RecipeFile.text(all, kinds());

        assertThat(RecipeFile.parse(yaml, "texts", Texts.class, List.of())).isEqualTo(all);
    }

    @Test
    void replaces_a_file_and_leaves_nothing_beside_it() throws IOException {
        record Sized(int size) {}
        Path file = Files.writeString(folder.resolve("recipe.yaml"), "old");

        RecipeFile.write(file, new Sized(3));

        assertThat(RecipeFile.read(file, Sized.class, List.of())).isEqualTo(new Sized(3));
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files).containsExactly(file);
        }
    }

    @Test
    void refuses_to_write_into_a_folder_that_does_not_exist() {
        record Sized(int size) {}
        Path file = folder.resolve("none").resolve("recipe.yaml");

        assertThatThrownBy(() -> RecipeFile.write(file, new Sized(3)))
                .isInstanceOf(RecipeException.class)
                .hasMessage("cannot write " + file + ": its folder does not exist");
    }

    @Test
    void writes_nothing_when_a_configuration_has_no_kind() {
        record Odd() implements Prior {}
        ToyRecipe recipe = new ToyRecipe(null, null, null, new Odd(), null, null, null);
        Path file = folder.resolve("recipe.yaml");

        assertThatThrownBy(() -> RecipeFile.write(file, recipe))
                .isInstanceOf(RecipeException.class)
                .hasMessage("no provider brings a kind of Prior that stands for " + Odd.class.getName());
        assertThat(file).doesNotExist();
    }

    @Test
    void writes_records_only() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> RecipeFile.write(folder.resolve("recipe.yaml"), "text"))
                .withMessage("a recipe must be a record, got text");
    }

    private void assertFileRefused(Path file, String message) {
        assertThatThrownBy(() -> RecipeFile.read(file, ToyRecipe.class, List.of()))
                .isInstanceOf(RecipeException.class)
                .hasMessage(message);
    }

    private static void assertRefused(String yaml, String message, String... overrides) {
        assertThatThrownBy(() -> parse(yaml, overrides))
                .isInstanceOf(RecipeException.class)
                .hasMessage(message);
    }

    private static String training(String keys) {
        return "training: {" + (keys.contains("seed") ? keys : keys + ", seed: 1") + "}\n" + SMALLEST;
    }

    private static ToyRecipe parse(String yaml, String... overrides) {
        return RecipeFile.parse(yaml, "toy.yaml", ToyRecipe.class, List.of(overrides), kinds());
    }

    private static Kinds kinds() {
        return Kinds.of(ToyRecipe.PROVIDERS);
    }
}
