package dev.smalti.data;

import java.io.IOException;
import java.util.Locale;
import java.util.function.Consumer;

/** Files by name: a folder or a zip. Names are relative, with {@code /} between their parts. Reads are thread-safe. */
interface Tree extends AutoCloseable {
    /** No file may be larger, whatever an archive says of it. */
    int MOST_BYTES = 256 << 20;

    /** What messages call it. */
    String name();

    /** Calls {@code action} with the name of every file, in any order, but for those that are {@link #hidden}. */
    void list(Consumer<String> action) throws IOException;

    byte[] read(String file) throws IOException;

    /** The first bytes of {@code file}, at most so many. */
    byte[] start(String file, int most) throws IOException;

    /** Bytes of {@code file}, uncompressed. */
    long size(String file) throws IOException;

    @Override
    void close();

    /** What operating systems leave behind: names that begin with a dot, {@code __MACOSX}, thumbnails. */
    static boolean hidden(String part) {
        return part.startsWith(".")
                || part.equals("__MACOSX")
                || part.toLowerCase(Locale.ROOT).equals("thumbs.db");
    }

    static DataException tooLarge(String name, long bytes) {
        return new DataException(
                "%s is too large: a picture's file may have %,d bytes, it has %s; remove it or make it smaller"
                        .formatted(name, MOST_BYTES, bytes < 0 ? "more" : "%,d".formatted(bytes)));
    }
}
