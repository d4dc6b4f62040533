package dev.smalti.data;

import com.twelvemonkeys.imageio.plugins.jpeg.JPEGImageReaderSpi;
import com.twelvemonkeys.imageio.stream.ByteArrayImageInputStream;
import dev.smalti.tensor.Phrase;
import java.awt.image.ComponentSampleModel;
import java.awt.image.DataBufferByte;
import java.awt.image.Raster;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import javax.imageio.ImageReader;
import javax.imageio.spi.IIORegistry;
import javax.imageio.spi.ImageReaderSpi;

/**
 * What a JPEG's markers say (ITU-T T.81, annex B), and its colours.
 *
 * @param plain grey or three colours of 8 bits, Huffman coded, sequential or progressive: what the JDK reads
 * @param color whether three components are luma and chroma rather than RGB, by the rules of libjpeg
 * @param scans times that its pixels are gone over
 * @param profiles where its colour profile lies, in pieces
 */
record Jpeg(Frame frame, boolean plain, boolean color, int scans, List<Integer> profiles, Orientation orientation) {
    /** A progressive picture of 100 megapixels may have 20 scans, and a smaller one more; usual are 10. */
    private static final long MOST_WORK = 20 * ImageDecoder.MOST_PIXELS;

    private static final int LOSSLESS = 0xc3;
    private static final int END = 0xd9;

    /**
     * The frame header.
     *
     * @param marker which process codes it
     * @param factors across and down of each component's sampling, by 4 bits each
     */
    record Frame(int marker, int precision, int width, int height, int[] ids, int[] factors) {
        private static Frame parse(byte[] file, int at, int length, int marker) throws IOException {
            int components = length >= 8 ? file[at + 7] & 255 : 0;
            if (components == 0
                    || length < 8 + 3 * components
                    || Octets.u16(file, at + 3) == 0
                    || Octets.u16(file, at + 5) == 0) {
                throw new IOException("its frame header is broken");
            }
            int[] ids = new int[components];
            int[] factors = new int[components];
            for (int i = 0; i < components; i++) {
                ids[i] = file[at + 8 + 3 * i] & 255;
                factors[i] = file[at + 9 + 3 * i] & 255;
                if (factors[i] >> 4 == 0 || (factors[i] & 15) == 0) {
                    throw new IOException("its frame header is broken: a component has no samples");
                }
            }
            return new Frame(
                    marker, file[at + 2] & 255, Octets.u16(file, at + 5), Octets.u16(file, at + 3), ids, factors);
        }

        /** The fewest that Huffman codes can be: a bit for each block of 8 x 8, or for each sample where nothing is lost. */
        long leastBytes() {
            int side = marker == LOSSLESS ? 1 : 8;
            int across = 1;
            int down = 1;
            for (int factor : factors) {
                across = Math.max(across, factor >> 4);
                down = Math.max(down, factor & 15);
            }
            long bits = 0;
            for (int factor : factors) {
                long wide = (width * (long) (factor >> 4) + across - 1) / across;
                long high = (height * (long) (factor & 15) + down - 1) / down;
                bits += (wide + side - 1) / side * ((high + side - 1) / side);
            }
            return bits / 8;
        }
    }

