package dev.smalti.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.draw.GuidanceSchedule;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.Temperatures;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ComparePlanTest {
    private static final String PLAN = """
            tokens: all.safetensors
            held_out: valid.safetensors
            tokenizer: vqgan
            real: valid.zip
            set: [training.steps=100]
            priors:
              - {name: one, recipe: one.yaml}
              - name: other
                recipe: other.yaml
                tokens: other.safetensors
                set: [training.batch=8]
                sweeps: [{temperature: [1, 0.5]}]
              - {name: mine, run: runs/mine}
            sweeps:
              - {steps: [4, 16]}
              - {steps: [16], guidance: [0, 2], guidance_schedule: [constant, cosine]}
              - {top_k: [3], top_p: [0.9], typical: [0.8], last_temperature: [0.5]}
            """;

    @Test
    void sweeps_are_products_and_every_setting_counts_once() {
        ComparePlan plan = plan(PLAN);
        List<Sampling> settings = plan.settings(plan.priors().get(0));
        Sampling sixteen = Sampling.USUAL.steps(16);
        assertThat(settings)
                .hasSize(6)
                .startsWith(Sampling.USUAL.steps(4), sixteen)
                .contains(sixteen.guidance(2));
        assertThat(settings.get(4).guidance().schedule()).isEqualTo(GuidanceSchedule.COSINE);
        Sampling last = settings.get(5);
        assertThat(last.filters().topK()).isEqualTo(3);
        assertThat(last.filters().topP()).isEqualTo(0.9);
        assertThat(last.filters().typical()).isEqualTo(0.8);
        assertThat(last.temperatures().last()).isEqualTo(0.5);
    }

    @Test
    void a_sweep_may_list_temperatures_of_all_steps() {
        ComparePlan plan = plan("real: a\npriors: [{name: mine, run: runs/mine}]\n"
                + "sweeps: [{temperatures: [[1, 0.9, 0.7], [0.8]], steps: [4]}]\n");
        assertThat(plan.settings(plan.priors().get(0)))
                .containsExactly(
                        Sampling.USUAL.steps(4).temperatures(new Temperatures(List.of(1.0, 0.9, 0.7))),
                        Sampling.USUAL.steps(4).temperature(0.8));
    }

    @Test
    void settings_are_counted_before_they_are_made() {
        String forty = IntStream.rangeClosed(1, 40).mapToObj(Integer::toString).collect(Collectors.joining(", "));
        String lists = Stream.of("steps", "guidance", "temperature", "last_temperature", "top_k")
                .map(key -> key + ": [" + forty + "]")
                .collect(Collectors.joining(", "));
        String head = "real: r\npriors: [{name: a, run: a}]\nsweeps:\n";
        assertThatThrownBy(() -> plan(head + "  - {" + lists + "}"))
                .hasMessageContaining("at most 1,000 settings, and its lists multiply to 102,400,000");
        String each = "  - {steps: [" + forty + "], guidance: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}\n";
        assertThat(plan(head + each.repeat(2)).sweeps()).hasSize(2);
        assertThatThrownBy(() -> plan(head + each.repeat(3)))
                .hasMessageContaining("at most 1,000 settings of a prior, got 1,200");
        assertThatThrownBy(() ->
                        plan("real: r\npriors:\n  - name: a\n    run: a\n    sweeps:\n" + ("    " + each).repeat(3)))
                .hasMessageContaining("priors[0]", "got 1,200");
    }

    @Test
    void a_prior_may_have_sweeps_and_tokens_of_its_own() {
        ComparePlan plan = plan(PLAN);
        ComparePlan.Entry one = plan.priors().get(0);
        ComparePlan.Entry other = plan.priors().get(1);
        assertThat(plan.settings(other).stream().map(each -> each.temperatures().first()))
                .containsExactly(1.0, 0.5);
        assertThat(plan.tokens(one)).isEqualTo(Path.of("all.safetensors"));
        assertThat(plan.tokens(other)).isEqualTo(Path.of("other.safetensors"));
        assertThat(plan.tokenizer(one)).isEqualTo(Path.of("vqgan"));
        assertThat(plan.tokenizer(other)).as("of other tokens").isNull();
        assertThat(plan.heldOut(other)).as("of other tokens").isNull();
        assertThat(plan.overrides(other)).containsExactly("training.steps=100", "training.batch=8");
    }

    @Test
    void without_sweeps_each_prior_draws_as_trained() {
        ComparePlan plan = plan("real: a\npriors: [{name: mine, run: runs/mine}]\n");
        assertThat(plan.settings(plan.priors().get(0))).containsExactly(Sampling.USUAL);
        assertThat(plan.draws()).isEqualTo(1000);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            priors=[]                                       | priors must have at least one
            priors=[{name: a, run: b}, {name: A, run: c}]   | two are called A
            priors=[{name: a}]                              | either a recipe
            priors=[{name: a, run: b, recipe: c}]           | either a recipe
            priors=[{name: a, run: b, set: [x=1]}]          | leave tokens, tokenizer and set out
            priors=[{name: a/b, run: b}]                    | name must be letters
            priors=[{run: b}]                               | missing required key priors[0].name
            tokens=                                         | tokens are missing, on which one is to be trained
            tokenizers=[{name: a, run: b}]                  | priors or of tokenizers
            lpips=[a.pth, b.pth]                            | for tokenizers
            neighbours=-1                                   | neighbours must be at least 1, or 0
            draws=1                                         | draws must be at least 2
            size=12                                         | size must be a power of two
            resamples=1                                     | resamples must be 0 for no interval
            drows=10                                        | did you mean draws?
            sweeps=[{steps: [0]}]                           | steps must be at least 1, got [0]
            sweeps=[{steps: []}]                            | at least one, got []
            sweeps=[{temperature: [0]}]                     | temperature must be above 0
            sweeps=[{temperatures: [[1, 0, 1]]}]            | temperatures must be above 0, got 0.0
            sweeps=[{temperatures: [[]]}]                   | temperatures must be at least one
            sweeps=[{temperatures: [[1]], temperature: [1]}] | give a sweep of their own
            sweeps=[{guidance: [-1]}]                       | guidance must be at least 0
            sweeps=[{top_p: [2]}]                           | top-p must be in (0, 1]
            sweeps=[{step: [4]}]                            | did you mean steps?
            real=                                           | missing required key real
            """)
    void refuses_what_makes_no_plan(String change, String message) {
        assertThatThrownBy(() -> RecipeFile.parse(PLAN, "plan.yaml", ComparePlan.class, List.of(change)))
                .isInstanceOf(RecipeException.class)
                .hasMessageContaining("plan.yaml")
                .hasMessageContaining(message);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            train=                                          | train is missing
            tokenizers=[]                                   | or tokenizers
            tokenizers=[{name: a, run: b}, {name: A, run: c}] | two are called A
            tokenizers=[{name: a, run: b, recipe: c}]       | either a recipe
            tokenizers=[{name: a, run: b, set: [x=1]}]      | leave set out
            tokenizers=[{name: a/b, run: b}]                | name must be letters
            size=64                                         | size is of draws
            lpips=[a.pth]                                   | two files
            tokens=a.safetensors                            | tokens is of priors
            held_out=a.safetensors                          | held_out is of priors
            tokenizer=runs/a                                | tokenizer is of priors
            sweeps=[{steps: [4]}]                           | sweeps is of priors
            """)
    void refuses_what_makes_no_plan_of_tokenizers(String change, String message) {
        String text =
                "real: valid\ntrain: train\ntokenizers: [{name: one, recipe: one.yaml, set: [x=1]}]\nset: [y=2]\n";
        assertThatThrownBy(() -> RecipeFile.parse(text, "plan.yaml", ComparePlan.class, List.of(change)))
                .isInstanceOf(RecipeException.class)
                .hasMessageContaining(message);
        ComparePlan plan = plan(text);
        assertThat(plan.overrides(plan.tokenizers().get(0))).containsExactly("y=2", "x=1");
    }

    private static ComparePlan plan(String text) {
        return RecipeFile.parse(text, "plan.yaml", ComparePlan.class, List.of());
    }
}
