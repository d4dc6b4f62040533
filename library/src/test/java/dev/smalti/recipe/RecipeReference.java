package dev.smalti.recipe;

import dev.smalti.Markdown;
import dev.smalti.network.NetworkConfiguration;
import dev.smalti.train.TrainingConfiguration;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** {@code docs/recipes.md}: every key of every recipe, from the records that configure all this and from their Javadoc. */
final class RecipeReference {
    private static final String HEAD = """
            # Recipes

            A recipe is a YAML file, and these are all keys that it may have, written as paths: `training.steps` is `steps` inside
            of `training`. `--set training.steps=64` changes a key for one command; `recipe.yaml` in a run folder has every key with
            its value. Where a key chooses among names, their case doesn't matter. Letters: H W pixels, L tokens of a grid, K codes,
            T steps.

            *Made from the records that read recipes and from their Javadoc: change those, then run*
            `%s`.

            """;

    static final String COMMAND = "mvn -pl library test -Dtest=RecipeReferenceTest -Dsmalti.write=true";

    /** A record of keys, at the first place where a recipe may have it. {@code level} is that of its heading. */
    record Section(String title, int level, String path, Class<?> record, List<Key> keys) {
        String anchor() {
            return Markdown.anchor(title);
        }

        @Override
        public String toString() {
            return title;
        }
    }

    record Key(String path, Field field, KeyText text) {
        String name() {
            return field.key();
        }
    }

    /** @param choice the name by which a recipe chooses this record or the one around it; empty if there is no choice */
    private record Place(String title, int level, String path, String choice, Class<?> record) {
        static Place root(String title, String path, Class<?> record) {
            return new Place(title, 2, path, "", record);
        }
    }

    private final SourceJavadoc javadoc;
    private final Kinds kinds;
    private final Map<Class<?>, Place> places = new LinkedHashMap<>();
    private final List<Section> sections = new ArrayList<>();

    private RecipeReference(SourceJavadoc javadoc, Kinds kinds) {
        this.javadoc = javadoc;
        this.kinds = kinds;
    }

    /** All that this library's commands read. */
    static RecipeReference ofAll(Path sources) {
        RecipeReference all = new RecipeReference(new SourceJavadoc(sources), Kinds.of(List.of(new BuiltInKinds())));
        List<Place> roots = new ArrayList<>(List.of(
                Place.root("Tokenizers: `train-tokenizer`", "", TokenizerRecipe.class),
                Place.root("Priors: `train-prior`", "", PriorRecipe.class)));
        roots.addAll(all.within(NetworkConfiguration.class, "prior.network", "", 2));
        roots.add(Place.root("Classifiers: `train-features`", "", FeaturesRecipe.class));
        roots.add(Place.root("Images: `data`", "data", DataRecipe.class));
        roots.add(Place.root("Training: `training`", "training", TrainingConfiguration.class));
        roots.add(Place.root("Plans: `compare`", "", ComparePlan.class));
        return all.walk(roots);
    }

    List<Section> sections() {
        return List.copyOf(sections);
    }

    Kinds kinds() {
        return kinds;
    }

    private RecipeReference walk(List<Place> roots) {
        roots.forEach(root -> places.put(root.record(), root));
        roots.forEach(this::visit);
        return this;
    }

    /** A section, and then those of the records in it that have none yet. */
    private void visit(Place place) {
        Map<String, String> said = javadoc.of(place.record()).parameters();
        List<Key> keys = new ArrayList<>();
        List<Place> inner = new ArrayList<>();
        for (Field field : Field.of(place.record())) {
            String path = place.path().isEmpty() ? field.key() : place.path() + "." + field.key();
            String text = said.getOrDefault(field.component().getName(), "");
            keys.add(new Key(path, field, KeyText.parse(text, hasRange(field.type()))));
            inner.addAll(within(field.type(), path, place.choice(), 3));
        }
        sections.add(new Section(place.title(), place.level(), place.path(), place.record(), keys));
        inner.removeIf(each -> places.putIfAbsent(each.record(), each) != null);
        inner.forEach(this::visit);
    }

    /** The records that a key holds; {@code choice} is that around it. */
    private List<Place> within(Type type, String path, String choice, int level) {
        if (type instanceof ParameterizedType generic) {
            boolean list = generic.getRawType() == List.class;
            return within(inner(generic), path + (list ? "[]" : ".NAME"), choice, level);
        }
        Class<?> plain = (Class<?>) type;
        if (plain.isRecord()) {
            String title = choice.isEmpty() ? "`%s`".formatted(path) : "`%s` of `%s`".formatted(path, choice);
            return List.of(new Place(title, level, path, choice, plain));
        }
        if (!plain.isInterface() || plain == Path.class) {
            return List.of();
        }
        return choices(plain).entrySet().stream()
                .map(each -> new Place(
                        "`%s: {%s: %s}`".formatted(path, chooser(plain), each.getKey()),
                        level,
                        path,
                        each.getKey(),
                        each.getValue()))
                .toList();
    }

    /** The key by which a recipe chooses among the records of a family. */
    private static String chooser(Class<?> family) {
        return Kinds.KEY;
    }

    /** The records of a family by the names that {@link #chooser} may have. */
    private Map<String, Class<?>> choices(Class<?> family) {
        Map<String, Class<?>> choices = new LinkedHashMap<>();
        for (String name : kinds.names(family)) {
            choices.put(name, kinds.named(family, name).orElseThrow().configuration());
        }
        if (choices.isEmpty()) {
            throw new IllegalStateException("no kind stands for " + family.getName());
        }
        return choices;
    }

