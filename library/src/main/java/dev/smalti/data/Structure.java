package dev.smalti.data;

import java.io.IOException;
import java.util.zip.CRC32;

/** Whether the file of a picture is whole, where ImageIO's readers don't look. */
final class Structure {
    private Structure() {}

    /** Every chunk of a PNG is there, with the right checksum, up to the end chunk (ISO 15948, section 5). */
    static void checkPng(byte[] file) throws IOException {
        CRC32 checksum = new CRC32();
        for (long at = 8; ; ) {
            if (at + 12 > file.length) {
                throw new IOException("it was cut off: it has no end chunk");
            }
            int chunk = (int) at;
            long length = u32(file, chunk);
            if (at + 12 + length > file.length) {
                throw new IOException(
                        "it was cut off: a chunk of %,d bytes at byte %,d of %,d".formatted(length, at, file.length));
            }
            boolean critical = (file[chunk + 4] & 0x20) == 0;
            if (critical) {
                checksum.reset();
                checksum.update(file, chunk + 4, (int) length + 4);
                if (checksum.getValue() != u32(file, chunk + 8 + (int) length)) {
                    throw new IOException("the checksum of the chunk at byte %,d is wrong".formatted(at));
                }
            }
            if (u32(file, chunk + 4) == 0x49454e44) { // IEND
                return;
            }
            at += 12 + length;
        }
    }

    /** The first frame of a GIF is there up to its end. */
    static void checkGif(byte[] file) throws IOException {
        int at = 13 + table(at(file, 10));
        while (true) {
            switch (at(file, at)) {
                case 0x21 -> at = blocks(file, at + 2);
                case 0x2c -> {
                    blocks(file, at + 11 + table(at(file, at + 9)));
                    return;
                }
                default -> throw new IOException("it has no frame");
            }
        }
    }

    /** A WebP is as long as it says. */
    static void checkWebp(byte[] file) throws IOException {
        long length = Integer.toUnsignedLong(Integer.reverseBytes((int) u32(file, 4))) + 8;
        if (length > file.length) {
            throw new IOException("it was cut off: %,d bytes of %,d".formatted(file.length, length));
        }
    }

    private static int table(int flags) {
        return (flags & 0x80) == 0 ? 0 : 3 << (flags & 7) + 1;
    }

    private static int blocks(byte[] file, int from) throws IOException {
        int at = from;
        for (int length = at(file, at); length != 0; length = at(file, at)) {
            at += 1 + length;
        }
        return at + 1;
    }

    private static int at(byte[] file, int at) throws IOException {
        if (at >= file.length) {
            throw new IOException("it was cut off: its first frame doesn't end");
        }
        return file[at] & 255;
    }

    private static long u32(byte[] file, int at) {
        return (file[at] & 255L) << 24 | (file[at + 1] & 255) << 16 | (file[at + 2] & 255) << 8 | file[at + 3] & 255;
    }
}
