package dev.smalti.data;

import dev.smalti.tensor.Phrase;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.ngengine.webp.decoder.DecodedWebP;
import org.ngengine.webp.decoder.WebPDecodeException;
import org.ngengine.webp.decoder.WebPDecoder;

/**
 * What the container of a WebP says (RFC 9649, section 2): its screen, and the frame on it, of an animation the first.
 *
 * @param transparent whether the frame's opacity counts
 * @param still the frame alone, as a file
 */
record WebP(
        int width,
        int height,
        int left,
        int top,
        int frameWidth,
        int frameHeight,
        boolean transparent,
        byte[] still,
        Orientation orientation) {
    private static final int ANIMATED = 0x02; // flags of the whole file
    private static final int TRANSPARENT = 0x10;
    private static final int FRAME_HEADER = 16;

    /** Where the contents of a chunk lie. */
    private record Chunk(int at, int length) {
        int end() {
            return at + length;
        }
    }

    /** @throws IOException if the file was cut off, has no picture, or one that doesn't lie on its screen */
    static WebP parse(byte[] file) throws IOException {
        long length = file.length < 12 ? Long.MAX_VALUE : Octets.u32Little(file, 4) + 8;
        if (length > file.length) {
            throw new IOException(Phrase.of("it was cut off: %,d bytes of %,d").with(file.length, length));
        }
        Map<String, Chunk> chunks = chunks(file, 12, (int) length);
        Chunk extended = chunks.get("VP8X");
        if (extended == null) {
            return screen(file, null, 0, 0, chunks);
        }
        require(extended.length >= 10, "its header is broken");
        Chunk frame = chunks.get("ANMF");
        if ((file[extended.at] & ANIMATED) == 0 || frame == null) {
            return screen(file, extended, 0, 0, chunks);
        }
        require(frame.length >= FRAME_HEADER, "its first frame is broken");
        Map<String, Chunk> inside = chunks(file, frame.at + FRAME_HEADER, frame.end());
        inside.computeIfAbsent("EXIF", chunks::get);
        int left = 2 * Octets.u24Little(file, frame.at);
        int top = 2 * Octets.u24Little(file, frame.at + 3);
        return screen(file, extended, left, top, inside);
    }

    /** The first of each kind; those that aren't whole are missing. */
    private static Map<String, Chunk> chunks(byte[] file, int from, int to) {
        Map<String, Chunk> chunks = new HashMap<>();
        long at = from;
        while (at + 8 <= to) {
            String type = new String(file, (int) at, 4, StandardCharsets.ISO_8859_1);
            long length = Octets.u32Little(file, (int) at + 4);
            if (at + 8 + length > to) {
                break;
            }
            chunks.putIfAbsent(type, new Chunk((int) at + 8, (int) length));
            at += 8 + length + (length & 1);
        }
        return chunks;
    }

    /** @param extended the header that gives the screen; null where the frame is all there is */
    private static WebP screen(byte[] file, Chunk extended, int left, int top, Map<String, Chunk> frame)
            throws IOException {
        boolean lossless = !frame.containsKey("VP8 ");
        Chunk pixels = frame.get(lossless ? "VP8L" : "VP8 ");
        require(pixels != null && pixels.length >= 10, "it was cut off: it has no pixels");
        Chunk alpha = lossless || extended == null ? null : frame.get("ALPH");
        long sides = Octets.u32Little(file, pixels.at + 1);
        int width = lossless ? (int) (sides & 0x3fff) + 1 : Octets.u16Little(file, pixels.at + 6) & 0x3fff;
        int height = lossless ? (int) (sides >> 14 & 0x3fff) + 1 : Octets.u16Little(file, pixels.at + 8) & 0x3fff;
        int across = extended == null ? width : Octets.u24Little(file, extended.at + 4) + 1;
        int down = extended == null ? height : Octets.u24Little(file, extended.at + 7) + 1;
        boolean animated = extended != null && (file[extended.at] & ANIMATED) != 0;
        require(
                width > 0
                        && height > 0
                        && left + width <= across
                        && top + height <= down
                        && (animated || width == across && height == down),
                Phrase.of("its frame of %d x %d doesn't lie on its screen of %d x %d")
                        .with(width, height, across, down));
        boolean transparent = lossless ? (sides >> 28 & 1) == 1 : alpha != null;
        byte[] still = still(file, width, height, transparent, alpha, lossless ? "VP8L" : "VP8 ", pixels);
        Chunk exif = frame.get("EXIF");
        Orientation orientation = exif == null ? Orientation.UPRIGHT : Orientation.read(file, exif.at, exif.length);
        return new WebP(across, down, left, top, width, height, transparent, still, orientation);
    }

    private static void require(boolean right, String message) throws IOException {
        if (!right) {
            throw new IOException(message);
        }
    }

    private static byte[] still(
            byte[] file, int width, int height, boolean transparent, Chunk alpha, String type, Chunk pixels) {
        int size = 12 + 18 + 9 + (alpha == null ? 0 : alpha.length) + 9 + pixels.length;
        ByteBuffer still = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
        still.put(ascii("RIFF")).putInt(0).put(ascii("WEBP"));
        still.put(ascii("VP8X")).putInt(10).putInt(transparent ? TRANSPARENT : 0);
        put24(still, width - 1);
        put24(still, height - 1);
        if (alpha != null) {
            put(still, "ALPH", file, alpha);
        }
        put(still, type, file, pixels);
        still.putInt(4, still.position() - 8);
        return still.array();
    }

    private static void put(ByteBuffer still, String type, byte[] file, Chunk chunk) {
        still.put(ascii(type)).putInt(chunk.length).put(file, chunk.at, chunk.length);
        if (chunk.length % 2 == 1) {
            still.put((byte) 0);
        }
    }

    private static void put24(ByteBuffer still, int value) {
        still.putShort((short) value).put((byte) (value >> 16));
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    /** Profiles are not among what the frame's file holds, and so ignored. */
    Picture decode() throws WebPDecodeException {
        DecodedWebP frame = WebPDecoder.decode(still);
        return Picture.of(frameWidth, frameHeight, frame.rgba.array(), transparent)
                .on(width, height, left, top)
                .upright(orientation);
    }
}
