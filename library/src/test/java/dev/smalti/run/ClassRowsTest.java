package dev.smalti.run;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.util.List;
import org.junit.jupiter.api.Test;

class ClassRowsTest {
    @Test
    void classes_are_the_same_by_name_whatever_their_number() {
        ClassRows rows = ClassRows.of(2, List.of("cat", "dog"), 3, List.of("dog", "hen", "cat"));
        assertThat(rows.origins()).containsExactly(1, -1, 0);
        assertThat(rows.text()).contains("2 keep what it learnt of them, and 1 begin at their mean: hen");
        assertThat(table(rows, 1, 2, 3, 4, 50, 60)).containsExactly(3, 4, 2, 3, 1, 2, 50, 60);
    }

    @Test
    void names_of_composed_and_decomposed_letters_are_the_same() {
        assertThat(ClassRows.of(1, List.of("\u00e9"), 1, List.of("e\u0301")).same())
                .isTrue();
    }

    @Test
    void without_names_they_are_the_same_by_number_where_there_are_as_many() {
        assertThat(ClassRows.of(2, List.of(), 2, List.of("dog", "hen")).same()).isTrue();
        assertThat(ClassRows.of(2, List.of("cat", "dog"), 2, List.of()).same()).isTrue();
        assertThat(ClassRows.of(2, List.of(), 3, List.of("dog", "hen", "cat")).origins())
                .containsOnly(-1);
    }

    @Test
    void from_none_every_class_begins_as_no_class() {
        ClassRows rows = ClassRows.of(0, List.of(), 2, List.of("cat", "dog"));
        assertThat(table(rows, 7, 8)).containsExactly(7, 8, 7, 8, 7, 8);
        assertThat(table(ClassRows.of(2, List.of("cat", "dog"), 0, List.of()), 1, 2, 3, 4, 50, 60))
                .containsExactly(50, 60);
    }

    /** Rows of two numbers, of each class and of none. */
    private static double[] table(ClassRows rows, float... values) {
        return Scope.value(
                () -> Tensors.toDoubles(rows.of(Tensors.floats(values).view(-1, 2))));
    }
}
