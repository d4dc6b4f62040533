package dev.smalti.run;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where no model is bundled, a name of one says what to set. */
class BundledNamesTest {
    private static final String HOME = "smalti.home";

    @TempDir
    private Path home;

    private String before;

    @BeforeEach
    void begin() {
        before = System.setProperty(HOME, home.toString());
    }

    @AfterEach
    void end() {
        if (before == null) {
            System.clearProperty(HOME);
        } else {
            System.setProperty(HOME, before);
        }
    }

    @Test
    void names_the_folder_the_property_and_the_jar() {
        assertThatThrownBy(() -> RunFolder.open("fruits-64"))
                .isInstanceOf(JobException.class)
                .hasMessageStartingWith("there is no run folder and no bundled model named fruits-64")
                .hasMessageContainingAll("-Dsmalti.home", home.toString(), "smalti-model-fruits-64", "class path");
    }
}
