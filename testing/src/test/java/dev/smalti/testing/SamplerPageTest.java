package dev.smalti.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class SamplerPageTest {
    private static final Path PAGE = Path.of("..", "docs", "samplers.md");

    @Test
    void the_page_is_what_is_computed() throws IOException {
        String page = SamplerPage.markdown();
        if (Boolean.getBoolean("smalti.write")) {
            Files.writeString(PAGE, page);
        }
        assertThat(Files.exists(PAGE) ? Files.readString(PAGE) : "")
                .as("docs/samplers.md is out of date; this writes it anew: " + SamplerPage.COMMAND)
                .isEqualTo(page);
    }
}
