package dev.smalti.recipe;

import dev.smalti.recipe.Node.Mapping;
import dev.smalti.recipe.Node.Scalar;
import dev.smalti.recipe.Node.Sequence;
import dev.smalti.tensor.Excerpt;
import dev.smalti.tensor.Phrase;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.math.BigInteger;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

/** Makes records of a tree, and says by its dotted path what doesn't fit. */
final class RecordReader {
    /** How Java and the writer spell what YAML spells .inf, -.inf and .nan. */
    private static final Set<String> NOT_FINITE = Set.of("Infinity", "-Infinity", "NaN");

    private final Kinds kinds;
    private final String recipe;
    private final List<Change> changes;

    /**
     * @param recipe what messages call the recipe
     * @param changes those that the tree already contains; a message names the one that is to blame
     */
    RecordReader(Kinds kinds, String recipe, List<Change> changes) {
        this.kinds = kinds;
        this.recipe = recipe;
        this.changes = changes;
    }

    <T> T read(Node root, Class<T> type) {
        return type.cast(value(root, type, ""));
    }

    private Object value(Node node, Type type, String path) {
        if (type instanceof ParameterizedType generic && generic.getRawType() == List.class) {
            return list(node, generic.getActualTypeArguments()[0], path);
        }
        if (type instanceof ParameterizedType generic
                && generic.getRawType() == Map.class
                && generic.getActualTypeArguments()[0] == String.class) {
            return map(node, generic.getActualTypeArguments()[1], path);
        }
        if (type instanceof Class<?> plain) {
            if (plain == int.class || plain == Integer.class) {
                return (int) whole(node, path, Integer.MIN_VALUE, Integer.MAX_VALUE);
            }
            if (plain == long.class || plain == Long.class) {
                return whole(node, path, Long.MIN_VALUE, Long.MAX_VALUE);
            }
            if (plain == double.class || plain == Double.class) {
                return number(node, path);
            }
            if (plain == float.class || plain == Float.class) {
                return (float) number(node, path);
            }
            if (plain == boolean.class || plain == Boolean.class) {
                return truth(node, path);
            }
            if (plain == String.class) {
                return text(node, path);
            }
            if (plain == Path.class) {
                return path(node, path);
            }
            if (plain.isEnum()) {
                return constant(node, plain, path);
            }
            if (plain.isRecord()) {
                return record(mapping(node, "a mapping", path), plain, false, path);
            }
            if (plain.isInterface() && plain.getTypeParameters().length == 0) {
                return member(node, plain, path);
            }
        }
        throw new RecipeException(Phrase.of("%s: %s has the type %s, which a recipe cannot hold")
                .with(recipe, path.isEmpty() ? "it" : path, type.getTypeName()));
    }

    /** A record of a family of kinds: {@code kind} says which (or it is the usual one), the other keys are its own. */
    private Object member(Node node, Class<?> family, String path) {
        List<String> known = kinds.names(family);
        Mapping mapping = mapping(node, "a mapping with a kind", path);
        Node chosen = mapping.entries().getOrDefault(Kinds.KEY, Node.NOTHING);
        if (chosen.isNothing()) {
            Kind usual = kinds.usual(family)
                    .orElseThrow(() -> refuse(
                            path, Phrase.of("missing required key %s%s").with(join(path, Kinds.KEY), listed(known))));
            return record(mapping, usual.configuration(), true, path);
        }
        String name = text(chosen, join(path, Kinds.KEY));
        Kind kind = kinds.named(family, name)
                .orElseThrow(() -> refuse(
                        join(path, Kinds.KEY),
                        Phrase.of("unknown kind %s%s%s%s")
                                .with(
                                        Excerpt.of(name),
                                        path.isEmpty() ? "" : " of " + path,
                                        didYouMean(name, known),
                                        listed(known))));
        return record(mapping, kind.configuration(), true, path);
    }

    private Object record(Mapping mapping, Class<?> type, boolean hasKind, String path) {
        List<Field> fields = Field.of(type);
        checkKnown(mapping, fields, hasKind, path);
        checkComplete(mapping, fields, path);
        Object[] values = new Object[fields.size()];
        for (int i = 0; i < values.length; i++) {
            Field field = fields.get(i);
            Node node = mapping.entries().getOrDefault(field.key(), Node.NOTHING);
            boolean leftOut = node.isNothing() && !field.required();
            values[i] = leftOut ? null : value(node, field.type(), join(path, field.key()));
        }
        return construct(type, values, path);
    }

    private void checkKnown(Mapping mapping, List<Field> fields, boolean hasKind, String path) {
        List<String> known = new ArrayList<>(fields.stream().map(Field::key).toList());
        if (hasKind) {
            known.add(0, Kinds.KEY);
        }
        for (String key : mapping.entries().keySet()) {
            if (!known.contains(key)) {
                String at = join(path, key);
                throw refuse(
                        Phrase.of("unknown key %s%s%s").with(Excerpt.of(at), didYouMean(key, known), listed(known)),
                        change -> change.covers(at) || change.reachesInto(at));
            }
        }
    }

    private void checkComplete(Mapping mapping, List<Field> fields, String path) {
        List<String> missing = fields.stream()
                .filter(field -> field.required() && !mapping.entries().containsKey(field.key()))
                .map(field -> join(path, field.key()))
                .toList();
        if (!missing.isEmpty()) {
            throw refuse(
                    path,
                    Phrase.of("missing required key%s %s")
                            .with(missing.size() == 1 ? "" : "s", String.join(", ", missing)));
        }
    }

