package dev.smalti.data;

import dev.smalti.tensor.Excerpt;
import dev.smalti.tensor.Phrase;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;

/**
 * The files in a tar one after another, by their headers alone: ustar, pax, GNU's long names. What lies between is skipped, and so
 * are folders, links, devices, and files with holes, but those of pax 1.0, which are refused.
 */
final class TarMembers implements AutoCloseable {
    private static final int RECORD = 512;
    private static final int LONGEST = 4096; // letters of a name
    private static final int TAIL = 1 << 16; // bytes behind the end that are looked at

    private final Path path;
    private final Headers headers;
    private TarArchiveInputStream tar; // of one member: from one to the next it reads, and we skip
    private TarArchiveEntry entry;
    private long offset;
    private long next; // header
    private int skipped;

    /** @throws DataException if the file's length is none of a tar */
    TarMembers(Path path) throws IOException {
        this.path = path;
        this.headers = new Headers(FileChannel.open(path));
        if (headers.length % RECORD != 0) {
            headers.close();
            throw new DataException(
                    Phrase.of("%s has %,d bytes, and a tar has a multiple of %d: it was cut off; copy or pack it again")
                            .with(path, headers.length, RECORD));
        }
    }

    /**
     * Goes to the next file; false behind the last.
     *
     * @throws DataException naming the file and the member that breaks a rule
     */
    boolean next() throws IOException {
        do {
            headers.goTo(next);
            TarArchiveEntry before = entry;
            try {
                tar = new TarArchiveInputStream(headers, RECORD, RECORD, StandardCharsets.UTF_8.name(), true);
                entry = tar.getNextEntry();
            } catch (IOException | RuntimeException | StackOverflowError e) {
                // numbers that are none, or a thousand headers of one member, which are read one within the other
                throw broken(before, e);
            }
            if (entry == null) {
                checkEnd();
                return false;
            }
            offset = headers.position;
            check();
            long behind = entry.getLinkFlag() == TarConstants.LF_DIR ? offset : offset + size();
            next = Math.min(headers.length, (behind + RECORD - 1) / RECORD * RECORD);
        } while (!isFile());
        return true;
    }

    private DataException broken(TarArchiveEntry before, Throwable e) {
        String reason = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        return new DataException(
                Phrase.of("%s must be a tar, but its header %s cannot be read (%s); pack it again")
                        .with(
                                path,
                                before == null ? "at the beginning" : "behind " + Excerpt.brief(before.getName()),
                                Excerpt.of(reason)),
                e);
    }

    private void check() {
        if (!entry.isCheckSumOK()) {
            throw new DataException(
                    Phrase.of("%s has a header before byte %,d that is none of a tar; pack it again, or give a folder")
                            .with(path, headers.position));
        }
        if (entry.isPaxGNU1XSparse()) { // its map is in front of its bytes, and was read already
            throw new DataException(
                    Phrase.of("%s has the file %s with holes, as tar --sparse packs them in pax 1.0: pack it without")
                            .with(path, Excerpt.brief(entry.getName())));
        }
        if (entry.getName().length() > LONGEST) {
            throw new DataException(
                    Phrase.of("%s has an entry whose name has %,d letters, %s: there may be %,d; pack it again")
                            .with(path, entry.getName().length(), Excerpt.brief(entry.getName()), LONGEST));
        }
        if (size() < 0 || size() > headers.length - headers.position) {
            throw new DataException(Phrase.of(
                            "%s ends before its entry %s, which declares %,d bytes where %,d are left: it was cut off; copy"
                                    + " or pack it again")
                    .with(path, Excerpt.brief(entry.getName()), size(), headers.length - headers.position));
        }
    }

    private boolean isFile() {
        byte type = entry.getLinkFlag();
        boolean file = (type == 0 || type == '0' || type == '7') && !entry.isSparse() && !entry.isDirectory();
        if (!file && !entry.isDirectory()) {
            skipped++;
        }
        return file;
    }

    /** A tar ends with zeros; without, members may be missing, and with something behind, some would never be read. */
    private void checkEnd() throws IOException {
        int length = (int) Math.min(TAIL, headers.length - headers.position);
        for (byte each : bytes(headers.position, length)) {
            if (each != 0) {
                throw new DataException(path + " goes on behind its end: if it is several that were joined, give them"
                        + " one by one, in a folder");
            }
        }
        for (byte each : bytes(headers.length - RECORD, headers.length == 0 ? 0 : RECORD)) {
            if (each != 0) {
                throw new DataException(path + " has no end, as a tar that was cut off: copy or pack it again");
            }
        }
    }

    String name() {
        return entry.getName();
    }

    /** Where its bytes begin. */
    long offset() {
        return offset;
    }

    long size() {
        return entry.getSize();
    }

    /** All bytes of a small file, once. */
    byte[] bytes() throws IOException {
        return tar.readNBytes(Math.toIntExact(size()));
    }

    private byte[] bytes(long at, int length) throws IOException {
        return new Bytes.OnDisk(headers.channel).read(at, length);
    }

    /** How many links, devices and the like there were so far. */
    int skipped() {
        return skipped;
    }

    @Override
    public void close() throws IOException {
        headers.close();
    }

    /** A file whose parts are read through a small window, or skipped. Its {@code position} is that of the next byte. */
    private static final class Headers extends InputStream {
        private static final int MOST = 1 << 20; // bytes of all headers of a member

        private final FileChannel channel;
        private final long length;
        private final ByteBuffer window = ByteBuffer.allocate(1 << 13).limit(0);
        private long position;
        private int read; // since a member began

        Headers(FileChannel channel) throws IOException {
            this.channel = channel;
            this.length = channel.size();
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 255;
        }

        @Override
        public int read(byte[] to, int at, int most) throws IOException {
            if (most == 0) {
                return 0;
            }
            if (!window.hasRemaining() && !fill()) {
                return -1;
            }
            int taken = Math.min(most, window.remaining());
            read += taken;
            if (read > MOST) {
                throw new IOException(Phrase.of("it has more than %,d bytes").with(MOST));
            }
            window.get(to, at, taken);
            position += taken;
            return taken;
        }

        private boolean fill() throws IOException {
            window.clear();
            int found = channel.read(window, position);
            window.flip();
            if (found <= 0 && position < length) {
                throw new EOFException("it became shorter meanwhile");
            }
            return found > 0;
        }

        /** To where the headers of another member begin. */
        void goTo(long place) {
            long ahead = place - position;
            if (ahead >= 0 && ahead < window.remaining()) {
                window.position(window.position() + (int) ahead);
            } else {
                window.position(0).limit(0);
            }
            position = place;
            read = 0;
        }

        @Override
        public void close() throws IOException {
            channel.close();
        }
    }
}
