package dev.smalti.recipe;

import dev.smalti.prior.PriorConfiguration;
import dev.smalti.recipe.Node.Mapping;
import dev.smalti.tensor.Phrase;
import dev.smalti.tokenizer.TokenizerConfiguration;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Reads recipes into records and writes them back. What a recipe may say is in the package's front page.
 *
 * <pre>{@code
 * PriorRecipe recipe = RecipeFile.read(Path.of("recipes/toy/absorbing.yaml"), PriorRecipe.class,
 * List.of("training.steps=100"));
 * RecipeFile.write(run.resolve("recipe.yaml"), recipe);
 * }</pre>
 */
public final class RecipeFile {
    private RecipeFile() {}

    /**
     * Reads a recipe from a file of UTF-8 YAML.
     *
     * @param overrides changes to make before anything is checked, such as {@code training.steps=100},
     *     {@code betas[1]=0.99} or {@code prior={kind: absorbing}}; the value is YAML, and an empty one is the default
     * @throws RecipeException if the file can't be read, or if it or an override doesn't fit {@code type}; the message
     *     names the file, the key, the rule and the value
     */
    public static <T> T read(Path file, Class<T> type, List<String> overrides) {
        return parse(TextFile.read(file, Yaml.LARGEST), file.toString(), type, overrides);
    }

    /**
     * The keys at the top of a recipe, by which its kind can be told before anything else of it is checked.
     *
     * @throws RecipeException if the file can't be read, or isn't a mapping of keys to values
     */
    public static Set<String> keys(Path file) {
        Node root = Yaml.read(TextFile.read(file, Yaml.LARGEST), file.toString());
        if (root instanceof Mapping mapping) {
            return Set.copyOf(mapping.entries().keySet());
        }
        throw new RecipeException(file + " is no recipe: it must be a mapping of keys to values, got " + root.quoted());
    }

    /**
     * Like {@link #read}, from a text.
     *
     * @param name what messages call the recipe
     */
    public static <T> T parse(String yaml, String name, Class<T> type, List<String> overrides) {
        return parse(yaml, name, type, overrides, Kinds.installed());
    }

    /** A recipe that was made here, with changes; {@code name} and errors as those of {@link #parse}. */
    public static <T> T changed(T recipe, String name, Class<T> type, List<String> overrides) {
        return overrides.isEmpty() ? recipe : parse(text(recipe, Kinds.installed()), name, type, overrides);
    }

    /**
     * Writes a recipe with all defaults spelt out; {@link #read} gives an equal record back.
     *
     * @throws RecipeException if the file can't be written, or if a configuration in the recipe has no kind
     * @throws IllegalArgumentException if {@code recipe} isn't a record
     */
    public static void write(Path file, Object recipe) {
        TextFile.write(file, text(recipe, Kinds.installed()));
    }

    /** The kind of prior that a recipe's configuration stands for: {@code absorbing}. */
    public static String kind(PriorConfiguration prior) {
        return kind(PriorConfiguration.class, prior);
    }

    /** The kind of tokenizer that a recipe's configuration stands for: {@code vqgan}. */
    public static String kind(TokenizerConfiguration tokenizer) {
        return kind(TokenizerConfiguration.class, tokenizer);
    }

    private static String kind(Class<?> family, Object configuration) {
        return Kinds.installed()
                .standingFor(family, configuration.getClass())
                .map(Kind::name)
                .orElse("unknown");
    }

    /** The keys in which two recipes differ, as {@code training.steps: 600, not 1200}: what the first says, and the second. */
    public static List<String> differences(Record recipe, Record other) {
        Map<String, Object> ours = values(recipe);
        Map<String, Object> theirs = values(other);
        Set<String> keys = new TreeSet<>(ours.keySet());
        keys.addAll(theirs.keySet());
        return keys.stream()
                .filter(key -> !Objects.equals(ours.get(key), theirs.get(key)))
                .map(key -> Phrase.of("%s: %s, not %s").with(key, shown(ours.get(key)), shown(theirs.get(key))))
                .toList();
    }

    /** All that a recipe says, with all defaults, by the whole path of its keys, as {@code training.steps}, ascending. */
    public static Map<String, Object> values(Record recipe) {
        Map<String, Object> values = new TreeMap<>();
        flatten("", tree(recipe), values);
        return values;
    }

    /** All that a recipe says, with all defaults, by its keys: what {@link #write} writes, as plain maps, lists and values. */
    public static Map<String, Object> tree(Record recipe) {
        return new RecordWriter(Kinds.installed()).write(recipe);
    }

    /**
     * What a recipe file says, whatever kind of recipe it is: maps, lists, strings, numbers, truths and nulls.
     *
     * @throws RecipeException if it can't be read as YAML, or isn't a mapping
     */
    public static Map<String, Object> tree(Path file) {
        if (Yaml.read(TextFile.read(file, Yaml.LARGEST), file.toString()) instanceof Mapping mapping) {
            return mapping.plain();
        }
        throw new RecipeException(file + " is not a recipe: a recipe is a mapping of keys to values");
    }

    private static void flatten(String path, Map<?, ?> tree, Map<String, Object> into) {
        tree.forEach((key, value) -> {
            String at = path.isEmpty() ? key.toString() : path + "." + key;
            if (value instanceof Map<?, ?> inner) {
                flatten(at, inner, into);
            } else {
                into.put(at, value);
            }
        });
    }

    private static String shown(Object value) {
        return value == null ? "nothing" : value.toString();
    }

    static <T> T parse(String yaml, String name, Class<T> type, List<String> overrides, Kinds kinds) {
        Node root = Yaml.read(yaml, name);
        if (root.isNothing()) {
            throw new RecipeException(name + " is empty; a recipe is a mapping of keys to values");
        }
        List<Change> changes =
                overrides.stream().map(each -> Change.parse(each, name)).toList();
        if (root instanceof Mapping mapping) {
            changes.forEach(change -> change.apply(mapping, name));
        }
        return new RecordReader(kinds, name, changes).read(root, type);
    }

    static String text(Object recipe, Kinds kinds) {
        if (recipe instanceof Record record) {
            return Yaml.write(new RecordWriter(kinds).write(record));
        }
        throw new IllegalArgumentException("a recipe must be a record, got " + recipe);
    }
}
