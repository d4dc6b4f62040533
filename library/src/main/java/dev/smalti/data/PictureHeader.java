package dev.smalti.data;

import java.util.Arrays;
import java.util.Optional;

/**
 * How large a picture is, from the first bytes of its file alone: a JPEG's frame header (ITU-T T.81, B.2.2), a PNG's IHDR, a
 * GIF's screen, a BMP's information header, a WebP's first chunk.
 */
final class PictureHeader {
    /** So many bytes are enough but where a JPEG has long profiles or thumbnails before its frame. */
    static final int BYTES = 1 << 17;

    private static final int LONGEST = 32; // of what is looked at in one place

    private final byte[] file; // with zeros behind it, so that each place can be looked at
    private final int length;

    private PictureHeader(byte[] start) {
        file = Arrays.copyOf(start, start.length + LONGEST);
        length = start.length;
    }

    /** Empty where the bytes don't say. */
    static Optional<Extent> extent(byte[] start) {
        PictureHeader header = new PictureHeader(start);
        return header.stored().filter(extent -> extent.width() > 0 && extent.height() > 0);
    }

    private Optional<Extent> stored() {
        if (Octets.is(file, 0, "\u00ff\u00d8\u00ff")) {
            return jpeg();
        }
        if (Octets.is(file, 0, "\u0089PNG") && Octets.is(file, 12, "IHDR")) {
            return extent(24, (int) Octets.u32(file, 16), (int) Octets.u32(file, 20));
        }
        if (Octets.is(file, 0, "GIF8")) {
            return extent(10, Octets.u16Little(file, 6), Octets.u16Little(file, 8));
        }
        if (Octets.is(file, 0, "BM")) {
            return Octets.u32Little(file, 14) == 12 // of OS/2, with sides of 16 bits
                    ? extent(22, Octets.u16Little(file, 18), Octets.u16Little(file, 20))
                    : extent(26, (int) Octets.u32Little(file, 18), Math.abs((int)
                            Octets.u32Little(file, 22))); // below 0: from top to bottom
        }
        return Octets.is(file, 0, "RIFF") && Octets.is(file, 8, "WEBP") ? webp() : Optional.empty();
    }

    private Optional<Extent> webp() {
        if (Octets.is(file, 12, "VP8X")) {
            return extent(30, Octets.u24Little(file, 24) + 1, Octets.u24Little(file, 27) + 1);
        }
        if (Octets.is(file, 12, "VP8L")) {
            long bits = Octets.u32Little(file, 21);
            return extent(25, (int) (bits & 0x3fff) + 1, (int) (bits >> 14 & 0x3fff) + 1);
        }
        return Octets.is(file, 12, "VP8 ")
                ? extent(30, Octets.u16Little(file, 26) & 0x3fff, Octets.u16Little(file, 28) & 0x3fff)
                : Optional.empty();
    }

    private Optional<Extent> jpeg() {
        int at = 2;
        while (at + 9 <= length && (file[at] & 255) == 0xff) {
            int marker = file[at + 1] & 255;
            if (marker == 0xff) { // a fill byte
                at++;
                continue;
            }
            boolean frame = marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
            if (frame) {
                return extent(at + 9, Octets.u16(file, at + 7), Octets.u16(file, at + 5));
            }
            at += 2 + Math.max(2, Octets.u16(file, at + 2));
        }
        return Optional.empty();
    }

    /** @param needed bytes that were read for it */
    private Optional<Extent> extent(int needed, int width, int height) {
        return length < needed ? Optional.empty() : Optional.of(new Extent(width, height));
    }
}
