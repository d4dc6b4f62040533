package dev.smalti.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The tables of docs/papers.md, in which each recipe of a paper has a column, against the recipes. */
class PaperValuesTest {
    private static final Path PAGE = Path.of("..", "docs", "papers.md");
    private static final Path RECIPES = Path.of("..", "recipes", "papers");

    /** How a place begins: in the paper, in another one, in a program, or nowhere but here. */
    private static final String PLACE =
            "((section|appendix|table|figure|eq\\.|algorithm) \\w|released code|ours|[A-Z]\\w+ et al\\. \\d{4}).*";

    private static final String NONE = "none";

    /** A line of a table: values by recipe, and where they stand. */
    private record Row(String key, Map<String, String> values, String where) {}

    private static List<Row> rows() throws IOException {
        return rows(Files.readAllLines(PAGE));
    }

    private static List<Row> rows(List<String> lines) {
        List<Row> rows = new ArrayList<>();
        List<String> recipes = List.of();
        for (String line : lines) {
            List<String> cells = cells(line);
            if (line.startsWith("| key |")) {
                recipes = cells.subList(1, cells.size() - 1).stream()
                        .map(link -> link.replaceFirst("\\[`(.*)`\\]\\(\\.\\./recipes/papers/\\1\\.yaml\\)", "$1"))
                        .toList();
            } else if (line.startsWith("| ")) {
                assertThat(cells).as(line).hasSize(recipes.size() + 2);
                Map<String, String> values = new LinkedHashMap<>();
                for (int i = 0; i < recipes.size(); i++) {
                    values.put(recipes.get(i), cells.get(i + 1));
                }
                rows.add(new Row(cells.get(0), values, cells.get(cells.size() - 1)));
            }
        }
        return rows;
    }

    private static List<String> cells(String line) {
        return Arrays.stream(line.replaceAll("^\\| | \\|$", "").split(" \\| "))
                .map(cell -> cell.replaceFirst("^`(.*?)`$", "$1").strip())
                .toList();
    }

    /** The column of each recipe. */
    private static Map<String, Map<String, String>> columns(List<Row> rows) {
        Map<String, Map<String, String>> columns = new TreeMap<>();
        rows.forEach(row -> row.values()
                .forEach((recipe, value) -> assertThat(columns.computeIfAbsent(recipe, key -> new LinkedHashMap<>())
                                .put(row.key(), value))
                        .as("%s has two rows of %s", recipe, row.key())
                        .isNull()));
        return columns;
    }

    static Set<String> recipes() throws IOException {
        try (Stream<Path> files = Files.list(RECIPES)) {
            return files.map(file -> file.getFileName().toString().replace(".yaml", ""))
                    .collect(Collectors.toCollection(TreeSet::new));
        }
    }

    /** What a recipe says that its column doesn't: the column, as so many overrides, must change nothing. */
    private static List<String> differences(String recipe, Map<String, String> column) throws IOException {
        Path file = RECIPES.resolve(recipe + ".yaml");
        Class<? extends Record> type =
                Files.readString(file).contains("\ntokenizer:") ? TokenizerRecipe.class : PriorRecipe.class;
        List<String> overrides = column.entrySet().stream()
                .map(cell -> cell.getKey() + "=" + (cell.getValue().equals(NONE) ? "" : cell.getValue()))
                .toList();
        return RecipeFile.differences(RecipeFile.read(file, type, List.of()), RecipeFile.read(file, type, overrides));
    }

    private static Set<String> keys(Map<String, Object> tree) {
        Set<String> keys = new TreeSet<>();
        tree.forEach((key, value) -> {
            if (value instanceof Map<?, ?> inner) {
                @SuppressWarnings("unchecked") // a recipe's keys are texts
                Map<String, Object> section = (Map<String, Object>) inner;
                keys(section).forEach(each -> keys.add(key + "." + each));
            } else {
                keys.add(key);
            }
        });
        return keys;
    }

    @Test
    void every_recipe_of_a_paper_has_a_column_and_every_column_a_recipe() throws IOException {
        assertThat(columns(rows()).keySet()).isEqualTo(recipes());
    }

    @ParameterizedTest
    @MethodSource("recipes")
    void a_recipe_says_what_its_column_says(String recipe) throws IOException {
        assertThat(differences(recipe, columns(rows()).get(recipe)))
                .as("what %s says, and not its column in %s", recipe, PAGE)
                .isEmpty();
    }

    @ParameterizedTest
    @MethodSource("recipes")
    void a_recipe_has_the_keys_of_its_column_and_no_others(String recipe) throws IOException {
        Set<String> told = columns(rows()).get(recipe).entrySet().stream()
                .filter(cell -> !cell.getValue().equals(NONE))
                .map(Map.Entry::getKey)
                .collect(Collectors.toSet());
        assertThat(keys(RecipeFile.tree(RECIPES.resolve(recipe + ".yaml"))))
                .as("keys of %s", recipe)
                .isEqualTo(told);
    }

    @Test
    void every_value_says_where_it_stands() throws IOException {
        assertThat(rows())
                .allSatisfy(row -> assertThat(row.where()).as(row.key()).matches(PLACE));
    }

    @Test
    void a_table_is_read_and_a_difference_told() throws IOException {
        String name = "unleashing-faces-vqgan";
        List<Row> rows = rows(List.of(
                "Words.",
                "",
                "| key | [`%s`](../recipes/papers/%s.yaml) | where |".formatted(name, name),
                "|---|---|---|",
                "| `training.batch` | `5` | appendix A |",
                "| `training.warm_up` | none | ours |",
                "| `training.steps` | `1400000` | appendix A |"));
        assertThat(rows)
                .containsExactly(
                        new Row("training.batch", Map.of(name, "5"), "appendix A"),
                        new Row("training.warm_up", Map.of(name, NONE), "ours"),
                        new Row("training.steps", Map.of(name, "1400000"), "appendix A"));
        assertThat(differences(name, columns(rows).get(name)))
                .contains("training.batch: 4, not 5")
                .noneMatch(difference -> difference.contains("warm_up") || difference.contains("training.steps"));
    }
}
