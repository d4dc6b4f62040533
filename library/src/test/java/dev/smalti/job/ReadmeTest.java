package dev.smalti.job;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** What the README names is there. Its Java is run by the tests of the examples. */
class ReadmeTest {
    private static final Path HOME = Path.of("..");

    @Test
    void every_recipe_that_the_readme_names_is_there() throws IOException {
        String readme = Files.readString(HOME.resolve("README.md"));
        String[] named = Arrays.stream(readme.split("[\\s`]+"))
                .filter(word -> word.startsWith("recipes/"))
                .toArray(String[]::new);
        assertThat(named).isNotEmpty().allSatisfy(path -> assertThat(HOME.resolve(path))
                .exists());
    }
}
