package dev.smalti.recipe;

import dev.smalti.tensor.Excerpt;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A piece of YAML before anyone has asked what type it should be. */
sealed interface Node {
    int LONGEST_QUOTE = 60;

    record Mapping(Map<String, Node> entries) implements Node {
        @Override
        public Map<String, Object> plain() {
            Map<String, Object> plain = new LinkedHashMap<>();
            entries.forEach((key, each) -> plain.put(key, each.plain()));
            return plain;
        }
    }

    record Sequence(List<Node> items) implements Node {
        @Override
        public List<Object> plain() {
            List<Object> plain = new ArrayList<>();
            items.forEach(each -> plain.add(each.plain()));
            return plain;
        }
    }

    /** @param value what the text reads as: a String, Boolean, Long, BigInteger, Double, or null for nothing */
    record Scalar(String text, Object value) implements Node {
        @Override
        public Object plain() {
            return value;
        }
    }

    /** The same as maps, lists and values. */
    Object plain();

    Node NOTHING = new Scalar("", null);

    /** Whether this is an empty value, {@code ~} or {@code null}. */
    default boolean isNothing() {
        return this instanceof Scalar scalar && scalar.value() == null;
    }

    /** How a message quotes this: {@code "many"}, {@code 3.5}, {@code nothing}, {@code a list}. */
    default String quoted() {
        if (this instanceof Scalar scalar) {
            if (scalar.value() == null) {
                return "nothing";
            }
            String text = scalar.text().replaceAll("\\s+", " ");
            String shown = Excerpt.of(text, LONGEST_QUOTE);
            return scalar.value() instanceof String ? '"' + shown + '"' : shown;
        }
        return this instanceof Mapping ? "a mapping" : "a list";
    }
}
