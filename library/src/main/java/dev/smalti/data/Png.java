package dev.smalti.data;

import dev.smalti.tensor.Phrase;
import java.io.IOException;
import java.util.zip.CRC32;

/**
 * What a PNG's chunks say (ISO/IEC 15948, section 5).
 *
 * @param bits of a pixel
 * @param data bytes of compressed pixels
 */
record Png(int width, int height, int bits, long data, Orientation orientation) {
    private static final int IHDR = 0x49484452;
    private static final int IDAT = 0x49444154;
    private static final int IEND = 0x49454e44;
    private static final int EXIF = 0x65584966; // eXIf
    private static final int[] CHANNELS = {1, 0, 3, 1, 2, 0, 4}; // of each kind of colours
    private static final int MOST_INFLATED =
            1032; // a byte of deflated data makes no more (RFC 1951: 258 bytes by 2 bits)

    /**
     * Walks over all chunks up to the end chunk; bytes behind it are ignored.
     *
     * @throws IOException if one is missing, or a critical one is damaged: ImageIO's reader doesn't look
     */
    static Png parse(byte[] file) throws IOException {
        if (file.length < 29 || Octets.u32(file, 12) != IHDR) {
            throw new IOException("it was cut off: it has no header");
        }
        int colors = file[25] & 255;
        int channels = colors < CHANNELS.length ? CHANNELS[colors] : 0;
        long data = 0;
        Orientation orientation = Orientation.UPRIGHT;
        for (long at = 8; ; ) {
            if (at + 12 > file.length) {
                throw new IOException("it was cut off: it has no end chunk");
            }
            int chunk = (int) at;
            long length = Octets.u32(file, chunk);
            if (at + 12 + length > file.length) {
                throw new IOException(Phrase.of("it was cut off: a chunk of %,d bytes at byte %,d of %,d")
                        .with(length, at, file.length));
            }
            checkSum(file, chunk, (int) length);
            int type = (int) Octets.u32(file, chunk + 4);
            if (type == IEND) {
                break;
            }
            if (type == IDAT) {
                data += length;
            } else if (type == EXIF) {
                orientation = Orientation.read(file, chunk + 8, (int) length);
            }
            at += 12 + length;
        }
        int bits = (file[24] & 255) * channels;
        return new Png((int) Octets.u32(file, 16), (int) Octets.u32(file, 20), bits, data, orientation);
    }

    private static void checkSum(byte[] file, int chunk, int length) throws IOException {
        boolean critical = (file[chunk + 4] & 0x20) == 0;
        if (critical) {
            CRC32 sum = new CRC32();
            sum.update(file, chunk + 4, length + 4);
            if (sum.getValue() != Octets.u32(file, chunk + 8 + length)) {
                throw new IOException(Phrase.of("the checksum of the chunk at byte %,d is wrong")
                        .with(chunk));
            }
        }
    }

    /** @throws IOException if there are fewer bytes than could make all pixels */
    void checkData() throws IOException {
        long least = (long) width * height * bits / 8 / MOST_INFLATED;
        if (data < least) {
            throw new IOException(Phrase.of("it was cut off: %,d x %,d pixels need %,d bytes at least, it has %,d")
                    .with(width, height, least, data));
        }
    }
}