    private Object construct(Class<?> type, Object[] values, String path) {
        RecordComponent[] components = type.getRecordComponents();
        Class<?>[] types =
                Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
        try {
            Constructor<?> constructor = type.getDeclaredConstructor(types);
            constructor.setAccessible(true);
            return constructor.newInstance(values);
        } catch (InvocationTargetException e) {
            throw refusedByRecord(type, e.getCause(), path);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("cannot make a " + type, e);
        }
    }

    private RecipeException refusedByRecord(Class<?> type, Throwable cause, String path) {
        if (cause instanceof Error error) {
            throw error;
        }
        String where = path.isEmpty() ? "" : path + ": ";
        if (cause instanceof NullPointerException) { // Objects.requireNonNull(prior, "prior")
            for (Field field : Field.of(type)) {
                if (field.component().getName().equals(cause.getMessage())) {
                    return new RecipeException(
                            Phrase.of("%s: missing required key %s").with(recipe, join(path, field.key())), cause);
                }
            }
        }
        boolean explained = cause instanceof IllegalArgumentException && cause.getMessage() != null;
        return new RecipeException(
                recipe + ": " + where + (explained ? cause.getMessage() : type.getSimpleName() + " failed: " + cause),
                cause);
    }

    private List<Object> list(Node node, Type type, String path) {
        if (!(node instanceof Sequence sequence)) {
            throw mustBe("a list", node, path);
        }
        List<Object> items = new ArrayList<>();
        for (Node item : sequence.items()) {
            items.add(value(item, type, Phrase.of("%s[%d]").with(path, items.size())));
        }
        return Collections.unmodifiableList(items);
    }

    private Map<String, Object> map(Node node, Type type, String path) {
        Map<String, Object> entries = new LinkedHashMap<>();
        mapping(node, "a mapping", path)
                .entries()
                .forEach((key, each) -> entries.put(key, value(each, type, join(path, key))));
        return Collections.unmodifiableMap(entries);
    }

    private Mapping mapping(Node node, String rule, String path) {
        if (node instanceof Mapping mapping) {
            return mapping;
        }
        throw mustBe(rule, node, path);
    }

    private long whole(Node node, String path, long smallest, long largest) {
        Object value = node instanceof Scalar scalar ? scalar.value() : null;
        if (value instanceof Long number && number >= smallest && number <= largest) {
            return number;
        }
        boolean outside = value instanceof Long || value instanceof BigInteger;
        String range = outside ? Phrase.of(" from %d to %d").with(smallest, largest) : "";
        throw mustBe("a whole number" + range, node, path);
    }

    private double number(Node node, String path) {
        if (node instanceof Scalar scalar && scalar.value() instanceof Number number) {
            return number.doubleValue();
        }
        if (node instanceof Scalar scalar && NOT_FINITE.contains(scalar.text())) {
            return Double.parseDouble(scalar.text());
        }
        throw mustBe("a number", node, path);
    }

    private boolean truth(Node node, String path) {
        if (node instanceof Scalar scalar && scalar.value() instanceof Boolean truth) {
            return truth;
        }
        throw mustBe("true or false", node, path);
    }

    /** Any scalar as it is written, so a name such as 2024 or 007 needs no quotes. */
    private String text(Node node, String path) {
        if (node instanceof Scalar scalar && scalar.value() != null) {
            return scalar.text();
        }
        throw mustBe("a text", node, path);
    }

    private Path path(Node node, String path) {
        try {
            return Path.of(text(node, path));
        } catch (InvalidPathException e) {
            throw mustBe("a path", node, path);
        }
    }

    private Object constant(Node node, Class<?> type, String path) {
        List<String> names = new ArrayList<>();
        for (Object constant : type.getEnumConstants()) {
            String name = ((Enum<?>) constant).name();
            if (node instanceof Scalar scalar && name.equalsIgnoreCase(scalar.text())) {
                return constant;
            }
            names.add(name.toLowerCase(Locale.ROOT));
        }
        throw mustBe("one of " + String.join(", ", names), node, path);
    }

    private RecipeException mustBe(String rule, Node node, String path) {
        String what = path.isEmpty() ? "a recipe" : path;
        return refuse(path, Phrase.of("%s must be %s, got %s").with(what, rule, node.quoted()));
    }

    private RecipeException refuse(String path, String message) {
        return refuse(message, change -> change.covers(path));
    }

    private RecipeException refuse(String message, Predicate<Change> toBlame) {
        String blame = changes.stream()
                .filter(toBlame)
                .reduce((earlier, later) -> later)
                .map(change -> Phrase.of(" (from the override %s)").with(Excerpt.of(change.text())))
                .orElse("");
        return new RecipeException(recipe + ": " + message + blame);
    }

    private static String join(String path, String key) {
        return path.isEmpty() ? key : path + "." + key;
    }

    private static String didYouMean(String given, Collection<String> known) {
        return Nearest.name(given, known)
                .map(name -> "; did you mean " + name + "?")
                .orElse("");
    }

    private static String listed(Collection<String> known) {
        return known.isEmpty() ? " (none is known)" : " (known: " + String.join(", ", known) + ")";
    }
}
