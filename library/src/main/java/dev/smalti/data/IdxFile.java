package dev.smalti.data;

import dev.smalti.tensor.Phrase;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The format of MNIST and those after it (LeCun, Cortes and Burges, yann.lecun.com/exdb/mnist): a magic number, the
 * sizes as big-endian 32-bit integers, then bytes.
 */
final class IdxFile {
    private static final Logger LOG = LoggerFactory.getLogger(IdxFile.class);
    private static final int IMAGES = 0x00000803; // unsigned bytes in 3 dimensions
    private static final int LABELS = 0x00000801;
    private static final int MOST_SIDE = 8192;

    private IdxFile() {}

    /** The images' file of {@code folder}; the training set's if there are several. */
    static Optional<Path> in(Path folder) throws IOException {
        List<Path> found;
        try (Stream<Path> files = Files.list(folder)) {
            found = files.filter(file -> isImages(file) && Files.isRegularFile(file))
                    .sorted(Comparator.comparing((Path file) -> !name(file).contains("train"))
                            .thenComparing(Path::toString))
                    .toList();
        }
        if (found.size() > 1) {
            LOG.info(
                    "{} has {} IDX files of images; {} is used, give a file to use another",
                    folder,
                    found.size(),
                    name(found.get(0)));
        }
        return found.stream().findFirst();
    }

    /** By its name: {@code train-images-idx3-ubyte}, perhaps with a dot before idx3, perhaps packed. */
    static boolean isImages(Path file) {
        return name(file).matches(".*images[.-]idx3-ubyte(\\.gz)?");
    }

    /** @throws DataException naming what is wrong in the headers */
    static ImageSet open(Path file) {
        int[] header = header(file, IMAGES, 4);
        int count = header[1];
        int height = header[2];
        int width = header[3];
        if (count < 1 || height < 1 || width < 1 || height > MOST_SIDE || width > MOST_SIDE) {
            throw new DataException(
                    Phrase.of("%s must have at least one image of 1 to %d pixels a side, its header says %d of %d x %d")
                            .with(file, MOST_SIDE, count, height, width));
        }
        Bytes images = load(file, 16 + (long) count * height * width);
        try {
            Fingerprint fingerprint = new Fingerprint().add(name(file), Files.size(file));
            int[] labels = null;
            Path beside = file.resolveSibling(labelsName(name(file)));
            if (isImages(file) && Files.isRegularFile(beside)) {
                labels = labels(beside, count);
                fingerprint.add(name(beside), Files.size(beside));
            } else {
                LOG.info(
                        "{} has no labels: they would be in a file of the same name with labels for images and idx1"
                                + " for idx3",
                        file);
            }
            Records.Layout layout = new Records.Layout(16, 0, height, width, 1, true);
            return new Records(
                    file.toString(), layout, count, images, labels, Records.numbers(labels), fingerprint.hex());
        } catch (IOException e) {
            images.close();
            throw unreadable(file, e);
        } catch (RuntimeException e) {
            images.close();
            throw e;
        }
    }

    private static int[] labels(Path file, int count) {
        int[] header = header(file, LABELS, 2);
        if (header[1] != count) {
            throw new DataException(
                    Phrase.of("%s must have one label for each of %,d images, it has %,d; get both files again")
                            .with(file, count, header[1]));
        }
        try (Bytes bytes = load(file, 8L + count)) {
            byte[] values = bytes.read(8, count);
            int[] labels = new int[count];
            for (int i = 0; i < count; i++) {
                labels[i] = values[i] & 255;
            }
            return labels;
        } catch (IOException e) {
            throw unreadable(file, e);
        }
    }

    /** No more of the file is read than its header, however much it is when unpacked. */
    private static int[] header(Path file, int magic, int length) {
        byte[] start;
        try {
            start = Bytes.start(file, 4 * length);
        } catch (IOException e) {
            throw unreadable(file, e);
        }
        if (start.length < 4 * length) {
            throw new DataException(Phrase.of(
                            "%s is no IDX file: it must have a header of %d bytes, it has %d bytes in all; get it again")
                    .with(file, 4 * length, start.length));
        }
        int[] header = new int[length];
        ByteBuffer.wrap(start).asIntBuffer().get(header);
        if (header[0] != magic) {
            throw new DataException(Phrase.of("%s must start with %08x, as IDX files of %s do, it starts with %08x")
                    .with(
                            file,
                            magic,
                            magic == IMAGES ? "images (unsigned bytes, 3 dimensions)" : "labels",
                            header[0]));
        }
        return header;
    }

    /** All of a file that should be as long as its header says. */
    private static Bytes load(Path file, long expected) {
        try {
            Bytes bytes = Bytes.of(file, expected);
            long size = bytes.size();
            if (size != expected) {
                boolean more = bytes instanceof Bytes.InMemory && size > expected; // how many isn't known
                bytes.close();
                throw new DataException(Phrase.of("%s must have %,d bytes by its header, it has %s; get it again")
                        .with(file, expected, more ? "more" : Phrase.of("%,d").with(size)));
            }
            return bytes;
        } catch (IOException e) {
            throw unreadable(file, e);
        }
    }

    private static DataException unreadable(Path file, IOException cause) {
        return new DataException(
                Phrase.of("%s cannot be read (%s); get it again").with(file, cause.getMessage()), cause);
    }

    private static String labelsName(String images) {
        return images.replace("images", "labels").replace("idx3", "idx1");
    }

    private static String name(Path file) {
        return file.getFileName().toString();
    }
}
