package dev.smalti;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What the documentation points to is there. */
class DocumentsTest {
    private static final Path HOME = Path.of("..");
    private static final Pattern RECIPE = Pattern.compile("recipes/[\\w-]+(?:/[\\w-]+\\.yaml)?");
    private static final Pattern PAGE = Pattern.compile("docs/[\\w/-]+\\.md");

    /** All pages of the repository, none of what was built or written by commands. */
    static List<Path> pages() throws IOException {
        return files(".md");
    }

    private static List<Path> files(String end) throws IOException {
        try (Stream<Path> files = Files.walk(HOME)) {
            return files.filter(file -> file.toString().endsWith(end))
                    .filter(file -> Stream.of("target", "runs", "demo", ".git")
                            .noneMatch(built -> HOME.relativize(file).startsWith(built)
                                    || file.toString().contains("/" + built + "/")))
                    .sorted()
                    .toList();
        }
    }

    @ParameterizedTest
    @MethodSource("pages")
    void every_relative_link_leads_to_a_file_and_to_a_heading_in_it(Path page) {
        List<String> links = new Markdown(page)
                .links().stream().filter(link -> !link.matches("[a-z]+:.*")).toList();
        assertThat(links).allSatisfy(link -> {
            String[] parts = link.split("#", 2);
            Path target = parts[0].isEmpty() ? page : page.resolveSibling(parts[0]);
            assertThat(target).as("%s links to %s", page, link).exists();
            if (parts.length == 2) {
                assertThat(new Markdown(target).anchors())
                        .as("headings of %s, to which %s links", target, page)
                        .contains(parts[1]);
            }
        });
    }

    @ParameterizedTest
    @MethodSource("pages")
    void every_recipe_that_a_page_names_is_there(Path page) throws IOException {
        assertThat(found(RECIPE, page))
                .as("recipes that %s names", page)
                .allSatisfy(recipe -> assertThat(HOME.resolve(recipe)).exists());
    }

    @Test
    void every_page_that_a_source_or_a_recipe_names_is_there() throws IOException {
        for (String end : List.of(".java", ".yaml")) {
            for (Path file : files(end)) {
                assertThat(found(PAGE, file))
                        .as("pages that %s names", file)
                        .allSatisfy(page -> assertThat(HOME.resolve(page)).exists());
            }
        }
    }

    private static List<String> found(Pattern pattern, Path file) throws IOException {
        return pattern.matcher(Files.readString(file))
                .results()
                .map(MatchResult::group)
                .toList();
    }

    @Test
    void the_pages_that_a_newcomer_needs_are_linked_from_the_readme() {
        assertThat(new Markdown(HOME.resolve("README.md")).links())
                .contains("docs/recipes.md", "docs/speed.md", "docs/sampling.md", "ARCHITECTURE.md", "CONTRIBUTING.md");
    }

    @Test
    void links_and_headings_are_told_from_code(@TempDir Path folder) throws IOException {
        Path page = Files.writeString(folder.resolve("page.md"), """
                # `a.b: {c: d}` of X
                ## Twice
                ## Twice
                See [this](x.md#y) and ![that](z.png).
                ```
                # no heading
                [no](link)
                ```
                """);
        assertThat(new Markdown(page).links()).containsExactly("x.md#y", "z.png");
        assertThat(new Markdown(page).anchors()).containsExactly("ab-c-d-of-x", "twice", "twice-1");
    }
}
