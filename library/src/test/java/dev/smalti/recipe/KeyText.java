package dev.smalti.recipe;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the Javadoc says of a key: {@code meaning; range; default if left out}. A range is what numbers and texts have; what
 * follows in sentences of its own belongs to the meaning.
 *
 * @param range empty if there is none
 * @param usual the default; empty for a required key
 */
record KeyText(String meaning, String range, String usual) {
    private static final String LEFT_OUT = "if left out";
    private static final Pattern LITERAL =
            Pattern.compile("(`[^`]+`|-?\\d+(?:\\.\\d+)?(?:e-?\\d+)?|true|false|\\[[^\\]]*\\])(?=$|,| \\()");

    /** @param sentence whether it begins one */
    private record Piece(String text, boolean sentence) {}

    static KeyText parse(String javadoc, boolean hasRange) {
        List<Piece> pieces = pieces(javadoc);
        String range = "";
        if (hasRange
                && pieces.size() > 1
                && !pieces.get(1).sentence()
                && !pieces.get(1).text().contains(LEFT_OUT)) {
            range = pieces.remove(1).text();
        }
        Optional<Piece> usual =
                pieces.stream().filter(each -> each.text().contains(LEFT_OUT)).findFirst();
        usual.ifPresent(pieces::remove);
        StringBuilder meaning = new StringBuilder();
        for (Piece each : pieces) {
            meaning.append(meaning.isEmpty() ? "" : each.sentence() ? ". " : "; ")
                    .append(each.text());
        }
        return new KeyText(
                meaning.toString(),
                range,
                usual.map(each -> each.text().replaceFirst(",? " + LEFT_OUT, ""))
                        .orElse(""));
    }

    boolean required() {
        return usual.isEmpty();
    }

    /** The default as a recipe would say it; empty if it depends on other things, or there is none. */
    Optional<String> literal() {
        Matcher matcher = LITERAL.matcher(usual);
        return matcher.lookingAt() ? Optional.of(matcher.group(1).replace("`", "")) : Optional.empty();
    }

    /** Parts between semicolons and full stops that are in no brackets and in no code. */
    private static List<Piece> pieces(String text) {
        List<Piece> pieces = new ArrayList<>();
        int depth = 0;
        boolean code = false;
        boolean sentence = false;
        int begin = 0;
        for (int i = 0; i < text.length(); i++) {
            char each = text.charAt(i);
            code ^= each == '`';
            depth += "([".indexOf(each) >= 0 ? 1 : ")]".indexOf(each) >= 0 ? -1 : 0;
            boolean stop = each == '.' && (i + 2 >= text.length() || Character.isUpperCase(text.charAt(i + 2)));
            if (!code && depth == 0 && (each == ';' || stop) && (i + 1 == text.length() || text.charAt(i + 1) == ' ')) {
                pieces.add(new Piece(text.substring(begin, i).strip(), sentence));
                sentence = stop;
                begin = i + 1;
            }
        }
        if (begin < text.length()) {
            pieces.add(new Piece(text.substring(begin).strip(), sentence));
        }
        return pieces;
    }
}
