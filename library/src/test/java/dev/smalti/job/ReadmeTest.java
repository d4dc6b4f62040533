package dev.smalti.job;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.draw.Sampling;
import dev.smalti.model.Model;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The Java snippet of the README, word for word, with the bundled model. */
class ReadmeTest {
    private static final Path HOME = Path.of("..");

    @TempDir
    Path folder;

    @Test
    void the_snippet_of_the_readme_draws_fruits() throws IOException {
        String property = System.setProperty("smalti.home", HOME.toString());
        try {
            snippet();
        } finally {
            if (property == null) {
                System.clearProperty("smalti.home");
            } else {
                System.setProperty("smalti.home", property);
            }
        }
        Pixels picture = Pixels.decode(Files.readAllBytes(folder.resolve("fruits.png")), "fruits.png");
        assertThat(picture.width()).isEqualTo(4 * 64 + 3 * 2);
        assertThat(picture.height()).isEqualTo(2 * 64 + 2);
        assertThat(brightness(picture, 1, 1)).as("a corner, background").isGreaterThan(225);
        assertThat(brightness(picture, 32, 32)).as("the middle of a cherry").isLessThan(225);
    }

    private void snippet() throws IOException {
        // as in the README, but for the folder of the file
        try (Model model = Model.open("fruits-64")) {
            List<Pixels> images = model.images(List.of("cherry-1", "apple-golden-1"), 8, 42, Sampling.USUAL);
            Pictures.writePng(folder.resolve("fruits.png"), Pictures.grid(images, 4, 2));
        }
    }

    @Test
    void the_readme_has_the_snippet_that_is_tested() throws IOException {
        List<String> own = Files.readAllLines(Path.of("src/test/java/dev/smalti/job/ReadmeTest.java"));
        String readme = Files.readString(HOME.resolve("README.md")).replace("Path.of(\"fruits.png\")", "PATH");
        int begin = own.indexOf("        try (Model model = Model.open(\"fruits-64\")) {");
        for (String line : own.subList(begin, begin + 4)) {
            assertThat(readme).contains(line.strip().replace("folder.resolve(\"fruits.png\")", "PATH"));
        }
    }

    @Test
    void every_recipe_that_the_readme_names_is_there() throws IOException {
        String readme = Files.readString(HOME.resolve("README.md"));
        String[] named = Arrays.stream(readme.split("[\\s`]+"))
                .filter(word -> word.startsWith("recipes/"))
                .toArray(String[]::new);
        assertThat(named).isNotEmpty().allSatisfy(path -> assertThat(HOME.resolve(path))
                .exists());
    }

    private static int brightness(Pixels picture, int x, int y) {
        int at = 3 * (y * picture.width() + x);
        return ((picture.rgb()[at] & 0xff) + (picture.rgb()[at + 1] & 0xff) + (picture.rgb()[at + 2] & 0xff)) / 3;
    }
}
