package dev.smalti.data;

import com.twelvemonkeys.imageio.plugins.webp.WebPImageReaderSpi;
import com.twelvemonkeys.imageio.stream.ByteArrayImageInputStream;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.spi.IIORegistry;
import javax.imageio.spi.ImageReaderSpi;

/**
 * A file's bytes -> pixels. The readers of ImageIO are lenient: they fill what is missing with grey or black and say so
 * in a warning at most. A model would learn that grey, so each format's structure is checked first, and warnings that
 * mean lost pixels are errors.
 *
 * <p>Readers are kept for each thread, for making one costs more than decoding a small picture.
 */
final class ImageDecoder {
    static final long MOST_PIXELS = 100_000_000;

    /** What the first bytes say that a file is. */
    private enum Format {
        JPEG,
        PNG,
        GIF,
        BMP,
        WEBP
    }

    private static final ThreadLocal<Map<Format, ImageDecoder>> READERS =
            ThreadLocal.withInitial(() -> new EnumMap<>(Format.class));

    static {
        ImageIO.setUseCache(false);
    }

    private final ImageReader reader;
    private final List<String> warnings = new ArrayList<>();

    private ImageDecoder(ImageReader reader) {
        this.reader = reader;
        reader.addIIOReadWarningListener((source, warning) -> warnings.add(warning));
    }

    static Pixels decode(byte[] file, String name) {
        Format format = format(file);
        if (format == null) {
            throw new DataException(("%s is not a picture: it must be a JPEG, PNG, BMP, GIF or WebP file, but %s;"
                            + " remove it or export it again")
                    .formatted(name, file.length == 0 ? "it is empty" : "it starts with " + start(file)));
        }
        try {
            return switch (format) {
                case JPEG -> jpeg(file, name);
                case PNG -> {
                    Structure.checkPng(file);
                    yield read(format, file, name, Pixels::of);
                }
                case GIF -> {
                    Structure.checkGif(file);
                    yield read(format, file, name, Pixels::of);
                }
                case WEBP -> {
                    Structure.checkWebp(file);
                    yield read(format, file, name, Pixels::of);
                }
                case BMP -> read(format, file, name, Pixels::of);
            };
        } catch (IOException | RuntimeException e) { // the readers throw both on broken files
            READERS.get().remove(format);
            if (e instanceof DataException data) {
                throw data;
            }
            throw new DataException(
                    "%s is broken: its %s data cannot be decoded (%s); replace or remove it"
                            .formatted(name, format, e.getMessage() == null ? e : e.getMessage()),
                    e);
        }
    }

    /** Grey and colour JPEGs through the JDK's native reader, all others (CMYK, lossless) through TwelveMonkeys'. */
    private static Pixels jpeg(byte[] file, String name) throws IOException {
        Jpeg jpeg = Jpeg.parse(file);
        checkSize(jpeg.width(), jpeg.height(), name);
        if (!jpeg.plain()) {
            return jpeg.decodeOther(file);
        }
        ImageDecoder decoder = reader(Format.JPEG);
        decoder.warnings.clear();
        try {
            decoder.reader.setInput(new ByteArrayImageInputStream(file), true, true);
            Pixels pixels = jpeg.toPixels(decoder.reader.readRaster(0, null));
            for (String warning : decoder.warnings) {
                Jpeg.check(warning);
            }
            return pixels;
        } finally {
            decoder.reader.setInput(null);
        }
    }

    /**
     * How opaque each pixel of a file is that {@link #decode} could read: rows from top to bottom, 0 to 255; null where the
     * file knows no transparency.
     */
    static byte[] alpha(byte[] file, String name) {
        Format format = format(file);
        if (format == Format.JPEG || format == Format.BMP) {
            return null;
        }
        try {
            return read(format, file, name, ImageDecoder::alpha);
        } catch (IOException e) {
            throw new DataException("%s cannot be read: %s; export it again".formatted(name, e.getMessage()), e);
        }
    }

    private static byte[] alpha(BufferedImage image) {
        if (!image.getColorModel().hasAlpha()) {
            return null;
        }
        int width = image.getWidth();
        int[] row = new int[width];
        byte[] alpha = new byte[width * image.getHeight()];
        for (int y = 0; y < image.getHeight(); y++) {
            image.getRGB(0, y, width, 1, row, 0, width);
            for (int x = 0; x < width; x++) {
                alpha[y * width + x] = (byte) (row[x] >>> 24);
            }
        }
        return alpha;
    }

    private static <R> R read(Format format, byte[] file, String name, Function<BufferedImage, R> take)
            throws IOException {
        ImageDecoder decoder = reader(format);
        decoder.warnings.clear();
        try {
            decoder.reader.setInput(new ByteArrayImageInputStream(file), false, true);
            checkSize(decoder.reader.getWidth(0), decoder.reader.getHeight(0), name);
            return take.apply(decoder.reader.read(0));
        } finally {
            decoder.reader.setInput(null);
        }
    }

    private static void checkSize(int width, int height, String name) {
        if ((long) width * height > MOST_PIXELS) {
            throw new DataException(
                    "%s is too large: a picture may have %,d pixels, it has %,d x %,d; make it smaller or remove it"
                            .formatted(name, MOST_PIXELS, width, height));
        }
    }

    private static ImageDecoder reader(Format format) throws IOException {
        Map<Format, ImageDecoder> readers = READERS.get();
        ImageDecoder decoder = readers.get(format);
        if (decoder == null) {
            ImageReader reader = format == Format.WEBP
                    ? new WebPImageReaderSpi().createReaderInstance(null)
                    : jdkReader(format.name().toLowerCase(Locale.ROOT));
            decoder = new ImageDecoder(reader);
            readers.put(format, decoder);
        }
        return decoder;
    }

    private static ImageReader jdkReader(String format) throws IOException {
        Iterator<ImageReaderSpi> providers =
                IIORegistry.getDefaultInstance().getServiceProviders(ImageReaderSpi.class, true);
        while (providers.hasNext()) {
            ImageReaderSpi provider = providers.next();
            if (provider.getClass().getName().startsWith("com.sun.imageio.plugins." + format + ".")) {
                return provider.createReaderInstance();
            }
        }
        throw new IllegalStateException(
                "this Java has no %s reader: the module java.desktop must be complete".formatted(format));
    }

    private static Format format(byte[] file) {
        if (starts(file, 0, 0xff, 0xd8, 0xff)) {
            return Format.JPEG;
        }
        if (starts(file, 0, 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n')) {
            return Format.PNG;
        }
        if (starts(file, 0, 'G', 'I', 'F', '8')) {
            return Format.GIF;
        }
        if (starts(file, 0, 'R', 'I', 'F', 'F') && starts(file, 8, 'W', 'E', 'B', 'P')) {
            return Format.WEBP;
        }
        return starts(file, 0, 'B', 'M') && file.length > 26 ? Format.BMP : null;
    }

    private static boolean starts(byte[] file, int from, int... bytes) {
        for (int i = 0; i < bytes.length; i++) {
            if (from + i >= file.length || (file[from + i] & 255) != bytes[i]) {
                return false;
            }
        }
        return true;
    }

    private static String start(byte[] file) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < Math.min(8, file.length); i++) {
            text.append(i == 0 ? "" : " ").append("%02x".formatted(file[i]));
        }
        return text.toString();
    }
}
