package dev.smalti.data;

import dev.smalti.tensor.Phrase;
import java.io.IOException;
import java.util.Arrays;

/**
 * What the header of a BMP says.
 *
 * @param bits of a pixel
 * @param packing 0 and 3 are pixels as they are, 1 and 2 runs, 4 and 5 a whole JPEG or PNG
 */
record Bmp(int width, int height, int bits, int packing) {
    private static final int OLDEST = 12; // with sides of 16 bits, and nothing but plain pixels

    /** @throws IOException if the header isn't there */
    static Bmp parse(byte[] file) throws IOException {
        int header = (int) Math.min(Octets.u32Little(file, 14), file.length);
        if (header == OLDEST) {
            return new Bmp(Octets.u16Little(file, 18), Octets.u16Little(file, 20), Octets.u16Little(file, 24), 0);
        }
        if (14 + header > file.length || header < 40) {
            throw new IOException("its header is broken or cut off");
        }
        int width = Math.max(0, (int) Octets.u32Little(file, 18));
        int height = Math.abs((int) Octets.u32Little(file, 22)); // less than 0: from top to bottom
        int packing = (int) Math.min(Octets.u32Little(file, 30), Integer.MAX_VALUE);
        return new Bmp(width, Math.max(0, height), Octets.u16Little(file, 28), packing);
    }

    /**
     * The JPEG or PNG that it wraps; null if it wraps none.
     *
     * @throws IOException if that is longer than the file
     */
    byte[] wrapped(byte[] file) throws IOException {
        if (packing != 4 && packing != 5) {
            return null;
        }
        long from = Octets.u32Little(file, 10);
        long length = Octets.u32Little(file, 34);
        if (from + length > file.length) {
            throw new IOException(Phrase.of("it was cut off: it wraps a picture of %,d bytes at byte %,d of %,d")
                    .with(length, from, file.length));
        }
        return Arrays.copyOfRange(file, (int) from, (int) (from + length));
    }

    /** @throws IOException if there are fewer bytes than plain pixels need */
    void checkData(byte[] file) throws IOException {
        long row = ((long) width * bits + 31) / 32 * 4;
        long least = packing == 0 || packing == 3 ? row * (height - 1L) + ((long) width * bits + 7) / 8 : 0;
        if (least > file.length) {
            throw new IOException(Phrase.of("it was cut off: %,d x %,d pixels need %,d bytes, it has %,d")
                    .with(width, height, least, file.length));
        }
    }
}
