package dev.smalti.data;

import com.twelvemonkeys.imageio.stream.ByteArrayImageInputStream;
import dev.smalti.tensor.Phrase;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.spi.IIORegistry;
import javax.imageio.spi.ImageReaderSpi;
import org.ngengine.webp.decoder.WebPDecodeException;

/**
 * A file's bytes -> pixels. The readers of ImageIO are lenient: they fill what is missing with grey or black and say so
 * in a warning at most. A model would learn that grey, so each format's structure is checked first, and warnings that
 * mean lost pixels are errors. What a file declares is held against its length before memory is taken for it, and the
 * decoders of others have a {@link Deadline}.
 *
 * <p>Readers are kept for each thread, for making one costs more than decoding a small picture.
 */
final class ImageDecoder {
    static final long MOST_PIXELS = 100_000_000;

    /** Of a processor. The largest pictures take a third of it at most on a slow one. */
    private static final Duration MOST_TIME = Duration.ofSeconds(30);

    private static final int MOST_QUOTED = 200;

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

    /** @throws DataException as {@link Pixels#decode} */
    static Picture decode(byte[] file, String name) {
        Format format = format(file);
        if (format == null) {
            throw new DataException(
                    Phrase.of("%s is not a picture: it must be a JPEG, PNG, BMP, GIF or WebP file, but %s;"
                                    + " remove it or export it again")
                            .with(name, file.length == 0 ? "it is empty" : "it starts with " + start(file)));
        }
        return guarded(name, format.name(), () -> decode(format, file, name));
    }

    /** @throws DataException whatever a decoder throws, for on broken files they throw all kinds, errors too */
    static Picture guarded(String name, String format, Callable<Picture> decoder) {
        try {
            return Deadline.call(decoder, MOST_TIME);
        } catch (TimeoutException e) {
            throw new DataException(
                    Phrase.of(
                                    "%s is broken or too much work: decoding its %s data took more than %d s; export it again or remove it")
                            .with(name, format, MOST_TIME.toSeconds()),
                    e);
        } catch (ExecutionException e) {
            throw e.getCause() instanceof DataException data ? data : broken(name, format, e.getCause());
        }
    }

    private static DataException broken(String name, String format, Throwable cause) {
        String why = cause.getMessage() == null ? cause.toString() : cause.getMessage();
        String quoted = why.length() > MOST_QUOTED ? why.substring(0, MOST_QUOTED) + "..." : why;
        String message = cause instanceof OutOfMemoryError
                ? "%s needs more memory than Java may take for its %s data (%s); make it smaller, or give Java more"
                : "%s is broken: its %s data cannot be decoded (%s); replace or remove it";
        return new DataException(Phrase.of(message).with(name, format, quoted), cause);
    }

    private static Picture decode(Format format, byte[] file, String name) throws IOException, WebPDecodeException {
        boolean done = false;
        try {
            Picture picture =
                    switch (format) {
                        case JPEG -> jpeg(file, name);
                        case PNG -> png(file, name);
                        case GIF -> gif(file, name);
                        case WEBP -> webp(file, name);
                        case BMP -> bmp(file, name);
                    };
            done = true;
            return picture;
        } finally {
            if (!done) {
                READERS.get().remove(format); // who knows what it is left in
            }
        }
    }

    /** Grey and colour JPEGs through the JDK's native reader, all others (CMYK, lossless) through TwelveMonkeys'. */
    private static Picture jpeg(byte[] file, String name) throws IOException {
        Jpeg jpeg = Jpeg.parse(file);
        checkSize(jpeg.width(), jpeg.height(), name);
        jpeg.checkData(file.length);
        Pixels pixels = jpeg.plain() ? plain(jpeg, file) : jpeg.decodeOther(file);
        return new Picture(pixels, null).upright(jpeg.orientation());
    }

    private static Pixels plain(Jpeg jpeg, byte[] file) throws IOException {
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

    private static Picture png(byte[] file, String name) throws IOException {
        Png png = Png.parse(file);
        checkSize(png.width(), png.height(), name);
        png.checkData();
        return read(Format.PNG, file, name).upright(png.orientation());
    }

    private static Picture gif(byte[] file, String name) throws IOException {
        GifScreen screen = GifScreen.parse(file);
        checkSize(screen.width(), screen.height(), name);
        return read(Format.GIF, file, name).on(screen.width(), screen.height(), screen.left(), screen.top());
    }

    private static Picture webp(byte[] file, String name) throws IOException, WebPDecodeException {
        WebP webp = WebP.parse(file);
        checkSize(webp.width(), webp.height(), name);
        return webp.decode();
    }

    private static Picture bmp(byte[] file, String name) throws IOException, WebPDecodeException {
        Bmp bmp = Bmp.parse(file);
        byte[] wrapped = bmp.wrapped(file);
        if (wrapped != null) {
            Format format = format(wrapped);
            if (format != Format.JPEG && format != Format.PNG) {
                throw new IOException("it wraps neither a JPEG nor a PNG");
            }
            return decode(format, wrapped, name);
        }
        checkSize(bmp.width(), bmp.height(), name);
        bmp.checkData(file);
        return read(Format.BMP, file, name);
    }

    private static Picture read(Format format, byte[] file, String name) throws IOException {
        ImageDecoder decoder = reader(format);
        decoder.warnings.clear();
        try {
            decoder.reader.setInput(new ByteArrayImageInputStream(file), false, true);
            checkSize(decoder.reader.getWidth(0), decoder.reader.getHeight(0), name);
            return Picture.of(decoder.reader.read(0));
        } finally {
            decoder.reader.setInput(null);
        }
    }

    private static void checkSize(int width, int height, String name) {
        if ((long) width * height > MOST_PIXELS) {
            throw new DataException(Phrase.of(
                            "%s is too large: a picture may have %,d pixels, it has %,d x %,d; make it smaller or remove it")
                    .with(name, MOST_PIXELS, width, height));
        }
    }

    private static ImageDecoder reader(Format format) throws IOException {
        Map<Format, ImageDecoder> readers = READERS.get();
        ImageDecoder decoder = readers.get(format);
        if (decoder == null) {
            decoder = new ImageDecoder(jdkReader(format.name().toLowerCase(Locale.ROOT)));
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
                Phrase.of("this Java has no %s reader: the module java.desktop must be complete")
                        .with(format));
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
            text.append(i == 0 ? "" : " ").append(Phrase.of("%02x").with(file[i]));
        }
        return text.toString();
    }
}
