package dev.smalti.tensor;

/** What a message quotes of an input: one line, of at most {@value #LONGEST} characters, that a terminal shows as it is. */
public final class Excerpt {
    public static final int LONGEST = 200;

    private Excerpt() {}

    /** The beginning of {@code text}, all of it where it is short. */
    public static String of(String text) {
        return of(text, LONGEST);
    }

    /** The beginning of a name or value among others, of at most 80 characters. */
    public static String brief(String text) {
        return of(text, 80);
    }

    /** The same with another limit. @param longest at least 1, the ellipsis counted */
    public static String of(String text, int longest) {
        return text.length() <= longest ? plain(text) : plain(before(text, longest - 1)) + "…";
    }

    /** Both ends of a long message, whose end may say the way out. @param longest at least 3 */
    public static String ofBothEnds(String text, int longest) {
        if (text.length() <= longest) {
            return plain(text);
        }
        int end = (longest - 1) / 3;
        String last = text.substring(text.length() - end);
        return plain(before(text, longest - 1 - end)) + "…" + plain(last);
    }

    /** No half of a pair of characters at the end. */
    private static String before(String text, int end) {
        return text.substring(0, Character.isHighSurrogate(text.charAt(end - 1)) ? end - 1 : end);
    }

    /** Control characters could move the cursor. */
    private static String plain(String text) {
        return text.strip().replaceAll("\\s*\\R\\s*", " ").replaceAll("\\p{Cc}", "?");
    }
}
