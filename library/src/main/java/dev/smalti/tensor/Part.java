package dev.smalti.tensor;

import java.util.BitSet;
import java.util.Collection;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * One of several parts of some work, each done by a process that shares nothing with the others but a folder. Parts one behind the
 * other are the whole.
 *
 * @param number from 1 on
 * @param of how many
 */
public record Part(int number, int of) {
    /** The most that there can be. */
    public static final int MOST = 100_000;

    private static final Pattern TEXT = Pattern.compile("(\\d{1,6})/(\\d{1,6})");
    private static final String NAME = "part-(\\d{4,6})-of-(\\d{4,6})";
    private static final Pattern FINISHED = // as each verb ends them: others call other things so
            Pattern.compile(NAME + "(?:-[0-9a-f]{8})?\\.(?:safetensors|tar)|\\.smalti-" + NAME + "\\.json");
    private static final Pattern ANNOUNCED = Pattern.compile("\\.smalti-parts-of-(\\d{4,6})\\.json");
    private static final int SHOWN = 8;

    /** @throws IllegalArgumentException if there is no such part */
    public Part {
        if (of < 1 || of > MOST || number < 1 || number > of) {
            throw new IllegalArgumentException(
                    Phrase.of("a part must be I/N with I from 1 to N, and N at most %,d, such as 3/16, got %d/%d")
                            .with(MOST, number, of));
        }
    }

    /**
     * Reads {@code 3/16}.
     *
     * @throws IllegalArgumentException if it is none
     */
    public static Part parse(String text) {
        Matcher matcher = TEXT.matcher(text.strip());
        if (!matcher.matches()) {
            throw new IllegalArgumentException(
                    "a part must be I/N with I from 1 to N, such as 3/16, got " + Excerpt.brief(text));
        }
        return new Part(Integer.parseInt(matcher.group(1)), Integer.parseInt(matcher.group(2)));
    }

    /** What files of it are called: {@code part-0003-of-0016}. By their names parts are in order. */
    public String name() {
        return Phrase.of("part-%s-of-%s").with(digits(number), digits(of));
    }

    /** The file that says what all parts of a folder are of. */
    public String announcement() {
        return ".smalti-parts-of-" + digits(of) + ".json";
    }

    /** The file that says that this part is done, where no file of its name does. */
    public String mark() {
        return ".smalti-" + name() + ".json";
    }

    private String digits(int value) {
        return digits(value, of);
    }

    private static String digits(int value, int of) {
        return Phrase.of("%0" + Math.max(4, Integer.toString(of).length()) + "d")
                .with(value);
    }

    /** Of the file of a part or its mark, its number and how many there are; null of any other, as of 00000-of-00010. */
    private static int[] numbers(String name) {
        Matcher matcher = FINISHED.matcher(name);
        if (!matcher.matches()) {
            return null;
        }
        int group = matcher.group(1) == null ? 3 : 1;
        int number = Integer.parseInt(matcher.group(group));
        int of = Integer.parseInt(matcher.group(group + 1));
        boolean own = digits(number, of).equals(matcher.group(group))
                && digits(of, of).equals(matcher.group(group + 1));
        return own ? new int[] {number, of} : null;
    }

    /** Whether a file is that of a part. */
    public static boolean isPart(String name) {
        return !name.startsWith(".") && numbers(name) != null;
    }

    /**
     * The first of {@code count} things that are of this part, where {@code unit} of them, from the first on, stay together.
     */
    public long from(long count, long unit) {
        long units = (count + unit - 1) / unit;
        return Math.min(count, units * (number - 1) / of * unit);
    }

    /** The first behind this part. */
    public long to(long count, long unit) {
        long units = (count + unit - 1) / unit;
        return Math.min(count, units * number / of * unit);
    }

    @Override
    public String toString() {
        return number + "/" + of;
    }

    /** Which files of a folder are what all parts of some number are announced by. */
    public static boolean isAnnouncement(String name) {
        return ANNOUNCED.matcher(name).matches();
    }

    /** What keeps a folder's files from being all parts of something, if any of them are parts. */
    public static Optional<String> problem(Collection<String> names) {
        int of = 0;
        BitSet found = new BitSet();
        for (String name : names) {
            Matcher announced = ANNOUNCED.matcher(name);
            int[] finished = numbers(name);
            boolean part = finished != null;
            if (!part && !announced.matches()) {
                continue;
            }
            int said = part ? finished[1] : Integer.parseInt(announced.group(1));
            if (of != 0 && of != said) {
                return Optional.of(Phrase.of("it has parts of %d and of %d: move those of one away")
                        .with(of, said));
            }
            of = said;
            int number = part ? finished[0] : 0;
            if (number > of || part && (number == 0 || found.get(number))) {
                return Optional.of(Phrase.of("part %d of %d is %s, by the file %s: move it away")
                        .with(number, of, found.get(number) ? "there twice" : "none", Excerpt.brief(name)));
            }
            found.set(number, part);
        }
        return of > MOST
                ? Optional.of(
                        Phrase.of("it has parts of %,d, and there can be %,d").with(of, MOST))
                : missing(of, found);
    }

    private static Optional<String> missing(int of, BitSet found) {
        if (found.cardinality() == of) {
            return Optional.empty();
        }
        int[] missing =
                IntStream.rangeClosed(1, of).filter(each -> !found.get(each)).toArray();
        String shown =
                IntStream.of(missing).limit(SHOWN).mapToObj(Integer::toString).collect(Collectors.joining(", "));
        return Optional.of(Phrase.of("it has %d of %d parts, and %s%s %s not there: make them with --part %d/%d")
                .with(
                        found.cardinality(),
                        of,
                        shown,
                        missing.length > SHOWN ? " and others" : "",
                        missing.length > 1 ? "are" : "is",
                        missing[0],
                        of));
    }
}
