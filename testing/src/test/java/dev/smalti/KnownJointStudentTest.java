package dev.smalti;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.draw.Sampling;
import dev.smalti.testing.JointExperiment;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A student of absorbing diffusion draws in one pass what its teacher draws in many, and not what that draws in one. */
@Tag("learning")
class KnownJointStudentTest {
    @TempDir
    Path folder;

    @Test
    void a_student_draws_a_known_joint_in_one_step() {
        JointExperiment experiment = new JointExperiment(folder);
        Path teacher = experiment.train(Toy.recipe("absorbing"));
        Path student = experiment.distil(Toy.recipe("absorbing-student"), teacher);
        double independent = experiment.distance(teacher, "prior.steps=1");
        double one = experiment.distance(student);
        System.out.printf(Locale.ROOT, "total variation in one step: teacher %.3f, student %.3f%n", independent, one);
        assertThat(independent)
                .as("the teacher's, which draws cells independently")
                .isGreaterThan(0.6);
        assertThat(one)
                .as("the student's, nearer than the teacher in two steps")
                .isLessThan(experiment.distance(teacher, Sampling.USUAL.steps(2)));
    }
}
