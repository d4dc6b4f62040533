package dev.smalti.data;

import dev.smalti.tensor.Excerpt;
import dev.smalti.tensor.Phrase;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Set;
import java.util.function.Consumer;

/** Files by name: a folder or a zip. Names are relative, with {@code /} between their parts. Reads are thread-safe. */
interface Tree extends AutoCloseable {
    /** No file may be larger, whatever an archive says of it. */
    int MOST_BYTES = 256 << 20;

    /** In small letters: macOS, Windows, Linux, Synology, QNAP. */
    Set<String> SYSTEMS = Set.of(
            "__macosx",
            "thumbs.db",
            "$recycle.bin",
            "system volume information",
            "lost+found",
            "@eadir",
            "@tmp",
            "#recycle",
            "#snapshot",
            "@recycle",
            "@recently-snapshot");

    /** What messages call it. */
    String name();

    /** What a person would give to open {@code inside}, a folder in it, alone. */
    String place(String inside);

    /** Calls {@code action} with the name of every file, in any order, but for those that are {@link #hidden}. */
    void list(Consumer<String> action) throws IOException;

    byte[] read(String file) throws IOException;

    /** The first bytes of {@code file}, at most so many. */
    byte[] start(String file, int most) throws IOException;

    /** Bytes of {@code file}, uncompressed. */
    long size(String file) throws IOException;

    @Override
    void close();

    /**
     * Whether a file or folder is a system's own: of a name that begins with a dot, or one under which macOS, Windows or the
     * storage of a network keeps thumbnails, earlier states and what was deleted.
     */
    static boolean hidden(String part) {
        return part.startsWith(".") || SYSTEMS.contains(part.toLowerCase(Locale.ROOT));
    }

    /**
     * Whether a name in an archive is {@link #hidden(String) hidden} by a part of it.
     *
     * @throws DataException if it would lead out of a folder that the archive is unpacked to
     */
    static boolean hidden(Path archive, String name) {
        boolean hidden = false;
        for (int from = 0, to; from <= name.length(); from = to + 1) {
            to = name.indexOf('/', from);
            to = to < 0 ? name.length() : to;
            String part = name.substring(from, to);
            if (part.equals("..")
                    || from == 0 && to == 0
                    || part.indexOf('\\') >= 0
                    || from == 0 && part.indexOf(':') == 1) {
                throw new DataException(
                        Phrase.of("%s has the entry '%s': names must be relative, with / between folders and without"
                                        + " .., a drive or \\; pack it again")
                                .with(archive, Excerpt.brief(name)));
            }
            hidden |= !part.equals(".") && hidden(part);
        }
        return hidden;
    }

    static DataException tooLarge(String name, long bytes) {
        return new DataException(Phrase.of(
                        "%s is too large: a picture's file may have %,d bytes, it has %s; remove it or make it smaller")
                .with(name, MOST_BYTES, bytes < 0 ? "more" : Phrase.of("%,d").with(bytes)));
    }
}
