package dev.smalti.data;

import dev.smalti.tensor.AtomicFile;
import dev.smalti.tensor.Excerpt;
import dev.smalti.tensor.Phrase;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.List;
import java.util.zip.Deflater;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/**
 * NumPy's {@code .npz}: a zip of {@code .npy} arrays (numpy.org, NEP 1). Written as evaluators of FID read it:
 * {@code arr_0} uint8 [N, H, W, 3] and, where there are labels, {@code arr_1} int64 [N].
 */
public final class NumpyFile {
    private static final List<String> IMAGES = List.of("arr_0", "images", "x", "x_train", "train_images");
    private static final List<String> LABELS = List.of("arr_1", "labels", "y", "y_train", "train_labels");
    private static final int MOST_CLASSES = 1_000_000;

    private NumpyFile() {}

    /**
     * Pictures of an {@code .npz}, in memory: the array {@code arr_0}, {@code images} or {@code x} (also
     * {@code x_train} of Keras and {@code train_images} of MedMNIST), uint8 [N, H, W, 3], [N, H, W, 1] or [N, H, W];
     * labels, if any, in {@code arr_1}, {@code labels} or {@code y}, of any integer type, [N] or [N, 1].
     *
     * @throws DataException if there is no such array, it has another type or shape, or takes more than 2 GiB
     */
    public static ImageSet open(Path file) {
        try (ZipFile zip = new ZipFile(file.toFile())) {
            int found = 0;
            while (found < IMAGES.size() && !NumpyArray.in(zip, IMAGES.get(found))) {
                found++;
            }
            if (found == IMAGES.size()) {
                throw new DataException(Phrase.of("%s must have an array named one of %s, it has %s; rename it")
                        .with(
                                file,
                                IMAGES,
                                Excerpt.brief(zip.stream()
                                        .map(ZipEntry::getName)
                                        .limit(10)
                                        .toList()
                                        .toString())));
            }
            NumpyArray images = NumpyArray.read(zip, IMAGES.get(found));
            Records.Layout layout = layout(file, images);
            int count = (int) images.shape()[0];
            int[] labels = NumpyArray.in(zip, LABELS.get(found))
                    ? labels(file, NumpyArray.read(zip, LABELS.get(found)), count)
                    : null;
            String fingerprint = new Fingerprint()
                    .add(file.getFileName().toString(), Files.size(file))
                    .hex();
            return new Records(
                    file.toString(),
                    layout,
                    count,
                    new Bytes.InMemory(images.data()),
                    labels,
                    Records.numbers(labels),
                    fingerprint);
        } catch (IOException e) {
            throw new DataException(
                    Phrase.of("%s cannot be read as an .npz (%s); save it again with numpy.savez")
                            .with(file, e.getMessage()),
                    e);
        }
    }

    /**
     * Writes {@code count} pictures as they come, without holding them. The file is there only after {@link
     * Writer#finish}.
     *
     * @throws DataException if {@code file} cannot be written
     */
    public static Writer writer(Path file, int count, int width, int height) {
        return new Writer(file, count, width, height);
    }

    /** See {@link NumpyFile#writer}. */
    public static final class Writer implements AutoCloseable {
        private final Path file;
        private final int width;
        private final int height;
        private final long[] labels;
        private AtomicFile beside;
        private OutputStream raw; // a zip whose end can't be written leaves it open
        private ZipOutputStream zip;
        private int added;
        private int labelled;

        private Writer(Path file, int count, int width, int height) {
            if (count < 1 || width < 1 || height < 1) {
                throw new IllegalArgumentException(
                        Phrase.of("an .npz needs at least one picture and pixel, got %d of %d x %d")
                                .with(count, width, height));
            }
            this.file = file;
            this.width = width;
            this.height = height;
            labels = new long[count];
            try {
                beside = Atomic.beside(file);
                raw = Files.newOutputStream(beside.path());
                zip = new ZipOutputStream(new BufferedOutputStream(raw, 1 << 16));
                zip.setLevel(Deflater.BEST_SPEED);
                begin("arr_0", "|u1", Phrase.of("(%d, %d, %d, 3)").with(count, height, width));
            } catch (IOException e) {
                close();
                throw Atomic.failed(file, e);
            }
        }

