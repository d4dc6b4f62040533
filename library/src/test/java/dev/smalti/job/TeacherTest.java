package dev.smalti.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.run.JobException;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Teachers that are none for a student are refused before anything is written. */
class TeacherTest {
    private static final String DISTILLATION = "distillation={}";

    @TempDir
    Path folder;

    private Path teacher;

    @BeforeEach
    void train_a_teacher() throws IOException {
        Files.writeString(folder.resolve("absorbing.yaml"), """
            prior:
              kind: absorbing
              network: {layers: 1, width: 8, heads: 2}
            training:
              {steps: 1, batch: 4, learning_rate: 1.0e-3, precision: fp32, device: cpu, validate_every: 0}
            """);
        write("tokens", 7, 3);
        teacher = folder.resolve("teacher");
        train("tokens", teacher, null);
    }

    private void write(String name, int codes, int classes) {
        Scope.free(() -> {
            long[] grids = LongStream.range(0, 8 * 6).map(i -> i % codes).toArray();
            TokenFile.Builder file = TokenFile.of(Tensors.longs(grids).view(8, 2, 3), codes);
            if (classes > 0) {
                file.labels(Tensors.longs(
                        LongStream.range(0, 8).map(i -> i % classes).toArray()));
            }
            try (TokenFile tokens = file.build()) {
                tokens.write(folder.resolve(name + ".safetensors"));
            }
        });
    }

    private void train(String tokens, Path out, Path teacher, String... overrides) {
        new TrainPrior(
                        folder.resolve("absorbing.yaml"),
                        List.of(overrides),
                        TrainPrior.Data.tokens(folder.resolve(tokens + ".safetensors"), null),
                        out,
                        false,
                        teacher == null ? null : teacher.toString())
                .run(List.of(), () -> false);
    }

    private void refused(String message, String tokens, Path teacher, String... overrides) {
        Path out = folder.resolve("student");
        assertThatThrownBy(() -> train(tokens, out, teacher, overrides))
                .isInstanceOf(JobException.class)
                .hasMessageContaining(message);
        assertThat(out.resolve("model.json")).doesNotExist();
    }

    private void refusedWith(String message, String... overrides) {
        List<String> all = new ArrayList<>(List.of(overrides));
        all.add(DISTILLATION);
        refused(message, "tokens", teacher, all.toArray(String[]::new));
    }

    @Test
    void recipe_and_command_both_speak_of_a_teacher() {
        refused("give the recipe a section distillation", "tokens", teacher);
        refused("distilling needs a teacher: give --teacher", "tokens", null, DISTILLATION);
    }

    @Test
    void a_teacher_is_a_prior_of_the_same_kind() {
        refused("none is not a run folder", "tokens", folder.resolve("none"), DISTILLATION);
        refusedWith(
                "set prior.kind to absorbing, that of " + teacher + ", got maskgit",
                "prior={kind: maskgit, network: {layers: 1, width: 8, heads: 2}}");
    }

    @Test
    void kinds_without_masks_are_not_distilled() {
        Path sedd = folder.resolve("sedd");
        String other = "prior={kind: sedd, network: {kind: dit, layers: 1, width: 8, heads: 2}}";
        train("tokens", sedd, null, other);
        refused("absorbing and maskgit are, got sedd", "tokens", sedd, other, DISTILLATION);
    }

    @Test
    void a_teacher_has_the_same_tokens_and_classes() {
        write("more", 9, 3);
        refused("has grids of 2x3 of 7 codes", "more", teacher, DISTILLATION);
        write("plain", 7, 0);
        refused("has 3, and the student would have 0", "plain", teacher, DISTILLATION);
    }

    @Test
    void a_teacher_has_the_same_network() {
        refusedWith("a student has the network of its teacher", "prior.network.width=16", "prior.masks=2");
    }

    @Test
    void a_student_of_one_step_sees_something_random() {
        refusedWith("with prior.masks 1 and prior.mask_share 1: set prior.masks");
        Path out = folder.resolve("shared");
        train("tokens", out, teacher, "prior.mask_share=0.5", DISTILLATION);
        assertThat(out.resolve("checkpoint-1")).isDirectory();
    }

    @Test
    void a_student_draws_in_as_many_steps_as_it_learns() {
        refused(
                "distillation.steps must be at most prior.steps, the most that the student draws in, which are 2, got 3",
                "tokens",
                teacher,
                "prior.steps=2",
                "distillation={steps: 3}");
    }

    @Test
    void a_network_that_is_told_the_time_counts_it_as_the_teacher() {
        Path dit = folder.resolve("dit");
        String network = "prior.network={kind: dit, layers: 1, width: 8, heads: 2}";
        train("tokens", dit, null, network);
        refused(
                "set prior.steps to the 6 of " + dit + ", got 1, and draw with --steps 1",
                "tokens",
                dit,
                network,
                "prior.steps=1",
                "prior.masks=2",
                DISTILLATION);
        Path student = folder.resolve("student");
        train("tokens", student, dit, network, "prior.masks=2", DISTILLATION);
        assertThat(student.resolve("checkpoint-1")).isDirectory();
        train("tokens", folder.resolve("untold"), teacher, "prior.steps=1", "prior.masks=2", DISTILLATION);
    }

    @Test
    void guidance_needs_classes() {
        write("plain", 7, 0);
        Path plain = folder.resolve("plain");
        train("plain", plain, null);
        refused("distillation.guidance needs a teacher with classes", "plain", plain, "distillation={guidance: 1}");
    }

    @Test
    void there_is_no_best_checkpoint_of_a_student() {
        refusedWith("says nothing of a student", "training.keep_best=true");
    }
}
