package dev.smalti.data;

import java.awt.color.ColorSpace;
import java.awt.color.ICC_Profile;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.ImageOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;

/** Small pictures and files to test with. */
final class Samples {
    private Samples() {}

    static Pixels plain(int width, int height, int red, int green, int blue) {
        byte[] rgb = new byte[3 * width * height];
        for (int i = 0; i < rgb.length; i += 3) {
            rgb[i] = (byte) red;
            rgb[i + 1] = (byte) green;
            rgb[i + 2] = (byte) blue;
        }
        return new Pixels(width, height, rgb);
    }

    /** Red grows to the right, green downwards; blue tells one from another. */
    static Pixels gradient(int width, int height, int blue) {
        byte[] rgb = new byte[3 * width * height];
        for (int y = 0, i = 0; y < height; y++) {
            for (int x = 0; x < width; x++, i += 3) {
                rgb[i] = (byte) (255 * x / Math.max(1, width - 1));
                rgb[i + 1] = (byte) (255 * y / Math.max(1, height - 1));
                rgb[i + 2] = (byte) blue;
            }
        }
        return new Pixels(width, height, rgb);
    }

    static byte[] encode(Pixels image, String format) {
        return encode(image.toBufferedImage(), format);
    }

    static byte[] encode(BufferedImage image, String format) {
        try {
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            if (!ImageIO.write(image, format, out)) {
                throw new IllegalArgumentException("no writer for " + format);
            }
            return out.toByteArray();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    static byte[] progressiveJpeg(Pixels image) throws IOException {
        ImageWriter writer = ImageIO.getImageWritersByFormatName("jpeg").next();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ImageOutputStream out = ImageIO.createImageOutputStream(bytes)) {
            ImageWriteParam parameters = writer.getDefaultWriteParam();
            parameters.setProgressiveMode(ImageWriteParam.MODE_DEFAULT);
            writer.setOutput(out);
            writer.write(null, new IIOImage(image.toBufferedImage(), null, null), parameters);
        } finally {
            writer.dispose();
        }
        return bytes.toByteArray();
    }

    /** Colours in linear light: whoever goes by it changes every one. */
    static byte[] linearProfile() {
        return ICC_Profile.getInstance(ColorSpace.CS_LINEAR_RGB).getData();
    }

    static byte[] insert(byte[] file, int at, byte[] more) {
        return ByteBuffer.allocate(file.length + more.length)
                .put(file, 0, at)
                .put(more)
                .put(file, at, file.length - at)
                .array();
    }

    static byte[] pngChunk(String type, byte[] data) {
        ByteBuffer chunk = ByteBuffer.allocate(12 + data.length).putInt(data.length);
        chunk.put(type.getBytes(StandardCharsets.US_ASCII)).put(data);
        return chunk.putInt(crc(chunk.array(), 4, 4 + data.length)).array();
    }

    static int crc(byte[] file, int at, int length) {
        CRC32 sum = new CRC32();
        sum.update(file, at, length);
        return (int) sum.getValue();
    }

    static Path file(Path path, byte[] contents) throws IOException {
        Files.createDirectories(path.getParent());
        return Files.write(path, contents);
    }

    static Path zip(Path path, Map<String, byte[]> entries) throws IOException {
        try (OutputStream out = Files.newOutputStream(path);
                ZipOutputStream zip = new ZipOutputStream(out)) {
            for (Map.Entry<String, byte[]> entry : entries.entrySet()) {
                zip.putNextEntry(new ZipEntry(entry.getKey()));
                zip.write(entry.getValue());
                zip.closeEntry();
            }
        }
        return path;
    }

    /** A tar as GNU's writes it: long names by entries of its own. */
    static Path tar(Path path, Map<String, byte[]> entries) throws IOException {
        return tar(path, TarArchiveOutputStream.LONGFILE_GNU, entries);
    }

    static Path tar(Path path, int longNames, Map<String, byte[]> entries) throws IOException {
        try (OutputStream out = Files.newOutputStream(path);
                TarArchiveOutputStream tar = new TarArchiveOutputStream(out)) {
            tar.setLongFileMode(longNames);
            for (Map.Entry<String, byte[]> entry : entries.entrySet()) {
                TarArchiveEntry header = new TarArchiveEntry(entry.getKey(), true);
                header.setSize(entry.getValue().length);
                tar.putArchiveEntry(header);
                tar.write(entry.getValue());
                tar.closeArchiveEntry();
            }
        }
        return path;
    }

    /** A header of the old kind, whose sum is right. */
    static byte[] tarHeader(String name, byte[] size, char type) {
        byte[] header = new byte[512];
        byte[] letters = name.getBytes(StandardCharsets.UTF_8);
        System.arraycopy(letters, 0, header, 0, letters.length);
        System.arraycopy("0000644".getBytes(StandardCharsets.US_ASCII), 0, header, 100, 7);
        System.arraycopy(size, 0, header, 124, size.length);
        Arrays.fill(header, 148, 156, (byte) ' ');
        header[156] = (byte) type;
        System.arraycopy("ustar\00000".getBytes(StandardCharsets.US_ASCII), 0, header, 257, 8);
        int sum = 0;
        for (byte each : header) {
            sum += each & 255;
        }
        byte[] octal = Integer.toOctalString(sum).getBytes(StandardCharsets.US_ASCII);
        Arrays.fill(header, 148, 154, (byte) '0');
        System.arraycopy(octal, 0, header, 154 - octal.length, octal.length);
        header[154] = 0;
        return header;
    }

    static int red(Pixels image, int x, int y) {
        return image.rgb()[3 * (y * image.width() + x)] & 255;
    }

    static int green(Pixels image, int x, int y) {
        return image.rgb()[3 * (y * image.width() + x) + 1] & 255;
    }

    static int blue(Pixels image, int x, int y) {
        return image.rgb()[3 * (y * image.width() + x) + 2] & 255;
    }

    /** The largest difference of any sample. */
    static int distance(Pixels one, Pixels other) {
        int most = 0;
        for (int i = 0; i < one.rgb().length; i++) {
            most = Math.max(most, Math.abs((one.rgb()[i] & 255) - (other.rgb()[i] & 255)));
        }
        return most;
    }
}
