package dev.smalti.tensor;

/**
 * A part of long work, and how far it is.
 *
 * @param name what is done, such as {@code drawing}
 * @param unit of what is counted, in the plural; empty where nothing is
 * @param total how many there are; 0 where nothing is counted
 * @param done how many of them are done, those of an earlier process too
 * @param note more to say, such as the loss; else empty
 */
public record Phase(String name, String unit, long total, long done, String note) {
    /** One in which nothing is counted. */
    public static Phase of(String name) {
        return of(name, "", 0);
    }

    /** One that begins. */
    public static Phase of(String name, String unit, long total) {
        return new Phase(name, unit, total, 0, "");
    }

    /** Whether anything is counted. */
    public boolean counted() {
        return total > 0;
    }

    /** The same with so many done. */
    public Phase done(long count) {
        return new Phase(name, unit, total, count, note);
    }

    /** The same with more to say. */
    public Phase note(String more) {
        return new Phase(name, unit, total, done, more);
    }

    /** The same as a part of something larger. */
    public Phase in(String whole) {
        return new Phase(whole + ", " + name, unit, total, done, note);
    }
}
