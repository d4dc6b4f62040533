package dev.smalti.bench;

import dev.smalti.draw.Sampling;
import dev.smalti.testing.JointExperiment;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What students of one to four steps draw of the joint that their teachers learnt: total variation of 20,000 grids of 2×2 tokens, where
 * perfect draws are 0.06 away. Some ten minutes of a core a student.
 */
final class StudentAblation {
    private StudentAblation() {}

    /** @param rows such as {@code maskgit 2}, a student of MaskGIT of two steps; empty for those of both methods in 1, 2 and 4 */
    static Map<String, Object> table(Path toy, List<String> rows) throws IOException {
        Map<String, Object> table = new LinkedHashMap<>();
        Map<String, Path> teachers = new LinkedHashMap<>();
        for (String row : rows.isEmpty() ? all() : rows) {
            String[] parts = row.split(" ");
            if (parts.length != 2) {
                throw new IllegalArgumentException(
                        "a row is a method and the steps of a student, such as \"maskgit 2\", got " + row);
            }
            String kind = parts[0];
            int most = Integer.parseInt(parts[1]);
            if (!teachers.containsKey(kind)) {
                JointExperiment experiment = experiment();
                Path teacher = experiment.train(toy.resolve(kind + ".yaml"));
                teachers.put(kind, teacher);
                table.put(kind + ", the teacher", distances(experiment, teacher, 4));
            }
            JointExperiment experiment = experiment();
            Path student =
                    experiment.distil(toy.resolve(kind + "-student.yaml"), teachers.get(kind), overrides(kind, most));
            table.put(row, distances(experiment, student, most));
        }
        return table;
    }

    private static JointExperiment experiment() throws IOException {
        return new JointExperiment(Files.createTempDirectory("students"));
    }

    private static List<String> all() {
        List<String> all = new ArrayList<>();
        for (String kind : List.of("absorbing", "maskgit")) {
            for (int steps : new int[] {1, 2, 4}) {
                all.add(kind + " " + steps);
            }
        }
        return all;
    }

    /** Of several steps a random code at the start would be taken for one that was drawn. */
    private static String[] overrides(String kind, int steps) {
        String usual = kind.equals("maskgit") ? "prior.sampling.steps=" : "prior.steps=";
        return steps == 1
                ? new String[0]
                : new String[] {usual + steps, "distillation.steps=" + steps, "prior.mask_share=1"};
    }

    private static Map<String, Double> distances(JointExperiment experiment, Path run, int most) {
        Map<String, Double> distances = new LinkedHashMap<>();
        for (int steps : new int[] {1, 2, 4}) {
            if (steps <= most) {
                distances.put(
                        steps + (steps == 1 ? " step" : " steps"),
                        experiment.distance(run, Sampling.USUAL.steps(steps)));
            }
        }
        return distances;
    }
}
