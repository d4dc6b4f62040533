package dev.smalti.job;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.network.Blueprint;
import dev.smalti.prior.Prior;
import dev.smalti.recipe.PriorRecipe;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.tensor.Seed;
import dev.smalti.token.TokenSpace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The table of docs/gpu.md that says what the papers' priors take of a card, against what is reckoned of their recipes. */
class CardMemoryTest {
    private static final Path PAGE = Path.of("..", "docs", "gpu.md");
    private static final Path RECIPES = Path.of("..", "recipes", "papers");

    /** A line of the table: the recipes that it is of, and its cells after their names. */
    record Row(List<String> recipes, List<String> cells) {}

    static List<Row> rows() throws IOException {
        List<Row> rows = new ArrayList<>();
        boolean within = false;
        for (String line : Files.readAllLines(PAGE)) {
            if (line.startsWith("| recipe | GB without activations | batch | MB a grid |")) {
                within = true;
            } else if (within && line.startsWith("| `")) {
                List<String> cells =
                        Arrays.asList(line.replaceAll("^\\| | \\|$", "").split(" \\| "));
                rows.add(new Row(names(cells.get(0)), cells.subList(1, cells.size())));
            } else if (!line.startsWith("|")) {
                within = false;
            }
        }
        assertThat(rows).as("rows of the table in %s", PAGE).isNotEmpty();
        return rows;
    }

    /** {@code `a-b, -c`} -> a-b and a-c, where only one of these is a recipe; {@code *} stands for anything. */
    private static List<String> names(String cell) throws IOException {
        List<String> names = new ArrayList<>();
        String first = null;
        for (String part : cell.replace("`", "").split(", ")) {
            String stem = first;
            first = first == null ? part : first;
            List<String> found = part.startsWith("-") ? List.of() : matching(part);
            for (int cut = stem == null ? -1 : stem.lastIndexOf('-');
                    found.isEmpty() && cut > 0;
                    cut = stem.lastIndexOf('-', cut - 1)) {
                found = matching(stem.substring(0, cut) + part);
            }
            assertThat(found).as("recipes %s of %s", part, cell).isNotEmpty();
            names.addAll(found);
        }
        return names;
    }

    private static List<String> matching(String name) throws IOException {
        String pattern = name.replace("*", "[a-z]+");
        return priors().stream().filter(each -> each.matches(pattern)).toList();
    }

    private static Set<String> priors() throws IOException {
        try (Stream<Path> files = Files.list(RECIPES)) {
            List<Path> all = files.sorted().toList();
            Set<String> priors = new TreeSet<>();
            for (Path file : all) {
                if (Files.readString(file).contains("\nprior:")) {
                    priors.add(file.getFileName().toString().replace(".yaml", ""));
                }
            }
            return priors;
        }
    }

    /** The tokens and classes of the paper's data. */
    private static CardMemory reckoned(String name) {
        PriorRecipe recipe = RecipeFile.read(RECIPES.resolve(name + ".yaml"), PriorRecipe.class, List.of());
        boolean rdpm = name.startsWith("rdpm");
        boolean many = name.startsWith("halton") || name.equals("sedd-imagenet-autoregressive");
        TokenSpace space = rdpm ? new TokenSpace(4096, 16, 16, 10) : new TokenSpace(many ? 16_384 : 1024, 16, 16);
        long weights = Blueprint.sketch(nowhere -> {
                    try (Prior prior =
                            recipe.prior().build(space, name.contains("imagenet") ? 1000 : 0, new Seed(0), nowhere)) {
                        return Blueprint.of(prior.parameters().weights());
                    }
                })
                .orElseThrow()
                .count();
        return CardMemory.of(recipe.prior(), space, weights, recipe.training());
    }

    @ParameterizedTest
    @MethodSource("rows")
    void a_row_says_what_is_reckoned(Row row) {
        for (String name : row.recipes()) {
            CardMemory card = reckoned(name);
            List<String> expected = new ArrayList<>(List.of(
                    String.format(Locale.ROOT, "%.1f", card.fixed() / 1e9),
                    Integer.toString(card.batch()),
                    Long.toString(Math.round(card.grid() / 1e6)),
                    Long.toString(Math.round(card.recomputed() / 1e6))));
            for (int size : CardMemory.CARDS) {
                OptionalInt parts = card.parts(size, true);
                expected.add(
                        parts.isEmpty()
                                ? "–"
                                : parts.getAsInt() + " ("
                                        + card.parts(size, false).orElseThrow() + ")");
            }
            expected.add(said(card));
            expected.add(Long.toString(Math.round(card.bytes() / 1e9)));
            assertThat(row.cells()).as(name).isEqualTo(expected);
        }
    }

    private static String said(CardMemory card) {
        List<String> said = new ArrayList<>();
        if (card.parts() > 1) {
            said.add("`accumulation: " + card.parts() + "`");
        }
        if (card.recompute()) {
            said.add("`recompute`");
        }
        return said.isEmpty() ? "nothing" : String.join(", ", said);
    }

    @Test
    void every_prior_of_a_paper_has_a_row() throws IOException {
        assertThat(rows().stream().flatMap(row -> row.recipes().stream()).collect(Collectors.toSet()))
                .isEqualTo(priors());
    }

    /** Of the tokenizers, whose table isn't reckoned here: name, and GB as set. */
    private static Map<String, String> tokenizers() throws IOException {
        Map<String, String> tokenizers = new TreeMap<>();
        boolean within = false;
        for (String line : Files.readAllLines(PAGE)) {
            if (line.startsWith("| recipe | GB without activations | batch | MB an image |")) {
                within = true;
            } else if (within && line.startsWith("| `")) {
                List<String> cells =
                        Arrays.asList(line.replaceAll("^\\| | \\|$", "").split(" \\| "));
                String stem = null;
                for (String part : cells.get(0).replace("`", "").split(", ")) {
                    stem = stem == null ? part : stem;
                    String name = part;
                    for (int cut = stem.length();
                            !Files.exists(RECIPES.resolve(name + ".yaml"));
                            name = stem.substring(0, cut) + part) {
                        cut = stem.lastIndexOf('-', cut - 1);
                        assertThat(cut)
                                .as("a recipe for %s of %s", part, cells.get(0))
                                .isPositive();
                    }
                    tokenizers.put(name, cells.get(cells.size() - 1));
                }
            } else if (!line.startsWith("|")) {
                within = false;
            }
        }
        return tokenizers;
    }

    @Test
    void every_recipe_of_a_paper_says_in_its_header_what_it_takes_and_which_card_it_fits() throws IOException {
        Map<String, String> tokenizers = tokenizers();
        try (Stream<Path> files = Files.list(RECIPES)) {
            for (Path file : files.filter(each -> each.toString().endsWith(".yaml"))
                    .sorted()
                    .toList()) {
                String name = file.getFileName().toString().replace(".yaml", "");
                boolean prior = priors().contains(name);
                String takes = prior ? Long.toString(Math.round(reckoned(name).bytes() / 1e9)) : tokenizers.get(name);
                assertThat(takes).as("what %s takes", name).isNotNull();
                long bytes = prior ? reckoned(name).bytes() : (long) (Double.parseDouble(takes) * 1e9);
                int card = CardMemory.CARDS.stream()
                        .filter(size -> bytes <= CardMemory.room(size))
                        .findFirst()
                        .orElseThrow();
                assertThat(Files.readString(file))
                        .as(name)
                        .contains("# As set it takes " + takes + " GB and fits a card of " + card + " GB: calculated");
            }
        }
    }
}
