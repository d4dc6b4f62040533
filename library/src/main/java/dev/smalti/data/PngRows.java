package dev.smalti.data;

import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;
import java.util.zip.Deflater;

/**
 * Writes a PNG of 8-bit RGB (ISO/IEC 15948) row by row, so that a picture need never be in memory. Every row is filtered by
 * Paeth's predictor.
 */
final class PngRows implements AutoCloseable {
    private static final byte[] MAGIC = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    private static final byte PAETH = 4;

    private final DataOutputStream out;
    private final Deflater deflater = new Deflater();
    private final byte[] chunk = new byte[1 << 16];
    private final byte[] above; // the row before
    private final byte[] filtered; // and the filter's number at its beginning

    PngRows(OutputStream out, int width, int height) throws IOException {
        this.out = new DataOutputStream(out);
        this.above = new byte[Math.multiplyExact(3, width)];
        this.filtered = new byte[above.length + 1];
        filtered[0] = PAETH;
        out.write(MAGIC);
        byte depth = 8;
        byte rgb = 2;
        byte[] header = {0, 0, 0, 0, 0, 0, 0, 0, depth, rgb, 0, 0, 0};
        put(header, 0, width);
        put(header, 4, height);
        chunk("IHDR", header, header.length);
    }

    /** @param row 3 · width bytes, red, green, blue */
    void add(byte[] row) throws IOException {
        for (int i = 0; i < row.length; i++) {
            int left = i < 3 ? 0 : row[i - 3] & 255;
            int corner = i < 3 ? 0 : above[i - 3] & 255;
            filtered[i + 1] = (byte) (row[i] - predicted(left, above[i] & 255, corner));
        }
        System.arraycopy(row, 0, above, 0, row.length);
        deflater.setInput(filtered);
        deflate();
    }

    void finish() throws IOException {
        deflater.finish();
        deflate();
        chunk("IEND", chunk, 0);
        out.flush();
    }

    private void deflate() throws IOException {
        for (int length = deflater.deflate(chunk); length > 0; length = deflater.deflate(chunk)) {
            chunk("IDAT", chunk, length);
        }
    }

    /** Whichever of the three is nearest to left + above - corner. */
    private static int predicted(int left, int above, int corner) {
        int toLeft = Math.abs(above - corner);
        int toAbove = Math.abs(left - corner);
        int toCorner = Math.abs(left + above - 2 * corner);
        if (toLeft <= toAbove && toLeft <= toCorner) {
            return left;
        }
        return toAbove <= toCorner ? above : corner;
    }

    private void chunk(String name, byte[] data, int length) throws IOException {
        byte[] type = name.getBytes(StandardCharsets.US_ASCII);
        CRC32 check = new CRC32();
        check.update(type);
        check.update(data, 0, length);
        out.writeInt(length);
        out.write(type);
        out.write(data, 0, length);
        out.writeInt((int) check.getValue());
    }

    private static void put(byte[] bytes, int at, int value) {
        for (int i = 0; i < 4; i++) {
            bytes[at + i] = (byte) (value >>> 24 - 8 * i);
        }
    }

    @Override
    public void close() throws IOException {
        deflater.end();
        out.close();
    }
}
