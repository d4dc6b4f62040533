package dev.smalti.tensor;

import java.math.BigInteger;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Values in dictionaries and lists, by their names joined with dots. A dictionary may lie in others any number of times, and in
 * itself, so the whole is bounded: {@value #DEEPEST} levels, and characters of names in proportion to what was read.
 *
 * @param leaves what was looked for, by name, in order
 * @param settings numbers, words and truths by name, {@value #MOST_SETTINGS} at most, the first {@value #LISTED} of a list
 * @param others values that were not made, by name: what they are
 */
record Flattening<L>(Map<String, L> leaves, Map<String, String> settings, Map<String, String> others) {
    private static final int DEEPEST = 100;
    private static final int LONGEST = 1_000; // characters of a name, and of a setting
    private static final int MOST_SETTINGS = 4_096;
    private static final int LISTED = 64;
    private static final int MOST_BITS = 256; // of a whole number

    /**
     * @param root dictionaries by {@link Map}, lists by {@link List}
     * @param bytes that it took in the file
     * @throws BadFileException if it is nested without end, or two tensors get one name
     */
    static <L> Flattening<L> of(Path file, Object root, Class<L> kind, long bytes) {
        Flattening<L> flat = new Flattening<>(new LinkedHashMap<>(), new LinkedHashMap<>(), new LinkedHashMap<>());
        new Walk<>(file, kind, flat, (1 << 20) + 16 * bytes).visit(root, "", 0);
        return flat;
    }

    private static final class Walk<L> {
        private final Path file;
        private final Class<L> kind;
        private final Flattening<L> flat;
        private long left; // characters

        private Walk(Path file, Class<L> kind, Flattening<L> flat, long left) {
            this.file = file;
            this.kind = kind;
            this.flat = flat;
            this.left = left;
        }

        private void visit(Object value, String name, int depth) {
            if (kind.isInstance(value)) {
                leaf(name, kind.cast(value));
            } else if (value instanceof Map<?, ?> map) {
                inside(map, name, depth);
            } else if (value instanceof Unpickler.Opaque opaque && opaque.items() != null) {
                inside(opaque.items(), name, depth);
            } else if (value instanceof Unpickler.Opaque opaque) {
                if (name.length() <= LONGEST) {
                    flat.others.putIfAbsent(name, opaque.name());
                }
            } else if (value instanceof List<?> list) {
                int index = 0;
                for (Object each : list) {
                    item(each, name, Integer.toString(index), depth, index < LISTED);
                    index++;
                }
            } else {
                setting(name, value);
            }
        }

        private void inside(Map<?, ?> map, String name, int depth) {
            map.forEach((key, value) -> item(value, name, key.toString(), depth, true));
        }

        private void item(Object value, String name, String key, int depth, boolean listed) {
            boolean plain = value instanceof String || value instanceof Number || value instanceof Boolean;
            if (value == null || (plain && (!listed || flat.settings.size() >= MOST_SETTINGS))) {
                spend(1); // of a list that may be long
                return;
            }
            if (depth >= DEEPEST) {
                throw new BadFileException(
                        file,
                        Phrase.of("must not have more than %d levels of dictionaries and lists, has more")
                                .with(DEEPEST));
            }
            spend(name.length() + key.length() + 16);
            visit(value, name.isEmpty() ? key : name + "." + key, depth + 1);
        }

        private void spend(int characters) {
            left -= characters;
            if (left < 0) {
                throw new BadFileException(
                        file,
                        "has dictionaries that lie in one another again and again, and no tensors of so many names");
            }
        }

        private void leaf(String name, L value) {
            if (name.length() > LONGEST) {
                throw new BadFileException(
                        file,
                        Phrase.of("must name its tensors by %,d characters at most, has %s")
                                .with(LONGEST, Excerpt.brief(name)));
            }
            if (flat.leaves.putIfAbsent(name, value) != null) {
                throw new BadFileException(file, "has two tensors that are named " + Excerpt.of(name));
            }
        }

        private void setting(String name, Object value) {
            if (name.length() <= LONGEST
                    && !(value instanceof BigInteger number && number.bitLength() > MOST_BITS)
                    && !(value instanceof String text && text.length() > LONGEST)
                    && (value instanceof String || value instanceof Number || value instanceof Boolean)) {
                flat.settings.putIfAbsent(name, value.toString());
            }
        }
    }
}
