package dev.smalti.recipe;

import dev.smalti.recipe.Node.Mapping;
import dev.smalti.recipe.Node.Sequence;
import dev.smalti.tensor.Excerpt;
import dev.smalti.tensor.Phrase;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** An override of one key: {@code training.steps=100}, {@code betas[1]=0.99}, {@code prior={kind: absorbing}}. */
record Change(String text, List<String> path, Node value) {

    /** @throws RecipeException if there is no equals sign, an empty key, or a value that is not YAML */
    static Change parse(String text, String recipe) {
        int equals = text.indexOf('=');
        if (equals < 0) {
            throw new RecipeException(
                    Phrase.of("%s: override \"%s\" has no value; write key=value, for example training.steps=100")
                            .with(recipe, Excerpt.of(text)));
        }
        List<String> path = List.of(dotted(text.substring(0, equals).strip()).split("\\.", -1));
        if (path.stream().anyMatch(String::isBlank)) {
            throw new RecipeException(
                    Phrase.of("%s: override \"%s\" has an empty key; write key=value, for example training.steps=100")
                            .with(recipe, Excerpt.of(text)));
        }
        return new Change(
                text,
                path,
                Yaml.read(
                        text.substring(equals + 1),
                        Phrase.of("%s: override \"%s\"").with(recipe, Excerpt.of(text))));
    }

    /** Makes the change in {@code root}, with the mappings on the way to it where there are none. */
    void apply(Mapping root, String recipe) {
        Node parent = root;
        for (int i = 0; i < path.size() - 1; i++) {
            Node child = child(parent, i, recipe);
            if (child.isNothing()) {
                child = new Mapping(new LinkedHashMap<>());
                put(parent, i, child, recipe);
            }
            parent = child;
        }
        put(parent, path.size() - 1, value, recipe);
    }

    /** Whether what stands at {@code key}, such as {@code training.betas[1]}, came from this change. */
    boolean covers(String key) {
        return (dotted(key) + ".").startsWith(String.join(".", path) + ".");
    }

    /** Whether this change is made inside what stands at {@code key}. */
    boolean reachesInto(String key) {
        return (String.join(".", path) + ".").startsWith(dotted(key) + ".");
    }

    private Node child(Node parent, int level, String recipe) {
        if (parent instanceof Mapping mapping) {
            return mapping.entries().getOrDefault(path.get(level), Node.NOTHING);
        }
        return items(parent, level, recipe).get(index(parent, level, recipe));
    }

    private void put(Node parent, int level, Node child, String recipe) {
        if (parent instanceof Mapping mapping) {
            Map<String, Node> entries = mapping.entries();
            entries.put(path.get(level), child);
        } else {
            items(parent, level, recipe).set(index(parent, level, recipe), child);
        }
    }

    private List<Node> items(Node parent, int level, String recipe) {
        if (parent instanceof Sequence sequence) {
            return sequence.items();
        }
        throw new RecipeException(Phrase.of("%s: override \"%s\" reaches into %s, which is %s")
                .with(recipe, Excerpt.of(text), at(level), parent.quoted()));
    }

    private int index(Node parent, int level, String recipe) {
        int size = items(parent, level, recipe).size();
        for (int i = 0; i < size; i++) {
            if (path.get(level).equals(Integer.toString(i))) {
                return i;
            }
        }
        throw new RecipeException(
                Phrase.of("%s: override \"%s\" must name one of the %d items of %s, counted from 0, got %s")
                        .with(recipe, Excerpt.of(text), size, at(level), path.get(level)));
    }

    private String at(int level) {
        return String.join(".", path.subList(0, level));
    }

    private static String dotted(String path) {
        return path.replace("[", ".").replace("]", "");
    }
}
