package dev.smalti.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.token.TokenSpace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RunFolderTest {
    private static final RunFolder.Description TEN =
            RunFolder.Description.prior(new TokenSpace(16, 4, 4), 10, List.of(), null);

    @TempDir
    private Path folder;

    @Test
    void remembers_the_classes_that_training_had_grids_of() throws IOException {
        Path some = folder.resolve("some");
        RunFolder.prepare(some, TEN.occurring(new int[] {3, 7, 9}), false);
        assertThat(RunFolder.open(some).description().occurring()).containsExactly(3, 7, 9);

        Path all = folder.resolve("all");
        RunFolder.prepare(all, TEN.occurring(new int[] {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}), false);
        assertThat(RunFolder.open(all).description().occurring()).isNull();
        assertThat(all.resolve("model.json")).content().doesNotContain("occurring");
    }

    @Test
    void goes_on_with_the_run_of_a_version_that_did_not_note_classes() {
        RunFolder.prepare(folder, TEN, false);
        assertThat(RunFolder.prepare(folder, TEN.occurring(new int[] {3}), true).description())
                .isEqualTo(TEN);
    }

    @Test
    void knows_a_class_by_its_composed_name_however_it_was_written() {
        assertThat(RunFolder.Description.features(8, List.of("Ka\u0308se", "Brot")))
                .isEqualTo(RunFolder.Description.features(8, List.of("K\u00e4se", "Brot")));
    }

    @Test
    void refuses_to_go_on_with_grids_of_other_classes() {
        RunFolder.prepare(folder, TEN.occurring(new int[] {3, 7}), false);
        assertThatThrownBy(() -> RunFolder.prepare(folder, TEN.occurring(new int[] {3}), true))
                .isInstanceOf(JobException.class)
                .hasMessageContaining("another model");
    }

    @ParameterizedTest
    @ValueSource(strings = {"[10]", "[-1]", "[3, 3]", "[4, 3]", "[2147483648]", "7"})
    void refuses_classes_that_the_model_does_not_have(String occurring) throws IOException {
        Files.writeString(
                folder.resolve("model.json"),
                "{\"format\": 1, \"kind\": \"prior\", \"codes\": 16, \"height\": 4, \"width\": 4, \"classes\": 10,"
                        + " \"occurring\": " + occurring + "}");
        assertThatThrownBy(() -> RunFolder.open(folder))
                .isInstanceOf(JobException.class)
                .hasMessageContaining("model.json");
    }
}
