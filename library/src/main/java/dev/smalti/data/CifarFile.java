package dev.smalti.data;

import dev.smalti.tensor.Phrase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The binary version of CIFAR-10 and CIFAR-100 (Krizhevsky 2009, www.cs.toronto.edu/~kriz/cifar.html): a label byte, or
 * a coarse and a fine one, then 32 x 32 bytes of red, of green and of blue.
 */
final class CifarFile {
    private static final Logger LOG = LoggerFactory.getLogger(CifarFile.class);
    private static final int SIDE = 32;
    private static final int MOST_LIST = 1 << 16; // bytes of the classes' names
    private static final int PICTURE = 3 * SIDE * SIDE;

    private CifarFile() {}

    /** The files of {@code folder} to train on: {@code data_batch_*.bin} or {@code train.bin}; empty if it has none. */
    static List<Path> in(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            List<Path> found = files.filter(file -> name(file).matches("data_batch_\\d+\\.bin|train\\.bin"))
                    .sorted()
                    .toList();
            if (!found.isEmpty()) {
                LOG.info("{}: the training set is used, give a test file to use that", folder);
            }
            return found;
        }
    }

    /** @throws DataException if {@code files} have no whole records, or labels out of range */
    static ImageSet open(String source, List<Path> files) {
        List<Bytes> parts = new ArrayList<>();
        Bytes all = new Bytes.Joined(parts);
        try {
            Fingerprint fingerprint = new Fingerprint();
            for (Path file : files) {
                parts.add(Bytes.of(file));
                fingerprint.add(name(file), Files.size(file));
            }
            int skip = labelBytes(files, parts);
            Records.Layout layout = new Records.Layout(0, skip, SIDE, SIDE, 3, true);
            int size = (int) Math.min(Integer.MAX_VALUE, all.size() / layout.record());
            if ((long) size * layout.record() != all.size()) {
                throw new DataException(Phrase.of("%s must have fewer than 2^31 images; give fewer of its files")
                        .with(source));
            }
            int classes = skip == 1 ? 10 : 100;
            int[] labels = labels(source, all, layout, size, classes);
            Path list = files.get(0).resolveSibling(skip == 1 ? "batches.meta.txt" : "fine_label_names.txt");
            return new Records(source, layout, size, all, labels, classNames(list, classes), fingerprint.hex());
        } catch (IOException e) {
            all.close();
            throw new DataException(
                    Phrase.of("%s cannot be read (%s); get it again").with(source, e.getMessage()), e);
        } catch (RuntimeException e) {
            all.close();
            throw e;
        }
    }

    /** 1 for CIFAR-10, 2 for CIFAR-100: what divides the lengths of all files. */
    private static int labelBytes(List<Path> files, List<Bytes> parts) {
        boolean hundred = name(files.get(0)).matches("train\\.bin|test\\.bin");
        for (int skip : hundred ? new int[] {2, 1} : new int[] {1, 2}) {
            if (parts.stream().allMatch(part -> part.size() > 0 && part.size() % (PICTURE + skip) == 0)) {
                return skip;
            }
        }
        throw new DataException(Phrase.of(
                        "%s must hold records of %d bytes (CIFAR-10) or %d bytes (CIFAR-100, binary version),"
                                + " it has %,d bytes; get it again")
                .with(files.get(0), PICTURE + 1, PICTURE + 2, parts.get(0).size()));
    }

    private static int[] labels(String source, Bytes all, Records.Layout layout, int size, int classes)
            throws IOException {
        int[] labels = new int[size];
        for (int i = 0; i < size; i++) {
            labels[i] = all.read((long) i * layout.record() + layout.skip() - 1, 1)[0] & 255;
            if (labels[i] >= classes) {
                throw new DataException(Phrase.of(
                                "image %d of %s must have a label below %d, it has %d; is this CIFAR's binary version?")
                        .with(i, source, classes, labels[i]));
            }
        }
        return labels;
    }

    private static List<String> classNames(Path list, int classes) throws IOException {
        if (!Files.isRegularFile(list)) {
            return Stream.iterate(0, i -> i + 1)
                    .limit(classes)
                    .map(String::valueOf)
                    .toList();
        }
        if (Files.size(list) > MOST_LIST) {
            throw new DataException(Phrase.of("%s must have at most %,d bytes, it has %,d; get it again or delete it")
                    .with(list, MOST_LIST, Files.size(list)));
        }
        List<String> names = Files.readAllLines(list).stream()
                .map(String::strip)
                .filter(line -> !line.isEmpty())
                .toList();
        if (names.size() != classes) {
            throw new DataException(
                    Phrase.of("%s must have %d lines, one for each class, it has %d; get it again or delete it")
                            .with(list, classes, names.size()));
        }
        return names;
    }

    private static String name(Path file) {
        return file.getFileName().toString();
    }
}
