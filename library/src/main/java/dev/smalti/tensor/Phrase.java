package dev.smalti.tensor;

import java.util.Locale;

/**
 * A text with places for values, such as {@code %s has %,d bytes}, whose numbers look the same in every locale: {@code
 * String.formatted} writes them in the digits of the one that is set, into files and names too.
 */
public record Phrase(String pattern) {
    public static Phrase of(String pattern) {
        return new Phrase(pattern);
    }

    /**
     * The text with its values.
     *
     * @throws java.util.IllegalFormatException if there are too few, or of another kind
     */
    public String with(Object... values) {
        return String.format(Locale.ROOT, pattern, values);
    }
}
