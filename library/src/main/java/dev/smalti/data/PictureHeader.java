package dev.smalti.data;

import java.util.Optional;

/**
 * How large a picture is, from the first bytes of its file alone: a JPEG's frame header (ITU-T T.81, B.2.2), a PNG's IHDR, a
 * GIF's screen, a BMP's information header, a WebP's first chunk.
 */
final class PictureHeader {
    /** So many bytes are enough but where a JPEG has long profiles or thumbnails before its frame. */
    static final int BYTES = 1 << 17;

    private final byte[] file;

    private PictureHeader(byte[] file) {
        this.file = file;
    }

    /** Empty where the bytes don't say. */
    static Optional<Extent> extent(byte[] start) {
        PictureHeader header = new PictureHeader(start);
        return header.stored().filter(extent -> extent.width() > 0 && extent.height() > 0);
    }

    private Optional<Extent> stored() {
        if (is(0, 0xff, 0xd8, 0xff)) {
            return jpeg();
        }
        if (is(0, 0x89, 'P', 'N', 'G') && is(12, 'I', 'H', 'D', 'R')) {
            return extent(24, (int) big(16, 4), (int) big(20, 4));
        }
        if (is(0, 'G', 'I', 'F', '8')) {
            return extent(10, (int) little(6, 2), (int) little(8, 2));
        }
        if (is(0, 'B', 'M')) {
            return little(14, 4) == 12 // of OS/2, with sides of 16 bits
                    ? extent(22, (int) little(18, 2), (int) little(20, 2))
                    : extent(26, (int) little(18, 4), Math.abs((int) little(22, 4))); // below 0: from top to bottom
        }
        return is(0, 'R', 'I', 'F', 'F') && is(8, 'W', 'E', 'B', 'P') ? webp() : Optional.empty();
    }

    private Optional<Extent> webp() {
        if (is(12, 'V', 'P', '8', 'X')) {
            return extent(30, (int) little(24, 3) + 1, (int) little(27, 3) + 1);
        }
        if (is(12, 'V', 'P', '8', 'L')) {
            long bits = little(21, 4);
            return extent(25, (int) (bits & 0x3fff) + 1, (int) (bits >> 14 & 0x3fff) + 1);
        }
        return is(12, 'V', 'P', '8', ' ')
                ? extent(30, (int) little(26, 2) & 0x3fff, (int) little(28, 2) & 0x3fff)
                : Optional.empty();
    }

    private Optional<Extent> jpeg() {
        int at = 2;
        while (at + 9 <= file.length && (file[at] & 255) == 0xff) {
            int marker = file[at + 1] & 255;
            if (marker == 0xff) { // a fill byte
                at++;
                continue;
            }
            boolean frame = marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
            if (frame) {
                return extent(at + 9, (int) big(at + 7, 2), (int) big(at + 5, 2));
            }
            at += 2 + (int) Math.max(2, big(at + 2, 2));
        }
        return Optional.empty();
    }

    /** @param needed bytes that were read for it */
    private Optional<Extent> extent(int needed, int width, int height) {
        return file.length < needed ? Optional.empty() : Optional.of(new Extent(width, height));
    }

    private boolean is(int from, int... bytes) {
        for (int i = 0; i < bytes.length; i++) {
            if (from + i >= file.length || (file[from + i] & 255) != bytes[i]) {
                return false;
            }
        }
        return true;
    }

    private long big(int from, int count) {
        long value = 0;
        for (int i = 0; i < count; i++) {
            value = value << 8 | at(from + i);
        }
        return value;
    }

    private long little(int from, int count) {
        long value = 0;
        for (int i = count - 1; i >= 0; i--) {
            value = value << 8 | at(from + i);
        }
        return value;
    }

    private int at(int index) {
        return index < file.length ? file[index] & 255 : 0;
    }
}
