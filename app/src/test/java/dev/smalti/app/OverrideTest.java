package dev.smalti.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code --set} changes of a trained model, for one call. */
class OverrideTest {
    @TempDir
    private static Path folder;

    private static Path tokens;
    private static Path model;

    @TempDir
    private Path fresh;

    @BeforeAll
    static void trains_a_prior_of_4_by_4_tokens() {
        TinyWorld world = new TinyWorld(folder);
        tokens = world.tokens(world.tokenizer());
        model = world.prior("prior", tokens);
    }

    @Test
    void draws_by_the_changed_recipe_and_leaves_the_model_as_it_was() throws IOException {
        byte[] recipe = Files.readAllBytes(model.resolve("recipe.yaml"));
        byte[] usual = draw("usual");
        assertThat(draw("longer", "--set", "prior.steps=200")).as("200 steps").isNotEqualTo(usual);
        assertThat(draw("same", "--set", "prior.steps=16", "--set", "prior.label_dropping=0.3"))
                .as("the 16 steps it has, and a key of training")
                .isEqualTo(usual);
        refused(generate("many", "--steps", 200), "at most the 16");
        assertThat(generate("few", "--set", "prior.steps=200", "--steps", 150).code())
                .isZero();
        assertThat(Files.readAllBytes(model.resolve("recipe.yaml"))).isEqualTo(recipe);
    }

    @Test
    void says_in_its_report_what_was_changed() {
        Command drawn = generate("said", "--set", "prior.steps=200", "--json");
        assertThat(drawn.json().get("set")).hasSize(1);
        assertThat(drawn.json().get("set").get(0).asText()).isEqualTo("prior.steps=200");
    }

    @Test
    void measures_the_likelihood_by_the_changed_recipe() {
        double own = bits();
        assertThat(bits("--set", "prior.label_dropping=0.3")).isEqualTo(own);
        refused(likelihood("--set", "prior.steps=0"), "steps must be at least 1, got 0");
    }

    @Test
    void refuses_a_key_that_the_recipe_does_not_have_or_a_value_that_it_cannot() throws IOException {
        for (Command command :
                new Command[] {generate("o", "--set", "prior.stepz=9"), likelihood("--set", "prior.stepz=9")}) {
            refused(command, "prior.stepz", "steps");
        }
        refused(generate("o", "--set", "prior.steps=many"), "prior.steps", "many");
        refused(generate("o", "--set", "prior.steps"), "prior.steps", "no value");
        nothingIsLeft();
    }

    @Test
    void refuses_a_recipe_that_the_weights_do_not_fit() throws IOException {
        refused(
                generate("o", "--set", "prior.network.width=32"),
                "averaged.safetensors",
                "do not fit the network",
                "must have shape");
        refused(likelihood("--set", "prior.conditional=false"), "do not fit the network", "unknown cls_emb.weight");
        nothingIsLeft();
    }

    private void nothingIsLeft() throws IOException {
        try (Stream<Path> left = Files.list(fresh)) {
            assertThat(left).isEmpty();
        }
    }

    private byte[] draw(String name, Object... more) throws IOException {
        Command drawn = generate(name, more);
        assertThat(drawn.code()).as(drawn.err()).isZero();
        return Files.readAllBytes(fresh.resolve(name));
    }

    private Command generate(String name, Object... more) {
        return run(
                new Object[] {
                    "generate", model, "--out", fresh.resolve(name), "--format", "tokens", "--count", 20, "--seed", 3
                },
                more);
    }

    private static double bits(Object... more) {
        Command measured = run(new Object[] {"likelihood", model, "--tokens", tokens, "--json"}, more);
        assertThat(measured.code()).as(measured.err()).isZero();
        return measured.json().get("bits_per_token").get("mean").asDouble();
    }

    private static Command likelihood(Object... more) {
        return run(new Object[] {"likelihood", model, "--tokens", tokens}, more);
    }

    private static Command run(Object[] first, Object[] more) {
        return Command.run(Stream.concat(Stream.of(first), Stream.of(more)).toArray());
    }

    /** Exit code 2, nothing on standard output, and one line on standard error that says all these. */
    private static void refused(Command command, String... words) {
        assertThat(command.code()).as(command.err()).isEqualTo(2);
        assertThat(command.out()).isEmpty();
        assertThat(command.err().strip()).hasLineCount(1).startsWith("smalti: ").contains(words);
    }
}
