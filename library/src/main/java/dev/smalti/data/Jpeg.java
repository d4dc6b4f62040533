package dev.smalti.data;

import com.twelvemonkeys.imageio.plugins.jpeg.JPEGImageReaderSpi;
import com.twelvemonkeys.imageio.stream.ByteArrayImageInputStream;
import java.awt.image.ComponentSampleModel;
import java.awt.image.DataBufferByte;
import java.awt.image.Raster;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.imageio.ImageReader;
import javax.imageio.spi.IIORegistry;
import javax.imageio.spi.ImageReaderSpi;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a JPEG's markers say (ITU-T T.81, annex B), and its colours.
 *
 * @param plain grey or three colours of 8 bits, Huffman coded, sequential or progressive: what the JDK reads
 * @param color whether three components are luma and chroma rather than RGB, by the rules of libjpeg
 */
record Jpeg(int width, int height, boolean plain, boolean color) {
    private static final Logger LOG = LoggerFactory.getLogger(Jpeg.class);
    private static final AtomicBoolean TOLD_OF_ORIENTATION = new AtomicBoolean();

    /**
     * Walks over all markers up to the end of the image; bytes behind it (padding, second pictures) are ignored.
     *
     * @throws IOException if the image doesn't end with its end marker: it was cut off
     */
    static Jpeg parse(byte[] file) throws IOException {
        int[] frame = null; // marker, precision, height, width, components, and their ids
        boolean jfif = false;
        int transform = -1;
        int at = 2;
        while (true) {
            int marker = -1;
            while (at + 1 < file.length) { // entropy-coded data has ff only before 00 and restart markers
                if (file[at] == (byte) 0xff) {
                    int next = file[at + 1] & 255;
                    if (next != 0 && next != 0xff && next != 0x01 && (next < 0xd0 || next > 0xd7)) {
                        marker = next;
                        break;
                    }
                }
                at++;
            }
            if (marker < 0) {
                throw new IOException("it was cut off: it has no end marker");
            }
            at += 2;
            if (marker == 0xd9) {
                break;
            }
            if (marker == 0xd8) {
                continue;
            }
            int length = at + 2 <= file.length ? u16(file, at) : 0;
            if (length < 2 || at + length > file.length) {
                throw new IOException("it was cut off, or has a bad length at byte " + at);
            }
            if (marker >= 0xc0
                    && marker <= 0xcf
                    && marker != 0xc4
                    && marker != 0xc8
                    && marker != 0xcc
                    && frame == null) {
                frame = frame(file, at, length, marker);
            } else if (marker == 0xe0 && ascii(file, at + 2, length, "JFIF\0")) {
                jfif = true;
            } else if (marker == 0xee && length >= 14 && ascii(file, at + 2, length, "Adobe")) {
                transform = file[at + 13] & 255;
            } else if (marker == 0xe1 && ascii(file, at + 2, length, "Exif\0\0")) {
                tellOfOrientation(file, at + 8, at + length);
            }
            at += length;
        }
        if (frame == null) {
            throw new IOException("it has no frame header");
        }
        boolean plain = frame[0] <= 0xc2 && frame[1] == 8 && (frame[4] == 1 || frame[4] == 3);
        boolean rgb = !jfif
                && (transform == 0
                        || transform < 0 && frame[4] == 3 && frame[5] == 'R' && frame[6] == 'G' && frame[7] == 'B');
        return new Jpeg(frame[3], frame[2], plain, !rgb);
    }

    /** @throws IOException if {@code warning} of libjpeg means lost pixels; many others are harmless */
    static void check(String warning) throws IOException {
        String text = warning.toLowerCase(Locale.ROOT);
        if (text.contains("premature end")
                || text.contains("bad huffman")
                || text.contains("instead of rst")
                || text.contains("truncated")) {
            throw new IOException(warning);
        }
    }