        /** @throws IllegalArgumentException if {@code image} has another size than promised, or is one too many */
        public void add(Pixels image) {
            if (image.width() != width || image.height() != height || added == labels.length) {
                throw new IllegalArgumentException(Phrase.of("%s takes %d pictures of %d x %d, picture %d has %d x %d")
                        .with(file, labels.length, width, height, added, image.width(), image.height()));
            }
            try {
                zip.write(image.rgb());
            } catch (IOException e) {
                throw Atomic.failed(file, e);
            }
            added++;
        }

        /** A picture with its label; all have one or none. */
        public void add(Pixels image, long label) {
            add(image);
            labels[labelled++] = label;
        }

        /** @throws IllegalStateException if fewer pictures came than promised, or some had labels and some not */
        public void finish() {
            if (added < labels.length || labelled != 0 && labelled != added) {
                throw new IllegalStateException(
                        Phrase.of("%s needs %d pictures, and labels for all or none, got %d pictures and %d labels")
                                .with(file, labels.length, added, labelled));
            }
            try {
                zip.closeEntry();
                if (labelled > 0) {
                    begin("arr_1", "<i8", Phrase.of("(%d,)").with(labelled));
                    ByteBuffer bytes = ByteBuffer.allocate(8 * labelled).order(ByteOrder.LITTLE_ENDIAN);
                    bytes.asLongBuffer().put(labels);
                    zip.write(bytes.array());
                    zip.closeEntry();
                }
                zip.close();
                zip = null;
                beside.commit();
            } catch (IOException e) {
                throw Atomic.failed(file, e);
            }
        }

        /** Drops what was written, if it isn't finished. */
        @Override
        public void close() {
            try (AtomicFile part = beside;
                    OutputStream under = raw;
                    OutputStream over = zip) {
                // a zip that could not be written may fail in many ways as it is closed
            } catch (IOException | RuntimeException e) {
                // it is thrown away
            }
        }

        private void begin(String name, String dtype, String shape) throws IOException {
            ZipEntry entry = new ZipEntry(name + ".npy");
            entry.setTimeLocal(LocalDateTime.of(1980, 1, 1, 0, 0)); // the same pictures make the same file
            zip.putNextEntry(entry);
            String header = Phrase.of("{'descr': '%s', 'fortran_order': False, 'shape': %s, }")
                    .with(dtype, shape);
            int length = (10 + header.length() + 1 + 63) / 64 * 64 - 10;
            OutputStream out = zip;
            out.write(NumpyArray.MAGIC);
            out.write(new byte[] {1, 0, (byte) length, (byte) (length >> 8)});
            out.write((header + " ".repeat(length - header.length() - 1) + "\n").getBytes(StandardCharsets.US_ASCII));
        }
    }

    private static Records.Layout layout(Path file, NumpyArray array) {
        long[] shape = array.shape();
        boolean grey = shape.length == 3 || shape.length == 4 && shape[3] == 1;
        if (array.kind() != 'u' || array.bytes() != 1 || !grey && (shape.length != 4 || shape[3] != 3)) {
            throw new DataException(
                    Phrase.of("%s of %s must be u1 (uint8) [N, H, W, 3], [N, H, W, 1] or [N, H, W], it is %s;"
                                    + " convert it and save it again")
                            .with(array.name(), file, array.describe()));
        }
        if (array.data().length == 0 || shape[1] * shape[2] > ImageDecoder.MOST_PIXELS) {
            throw new DataException(
                    Phrase.of("%s of %s must have pictures of at most %,d pixels, it is %s; save others")
                            .with(array.name(), file, ImageDecoder.MOST_PIXELS, array.describe()));
        }
        return new Records.Layout(0, 0, (int) shape[1], (int) shape[2], grey ? 1 : 3, false);
    }

    private static int[] labels(Path file, NumpyArray array, int count) {
        long[] shape = array.shape();
        boolean flat = shape.length == 1 || shape.length == 2 && shape[1] == 1;
        boolean whole = array.kind() == 'i' || array.kind() == 'u';
        if (!whole || array.bytes() < 1 || array.bytes() > 8 || !flat || shape[0] != count) {
            throw new DataException(Phrase.of("%s of %s must be integers [%d], it is %s; convert it and save it again")
                    .with(array.name(), file, count, array.describe()));
        }
        int[] labels = new int[count];
        for (int i = 0; i < count; i++) {
            long label = array.integer(i);
            if (label < 0 || label >= MOST_CLASSES) {
                throw new DataException(
                        Phrase.of("%s of %s must be from 0 to %d, got %d at [%d]; number the classes from 0")
                                .with(array.name(), file, MOST_CLASSES - 1, label, i));
            }
            labels[i] = (int) label;
        }
        return labels;
    }
}
