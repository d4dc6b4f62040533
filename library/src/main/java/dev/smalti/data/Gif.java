package dev.smalti.data;

import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/** Animated GIFs (CompuServe 1990, version 89a), each frame with colours of its own. The JDK's writer can't do that. */
final class Gif {
    private static final int MOST_CODES = 1 << 12;

    private final OutputStream out;

    private Gif(OutputStream out) {
        this.out = out;
    }

    static void write(Path file, List<Pixels> frames, int millisPerFrame, int lastFrameMillis) {
        check(frames, millisPerFrame, lastFrameMillis);
        Atomic.write(file, temporary -> {
            try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(temporary))) {
                Gif gif = new Gif(out);
                gif.start(frames.get(0));
                for (Pixels frame : frames.subList(0, frames.size() - 1)) {
                    gif.frame(frame, millisPerFrame);
                }
                gif.frame(frames.get(frames.size() - 1), lastFrameMillis);
                out.write(0x3b);
            }
        });
    }

    private static void check(List<Pixels> frames, int millisPerFrame, int lastFrameMillis) {
        if (frames.isEmpty() || millisPerFrame < 1 || lastFrameMillis < 1) {
            throw new IllegalArgumentException("an animation needs frames and times of at least 1 ms, got %d, %d, %d"
                    .formatted(frames.size(), millisPerFrame, lastFrameMillis));
        }
        Pixels first = frames.get(0);
        for (Pixels frame : frames) {
            if (frame.width() != first.width()
                    || frame.height() != first.height()
                    || Math.max(frame.width(), frame.height()) > 65535) {
                throw new IllegalArgumentException(
                        "frames must have one size of at most 65535, got %s and %s".formatted(first, frame));
            }
        }
    }

    /** The screen, and that the animation repeats for ever. */
    private void start(Pixels first) throws IOException {
        out.write("GIF89a".getBytes(StandardCharsets.US_ASCII));
        writeShorts(first.width(), first.height());
        out.write(new byte[] {0x70, 0, 0});
        out.write(new byte[] {0x21, (byte) 0xff, 11});
        out.write("NETSCAPE2.0".getBytes(StandardCharsets.US_ASCII));
        out.write(new byte[] {3, 1, 0, 0, 0});
    }

    private void frame(Pixels frame, int millis) throws IOException {
        Palette palette = Palette.of(frame);
        int bits = Math.max(2, 32 - Integer.numberOfLeadingZeros(palette.colors().length - 1));
        out.write(new byte[] {0x21, (byte) 0xf9, 4, 1 << 2}); // the next frame is drawn over this one
        writeShorts(hundredths(millis));
        out.write(new byte[] {0, 0});
        out.write(0x2c);
        writeShorts(0, 0, frame.width(), frame.height());
        out.write(0x80 | bits - 1);
        for (int color : Arrays.copyOf(palette.colors(), 1 << bits)) {
            out.write(new byte[] {(byte) (color >> 16), (byte) (color >> 8), (byte) color});
        }
        out.write(bits);
        byte[] data = compress(palette.indices(frame), bits);
        for (int at = 0; at < data.length; at += 255) {
            int length = Math.min(255, data.length - at);
            out.write(length);
            out.write(data, at, length);
        }
        out.write(0);
    }

    /** Welch 1984, with codes that grow from {@code bits + 1} to 12 bits, low bits first. */
    private static byte[] compress(byte[] indices, int bits) {
        int clear = 1 << bits;
        int end = clear + 1;
        short[] codes = new short[MOST_CODES << 8]; // of a code followed by a byte; 0: none
        BitWriter writer = new BitWriter();
        int width = bits + 1;
        int next = end + 1;
        writer.write(clear, width);
        int prefix = indices[0] & 255;
        for (int i = 1; i < indices.length; i++) {
            int index = indices[i] & 255;
            int longer = codes[prefix << 8 | index];
            if (longer != 0) {
                prefix = longer;
                continue;
            }
            writer.write(prefix, width);
            if (next == MOST_CODES) {
                writer.write(clear, width);
                Arrays.fill(codes, (short) 0);
                width = bits + 1;
                next = end + 1;
            } else {
                if (next == 1 << width) {
                    width++;
                }
                codes[prefix << 8 | index] = (short) next++;
            }
            prefix = index;
        }
        writer.write(prefix, width);
        if (next == 1 << width && width < 12) { // the reader adds a code after each, and so grows here
            width++;
        }
        writer.write(end, width);
        return writer.finish();
    }

    private static final class BitWriter {
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        private int pending;
        private int count;

        void write(int value, int bits) {
            pending |= value << count;
            count += bits;
            for (; count >= 8; count -= 8) {
                bytes.write(pending);
                pending >>>= 8;
            }
        }

        byte[] finish() {
            if (count > 0) {
                bytes.write(pending);
            }
            return bytes.toByteArray();
        }
    }

    private void writeShorts(int... values) throws IOException {
        for (int value : values) {
            out.write(value);
            out.write(value >> 8);
        }
    }

    /** At least 2: browsers slow shorter frames down to 10. */
    private static int hundredths(int millis) {
        return Math.max(2, Math.min(65535, (millis + 5) / 10));
    }
}