    /**
     * Walks over all markers up to the end of the image; bytes behind it (padding, second pictures) are ignored.
     *
     * @throws IOException if the image doesn't end with its end marker: it was cut off
     */
    static Jpeg parse(byte[] file) throws IOException {
        Frame frame = null;
        boolean jfif = false;
        int transform = -1;
        int scans = 0;
        List<Integer> profiles = new ArrayList<>();
        Orientation orientation = null;
        int at = marker(file, 2);
        while (file[at] != (byte) END) {
            int marker = file[at++] & 255;
            if (marker == 0xd8) {
                at = marker(file, at);
                continue;
            }
            int length = at + 2 <= file.length ? Octets.u16(file, at) : 0;
            if (length < 2 || at + length > file.length) {
                throw new IOException("it was cut off, or has a bad length at byte " + at);
            }
            if (marker == 0xda) {
                scans++;
            } else if (frame == null && isFrame(marker)) {
                frame = Frame.parse(file, at, length, marker);
            } else if (marker == 0xe0 && ascii(file, at + 2, length, "JFIF\0")) {
                jfif = true;
            } else if (marker == 0xee && length >= 14 && ascii(file, at + 2, length, "Adobe")) {
                transform = file[at + 13] & 255;
            } else if (marker == 0xe1 && orientation == null && ascii(file, at + 2, length, "Exif\0\0")) {
                orientation = Orientation.read(file, at + 2, length - 2);
            } else if (marker == 0xe2 && ascii(file, at + 2, length, "ICC_PROFILE\0")) {
                profiles.add(at + 2);
            }
            at = marker(file, at + length);
        }
        if (frame == null) {
            throw new IOException("it has no frame header");
        }
        int components = frame.ids.length;
        boolean plain = frame.marker <= 0xc2 && frame.precision == 8 && (components == 1 || components == 3);
        boolean named = components == 3 && frame.ids[0] == 'R' && frame.ids[1] == 'G' && frame.ids[2] == 'B';
        boolean rgb = !jfif && (transform == 0 || transform < 0 && named);
        return new Jpeg(frame, plain, !rgb, scans, profiles, orientation == null ? Orientation.UPRIGHT : orientation);
    }

    /** Where the second byte of the next marker is; coded data has ff only before 00 and restart markers. */
    private static int marker(byte[] file, int from) throws IOException {
        for (int at = from; at + 1 < file.length; at++) {
            int next = file[at + 1] & 255;
            if (file[at] == (byte) 0xff && next != 0 && next != 0xff && next != 0x01 && (next < 0xd0 || next > 0xd7)) {
                return at + 1;
            }
        }
        throw new IOException("it was cut off: it has no end marker");
    }

    private static boolean isFrame(int marker) {
        return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
    }

    int width() {
        return frame.width;
    }

    int height() {
        return frame.height;
    }

    /** @throws IOException if what it declares is more than its bytes can be, or than may be done for one picture */
    void checkData(int bytes) throws IOException {
        if (frame.marker > LOSSLESS) {
            throw new IOException(
                    Phrase.of("its process, marker ff%02x, is not among those that are read; save it as a usual JPEG")
                            .with(frame.marker));
        }
        if (frame.leastBytes() > bytes) {
            throw new IOException(Phrase.of("it was cut off: %,d x %,d pixels need %,d bytes at least, it has %,d")
                    .with(width(), height(), frame.leastBytes(), bytes));
        }
        if ((long) width() * height() * scans > MOST_WORK) {
            throw new IOException(Phrase.of("%,d x %,d pixels may have %,d scans, it has %,d; save it with fewer")
                    .with(width(), height(), MOST_WORK / ((long) width() * height()), scans));
        }
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
            throw new IllegalStateException(
                    Phrase.of("a reader gave %d bytes for %d pixels").with(from.length, pixels));
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
            boolean inks = frame.ids.length > 3;
            reader.setInput(new ByteArrayImageInputStream(inks ? file : withoutProfile(file)), false, true);
            Pixels pixels = Pixels.of(reader.read(0));
            for (String warning : warnings) {
                check(warning);
            }
            return pixels;
        } finally {
            reader.dispose();
        }
    }

    private byte[] withoutProfile(byte[] file) {
        byte[] plain = file.clone();
        profiles.forEach(at -> plain[at] = 'x'); // and so it is data that nobody knows
        return plain;
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

    private static boolean ascii(byte[] file, int at, int length, String text) {
        return length - 2 >= text.length() && Octets.is(file, at, text);
    }

    private static byte clamp(int value) {
        return (byte) (value < 0 ? 0 : Math.min(value, 255));
    }
}
