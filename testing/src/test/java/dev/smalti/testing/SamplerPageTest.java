package dev.smalti.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("learning") // computes all laws
class SamplerPageTest {
    private static final Path PAGE = Path.of("..", "docs", "samplers.md");

    /** Where what was measured on trained networks begins, which is written by hand. */
    private static final String BY_HAND = "\n## On fruits";

    @Test
    void the_page_is_what_is_computed() throws IOException {
        String before = Files.exists(PAGE) ? Files.readString(PAGE) : "";
        int hand = before.indexOf(BY_HAND);
        String page = SamplerPage.markdown() + (hand < 0 ? "" : before.substring(hand));
        if (Boolean.getBoolean("smalti.write")) {
            Files.writeString(PAGE, page);
        }
        assertThat(Files.exists(PAGE) ? Files.readString(PAGE) : "")
                .as("docs/samplers.md is out of date; this writes it anew: " + SamplerPage.COMMAND)
                .isEqualTo(page);
    }
}
