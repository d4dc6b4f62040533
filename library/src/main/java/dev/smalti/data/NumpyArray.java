package dev.smalti.data;

import dev.smalti.tensor.Capacity;
import dev.smalti.tensor.Excerpt;
import dev.smalti.tensor.Phrase;
import java.io.DataInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * An array of an {@code .npz} as it is stored (numpy.org, NEP 1): a magic number, a header that is a Python literal,
 * then the values in C order.
 *
 * @param kind NumPy's letter: {@code u} unsigned, {@code i} signed, {@code f} floating point and so on
 * @param bytes of one value
 */
record NumpyArray(String name, char kind, int bytes, boolean bigEndian, long[] shape, byte[] data) {
    static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};
    private static final int MOST_HEADER = 1 << 16;
    private static final int MOST_DIMENSIONS = 64; // NumPy's
    private static final Pattern TYPE = Pattern.compile("'descr'\\s*:\\s*'([<>|=]?)([A-Za-z])(\\d{0,4})'");
    private static final Pattern ORDER = Pattern.compile("'fortran_order'\\s*:\\s*(True|False)");
    private static final Pattern SHAPE = Pattern.compile("'shape'\\s*:\\s*\\(([\\d\\s,]*)\\)");

    static boolean in(ZipFile zip, String name) {
        return zip.getEntry(name + ".npy") != null;
    }

    /** @throws DataException if it holds Python objects, is in Fortran order, above 2 GiB or shorter than its shape */
    static NumpyArray read(ZipFile zip, String name) throws IOException {
        ZipEntry entry = zip.getEntry(name + ".npy");
        String called = name + " of " + zip.getName();
        try (DataInputStream in = new DataInputStream(zip.getInputStream(entry))) {
            byte[] start = in.readNBytes(8);
            if (start.length < 8 || !Arrays.equals(start, 0, 6, MAGIC, 0, 6) || start[6] < 1 || start[6] > 3) {
                throw new DataException(
                        Phrase.of("%s must be an .npy array of version 1 to 3, it starts with %s; save it again")
                                .with(called, Arrays.toString(start)));
            }
            byte[] size = in.readNBytes(start[6] == 1 ? 2 : 4);
            long headerBytes = littleEndian(size);
            if (headerBytes > MOST_HEADER) {
                throw new DataException(
                        Phrase.of("%s must have a header of at most %,d bytes, it has %,d; save it again")
                                .with(called, MOST_HEADER, headerBytes));
            }
            String header = new String(in.readNBytes((int) headerBytes), StandardCharsets.ISO_8859_1).strip();
            long left = entry.getSize() - start.length - size.length - headerBytes;
            return read(name, called, header, left, capacity(zip, entry), in);
        }
    }

    /** By what lies in the file, and not by what the zip's directory says of it. */
    private static Capacity capacity(ZipFile zip, ZipEntry entry) throws IOException {
        long packed = Math.min(entry.getCompressedSize(), Files.size(Path.of(zip.getName())));
        return entry.getMethod() == ZipEntry.STORED ? Capacity.stored(packed) : Capacity.deflated(packed);
    }

    private static NumpyArray read(
            String name, String called, String header, long left, Capacity capacity, DataInputStream in)
            throws IOException {
        Matcher type = TYPE.matcher(header);
        Matcher order = ORDER.matcher(header);
        Matcher shape = SHAPE.matcher(header);
        if (!type.find() || !order.find() || !shape.find() || type.group(2).equals("O")) {
            throw new DataException(
                    Phrase.of("%s must be a plain array of numbers, its header is %s; Python objects are not read")
                            .with(called, Excerpt.brief(header)));
        }
        if (order.group(1).equals("True")) {
            throw new DataException(
                    Phrase.of("%s must be in C order, it is in Fortran order; save numpy.ascontiguousarray of it")
                            .with(called));
        }
        int bytes = type.group(3).isEmpty() ? 1 : Integer.parseInt(type.group(3));
        long[] sizes = sizes(called, shape.group(1));
        int length = length(called, sizes, bytes);
        if (left != length) {
            throw new DataException(Phrase.of("%s must have %,d bytes for its shape %s, it has %,d; save it again")
                    .with(called, length, Arrays.toString(sizes), left));
        }
        capacity.check(name, length);
        byte[] data = new byte[length];
        in.readFully(data);
        return new NumpyArray(
                name, type.group(2).charAt(0), bytes, type.group(1).equals(">"), sizes, data);
    }

    /** {@code u1 [60000, 28, 28]} */
    String describe() {
        return Phrase.of("%s%d %s").with(kind, bytes, Arrays.toString(shape));
    }

    /** A value of an array of integers. */
    long integer(int index) {
        long value = 0;
        for (int i = 0; i < bytes; i++) {
            int at = index * bytes + (bigEndian ? i : bytes - 1 - i);
            value = value << 8 | data[at] & 255;
        }
        int unused = 64 - 8 * bytes;
        return kind == 'i' ? value << unused >> unused : value;
    }

    private static long[] sizes(String called, String shape) {
        try {
            long[] sizes = Arrays.stream(shape.split(","))
                    .map(String::strip)
                    .filter(size -> !size.isEmpty())
                    .mapToLong(Long::parseLong)
                    .toArray();
            if (sizes.length > MOST_DIMENSIONS) {
                throw new DataException(Phrase.of("%s must have at most %d dimensions, it has %,d; save it again")
                        .with(called, MOST_DIMENSIONS, sizes.length));
            }
            return sizes;
        } catch (NumberFormatException e) {
            throw new DataException(
                    Phrase.of("%s must have a shape of numbers, it has (%s); save it again")
                            .with(called, Excerpt.brief(shape)),
                    e);
        }
    }

    private static int length(String called, long[] shape, int bytes) {
        long length = bytes;
        for (long size : shape) {
            length = size == 0 ? 0 : length > Bytes.MOST_IN_MEMORY / size ? Long.MAX_VALUE : length * size;
        }
        if (length > Bytes.MOST_IN_MEMORY) {
            throw new DataException(Phrase.of(
                            "%s must have less than 2 GiB, its shape is %s; split it, or zip the pictures as PNG files")
                    .with(called, Arrays.toString(shape)));
        }
        return (int) length;
    }

    private static long littleEndian(byte[] bytes) {
        long value = 0;
        for (int i = bytes.length - 1; i >= 0; i--) {
            value = value << 8 | bytes[i] & 255;
        }
        return value;
    }
}
