package dev.smalti.recipe;

import java.util.List;
import java.util.Map;

/** A piece of YAML before anyone has asked what type it should be. */
sealed interface Node {
    int LONGEST_QUOTE = 60;

    record Mapping(Map<String, Node> entries) implements Node {}

    record Sequence(List<Node> items) implements Node {}

    /** @param value what the text reads as: a String, Boolean, Long, BigInteger, Double, or null for nothing */
    record Scalar(String text, Object value) implements Node {}

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
            String shown = text.length() <= LONGEST_QUOTE ? text : text.substring(0, LONGEST_QUOTE) + "...";
            return scalar.value() instanceof String ? '"' + shown + '"' : shown;
        }
        return this instanceof Mapping ? "a mapping" : "a list";
    }
}