    /** Whether the Javadoc must say which values are allowed: it needn't for choices, paths and sections. */
    static boolean hasRange(Type type) {
        if (type instanceof ParameterizedType generic) {
            return hasRange(inner(generic));
        }
        return type == String.class || number((Class<?>) type);
    }

    private static boolean number(Class<?> type) {
        return whole(type)
                || Stream.of(double.class, Double.class, float.class, Float.class)
                        .anyMatch(type::equals);
    }

    static boolean whole(Class<?> type) {
        return Stream.of(int.class, Integer.class, long.class, Long.class).anyMatch(type::equals);
    }

    static Type inner(ParameterizedType generic) {
        Type[] arguments = generic.getActualTypeArguments();
        return arguments[arguments.length - 1];
    }

    String markdown() {
        String contents = sections.stream()
                .map(each -> "%s- [%s](#%s)\n".formatted("  ".repeat(each.level() - 2), each.title(), each.anchor()))
                .collect(Collectors.joining());
        String body = sections.stream().map(this::markdown).collect(Collectors.joining("\n"));
        return HEAD.formatted(COMMAND) + contents + "\n" + body;
    }

    private String markdown(Section section) {
        StringBuilder text = new StringBuilder();
        text.append("#".repeat(section.level()))
                .append(' ')
                .append(section.title())
                .append("\n\n");
        text.append(javadoc.of(section.record()).text())
                .append(about(section.record()))
                .append("\n\n");
        text.append("| key | values | if left out | meaning |\n|---|---|---|---|\n");
        section.keys().forEach(key -> text.append(row(key)));
        String constants = section.keys().stream().map(this::constants).collect(Collectors.joining());
        return text.append(constants.isEmpty() ? "" : "\n").append(constants).toString();
    }

    /** Of a kind, where to read more, and whether it is the usual one. */
    private String about(Class<?> record) {
        return Arrays.stream(record.getInterfaces())
                .flatMap(family -> kinds.standingFor(family, record).stream())
                .findFirst()
                .map(kind -> " Package [`%s`](%s/%s/package-info.java)%s."
                        .formatted(
                                record.getPackageName().replace("dev.smalti.", ""),
                                "../library/src/main/java",
                                record.getPackageName().replace('.', '/'),
                                kind.usual() ? "; meant where no `kind` is given" : ""))
                .orElse("");
    }

    private String row(Key key) {
        KeyText text = key.text();
        String values = Stream.of(values(key.field().type(), false), text.range())
                .filter(each -> !each.isEmpty())
                .collect(Collectors.joining(": "));
        String usual = text.literal()
                .filter(value -> !text.usual().startsWith("`"))
                .map(value -> '`' + value + '`' + text.usual().substring(value.length()))
                .orElse(text.usual());
        return Stream.of("`" + key.path() + "`", values, text.required() ? "**required**" : usual, text.meaning())
                .map(each -> each.replace("|", "\\|"))
                .collect(Collectors.joining(" | ", "| ", " |\n"));
    }

    private String values(Type type, boolean many) {
        if (type instanceof ParameterizedType generic) {
            String list = many ? "lists of " : "list of ";
            return (generic.getRawType() == List.class ? list : "names with ") + values(inner(generic), true);
        }
        Class<?> plain = (Class<?>) type;
        String s = many ? "s" : "";
        if (number(plain)) {
            return (whole(plain) ? "whole number" : "number") + s;
        }
        if (plain == boolean.class || plain == Boolean.class) {
            return "`true` or `false`";
        }
        if (plain == String.class || plain == Path.class) {
            return (plain == Path.class ? "path" : "text") + s;
        }
        if (plain.isEnum()) {
            return Arrays.stream(plain.getEnumConstants())
                    .map(each -> '`' + name(each) + '`')
                    .collect(Collectors.joining(", "));
        }
        if (plain.isRecord()) {
            return "[section%s](#%s)"
                    .formatted(s, Markdown.anchor(places.get(plain).title()));
        }
        return choices(plain).entrySet().stream()
                .map(each -> "[`%s`](#%s)"
                        .formatted(
                                each.getKey(),
                                Markdown.anchor(places.get(each.getValue()).title())))
                .collect(Collectors.joining(", ", "`" + chooser(plain) + "`: ", ""));
    }

    /** A line for each of the names that a key may have. */
    private String constants(Key key) {
        Map<String, String> said = constantsOf(key);
        return said.isEmpty()
                ? ""
                : said.entrySet().stream()
                        .map(each -> "  - `%s`: %s\n".formatted(each.getKey(), each.getValue()))
                        .collect(Collectors.joining("", "- `%s`\n".formatted(key.path()), ""));
    }

    /** What is said of each constant of a key's type, by its name; empty for other types. */
    Map<String, String> constantsOf(Key key) {
        Type type = key.field().type();
        while (type instanceof ParameterizedType generic) {
            type = inner(generic);
        }
        Map<String, String> said = new LinkedHashMap<>();
        if (((Class<?>) type).isEnum()) {
            for (Object each : ((Class<?>) type).getEnumConstants()) {
                said.put(name(each), javadoc.of((Enum<?>) each));
            }
        }
        return said;
    }

    private static String name(Object constant) {
        return ((Enum<?>) constant).name().toLowerCase(Locale.ROOT);
    }
}
