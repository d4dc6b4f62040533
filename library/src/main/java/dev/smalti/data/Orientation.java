package dev.smalti.data;

import com.drew.imaging.tiff.TiffProcessingException;
import com.drew.imaging.tiff.TiffReader;
import com.drew.lang.ByteArrayReader;
import com.drew.lang.RandomAccessReader;
import com.drew.metadata.Metadata;
import com.drew.metadata.exif.ExifIFD0Directory;
import com.drew.metadata.exif.ExifTiffHandler;
import java.io.IOException;
import java.util.Arrays;
import java.util.Set;

/**
 * How the stored pixels of a picture lie to what is seen (EXIF 2.32, tag 0x0112).
 *
 * @param value 1 to 8: 1 is upright, 2 to 4 are mirrored or on their head, 5 to 8 lie on a side
 */
record Orientation(int value) {
    static final Orientation UPRIGHT = new Orientation(1);

    private static final String PREFIX = "Exif\0\0"; // in JPEG always, in others by mistake
    private static final int MOST_BYTES = 1 << 16; // as long as a JPEG can have it

    /** Of a block of EXIF data; upright where that is broken or doesn't say, for the pixels are whole all the same. */
    static Orientation read(byte[] file, int at, int length) {
        int from = length >= PREFIX.length() && Octets.is(file, at, PREFIX) ? at + PREFIX.length() : at;
        int to = Math.min(at + length, from + MOST_BYTES);
        Metadata metadata = new Metadata();
        try {
            new TiffReader()
                    .processTiff(new ByteArrayReader(Arrays.copyOfRange(file, from, to)), new First(metadata), 0);
        } catch (IOException | TiffProcessingException | RuntimeException e) {
            return UPRIGHT;
        }
        ExifIFD0Directory directory = metadata.getFirstDirectoryOfType(ExifIFD0Directory.class);
        Integer value = directory == null ? null : directory.getInteger(ExifIFD0Directory.TAG_ORIENTATION);
        return value == null || value < 1 || value > 8 ? UPRIGHT : new Orientation(value);
    }

    /** Reads one tag of the first directory, and passes over all else: others hold whole formats, and lead to each other. */
    private static final class First extends ExifTiffHandler {
        First(Metadata metadata) {
            super(metadata, null, 0);
        }

        @Override
        public boolean tryEnterSubIfd(int tag) {
            return false;
        }

        @Override
        public boolean hasFollowerIfd() {
            return false;
        }

        @Override
        public boolean customProcessTag(
                int at, Set<Integer> directories, int header, RandomAccessReader reader, int tag, int bytes) {
            return tag != ExifIFD0Directory.TAG_ORIENTATION;
        }
    }

    /** Whether width and height change places. */
    boolean swaps() {
        return value >= 5;
    }

    /** Pixels as stored, of so many bytes each -> as seen. */
    byte[] turn(byte[] stored, int width, int height, int bytes) {
        boolean fromRight = value == 2 || value == 3 || value >= 7;
        boolean fromBottom = value == 3 || value == 4 || value == 6 || value == 7;
        int across = swaps() ? height : width;
        int down = swaps() ? width : height;
        byte[] seen = new byte[stored.length];
        for (int y = 0, to = 0; y < down; y++) {
            for (int x = 0; x < across; x++, to += bytes) {
                int column = swaps() ? y : x;
                int row = swaps() ? x : y;
                int from = (fromBottom ? height - 1 - row : row) * width + (fromRight ? width - 1 - column : column);
                for (int i = 0; i < bytes; i++) {
                    seen[to + i] = stored[from * bytes + i];
                }
            }
        }
        return seen;
    }
}
