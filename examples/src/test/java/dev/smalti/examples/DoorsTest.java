package dev.smalti.examples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.data.Pixels;
import dev.smalti.draw.Sampling;
import dev.smalti.model.Model;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The applications that docs/doors.md shows draw what the library draws. */
@Tag("learning") // starts applications
class DoorsTest {
    private static final Path PAGE = Jvm.HOME.resolve("docs/doors.md");
    private static final Sampling SHOWN = Sampling.USUAL.steps(8).guidance(1);

    @TempDir
    Path folder;

    private static Snippet snippet(String content) throws IOException {
        return Snippet.ofMarkdown(PAGE).stream()
                .filter(each -> each.code().contains(content))
                .findFirst()
                .orElseThrow();
    }

    private Pixels picture(String name) throws IOException {
        return Pixels.decode(Files.readAllBytes(folder.resolve(name)), name);
    }

    private static void assertDrawn(Pixels picture, String label) {
        try (Model model = Model.open("fruits-64")) {
            assertThat(picture)
                    .isEqualTo(model.images(List.of(label), 1, 42, SHOWN).get(0));
        }
    }

    @Test
    void an_application_of_langchain4j_draws() throws Exception {
        Path classes = folder.resolve("classes");
        Path source = snippet("SmaltiImageModel.builder()").write(folder.resolve("sources"), "Draws");
        Jvm.compile(List.of(source), classes);
        Jvm.run(folder, classes, List.of("Draws"));
        assertDrawn(picture("apple.png"), "apple-golden-1");
    }

    @Test
    void an_application_of_spring_boot_draws() throws Exception {
        Path classes = folder.resolve("classes");
        Snippet application = snippet("@SpringBootApplication");
        Jvm.compile(List.of(application.write(folder.resolve("sources"))), classes);
        Matcher properties =
                Pattern.compile("```properties\\n(.*?)```", Pattern.DOTALL).matcher(Files.readString(PAGE));
        assertThat(properties.find()).isTrue();
        Files.writeString(classes.resolve("application.properties"), properties.group(1));
        Jvm.run(folder, classes, List.of(application.main()));
        assertDrawn(picture("cherry.png"), "cherry-1");
    }
}
