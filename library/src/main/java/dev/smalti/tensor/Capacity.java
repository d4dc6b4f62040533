package dev.smalti.tensor;

import java.io.EOFException;

/**
 * How many bytes there can be at most. Readers of arrays hold what a header declares against it, and take memory only then: a
 * file of 190 bytes gets no 2 GB because it says so.
 *
 * @param most bytes, unpacked
 */
public record Capacity(long most) {
    private static final long DEFLATE = 1032; // a copy of 258 bytes takes two bits (RFC 1951, section 3.2.5)

    /** Of {@code bytes} as they are. */
    public static Capacity stored(long bytes) {
        return new Capacity(Math.max(0, bytes));
    }

    /** Of {@code bytes} that deflate has packed, as in zips and gzip. */
    public static Capacity deflated(long bytes) {
        return new Capacity(Math.max(0, Math.min(bytes, Long.MAX_VALUE / DEFLATE)) * DEFLATE);
    }

    /**
     * @param what declares it, for the message
     * @throws EOFException if {@code declared} bytes can't be there
     */
    public void check(String what, long declared) throws EOFException {
        if (declared < 0 || declared > most) {
            throw new EOFException(Phrase.of("%s declares %,d bytes, and there can be %,d at most")
                    .with(what, declared, most));
        }
    }
}