    /** Components as libjpeg leaves them without colour conversion -> RGB, with libjpeg's arithmetic. */
    Pixels toPixels(Raster raster) {
        int pixels = raster.getWidth() * raster.getHeight();
        byte[] from = ((DataBufferByte) raster.getDataBuffer()).getData();
        int bands = raster.getNumBands();
        ComponentSampleModel samples = (ComponentSampleModel) raster.getSampleModel();
        if (samples.getPixelStride() != bands || from.length != pixels * bands) {
            throw new IllegalStateException("a reader gave %d bytes for %d pixels".formatted(from.length, pixels));
        }
        byte[] rgb = from;
        if (bands == 1) {
            rgb = new byte[3 * pixels];
            for (int i = 0, to = 0; i < pixels; i++, to += 3) {
                rgb[to] = rgb[to + 1] = rgb[to + 2] = from[i];
            }
        } else if (color) {
            for (int i = 0; i < from.length; i += 3) {
                int y = from[i] & 255;
                int cb = (from[i + 1] & 255) - 128;
                int cr = (from[i + 2] & 255) - 128;
                rgb[i] = clamp(y + (91881 * cr + 32768 >> 16));
                rgb[i + 1] = clamp(y + (-22554 * cb - 46802 * cr + 32768 >> 16));
                rgb[i + 2] = clamp(y + (116130 * cb + 32768 >> 16));
            }
        }
        return new Pixels(raster.getWidth(), raster.getHeight(), rgb);
    }

    /** CMYK, YCCK and lossless pictures. */
    Pixels decodeOther(byte[] file) throws IOException {
        List<String> warnings = new ArrayList<>();
        ImageReader reader = provider().createReaderInstance(null);
        try {
            reader.addIIOReadWarningListener((source, warning) -> warnings.add(warning));
            reader.setInput(new ByteArrayImageInputStream(file), false, true);
            Pixels pixels = Pixels.of(reader.read(0));
            for (String warning : warnings) {
                check(warning);
            }
            return pixels;
        } finally {
            reader.dispose();
        }
    }

    /** The one that ImageIO found; or, where it looks for none (in some application servers), a new one. */
    private static JPEGImageReaderSpi provider() {
        IIORegistry registry = IIORegistry.getDefaultInstance();
        JPEGImageReaderSpi provider = registry.getServiceProviderByClass(JPEGImageReaderSpi.class);
        if (provider == null) {
            provider = new JPEGImageReaderSpi();
            registry.registerServiceProvider(provider, ImageReaderSpi.class); // which gives it the JDK's to build upon
        }
        return provider;
    }

    private static int[] frame(byte[] file, int at, int length, int marker) throws IOException {
        int components = length >= 8 ? file[at + 7] & 255 : 0;
        if (components == 0 || length < 8 + 3 * components || u16(file, at + 3) == 0 || u16(file, at + 5) == 0) {
            throw new IOException("its frame header is broken");
        }
        int[] frame = new int[5 + components];
        frame[0] = marker;
        frame[1] = file[at + 2] & 255;
        frame[2] = u16(file, at + 3);
        frame[3] = u16(file, at + 5);
        frame[4] = components;
        for (int i = 0; i < components; i++) {
            frame[5 + i] = file[at + 8 + 3 * i] & 255;
        }
        return frame;
    }

    /** Says once that turned pictures stay turned. */
    private static void tellOfOrientation(byte[] file, int tiff, int end) {
        if (tiff + 8 > end || TOLD_OF_ORIENTATION.get()) {
            return;
        }
        boolean little = file[tiff] == 'I';
        long directory = tiff + u32(file, tiff + 4, little);
        if (directory + 2 > end) {
            return;
        }
        int entries = u16(file, (int) directory, little);
        for (int i = 0; i < entries && directory + 2 + 12L * (i + 1) <= end; i++) {
            int entry = (int) directory + 2 + 12 * i;
            if (u16(file, entry, little) == 0x0112
                    && u16(file, entry + 8, little) > 1
                    && TOLD_OF_ORIENTATION.compareAndSet(false, true)) {
                LOG.warn("pictures with an EXIF orientation are used as stored, so some may lie on their side");
            }
        }
    }

    private static boolean ascii(byte[] file, int at, int length, String text) {
        if (length - 2 < text.length()) {
            return false;
        }
        for (int i = 0; i < text.length(); i++) {
            if (file[at + i] != text.charAt(i)) {
                return false;
            }
        }
        return true;
    }

    private static int u16(byte[] file, int at) {
        return (file[at] & 255) << 8 | file[at + 1] & 255;
    }

    private static int u16(byte[] file, int at, boolean little) {
        return little ? (file[at + 1] & 255) << 8 | file[at] & 255 : u16(file, at);
    }

    private static long u32(byte[] file, int at, boolean little) {
        long first = u16(file, at, little);
        long second = u16(file, at + 2, little);
        return little ? second << 16 | first : first << 16 | second;
    }

    private static byte clamp(int value) {
        return (byte) (value < 0 ? 0 : Math.min(value, 255));
    }
}
