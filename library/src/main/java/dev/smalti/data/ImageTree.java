package dev.smalti.data;

import dev.smalti.tensor.Phrase;
import java.io.IOException;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The pictures of a folder or a zip, whose first folder level gives the classes; where all lie in one folder that holds folders,
 * the level in that. It is listed, not loaded.
 */
final class ImageTree implements ImageSet {
    private static final Logger LOG = LoggerFactory.getLogger(ImageTree.class);
    static final Set<String> ENDINGS = Set.of("jpg", "jpeg", "png", "bmp", "gif", "webp");

    private final Tree tree;
    private final Names names;
    private final int[] labels;
    private final List<String> classNames;

    private ImageTree(Tree tree, Names names, int[] labels, List<String> classNames) {
        this.tree = tree;
        this.names = names;
        this.labels = labels;
        this.classNames = classNames;
    }

    /** Lists {@code tree}; closes it if there is nothing to use in it. */
    static ImageTree of(Tree tree) {
        try {
            return list(tree);
        } catch (IOException e) {
            tree.close();
            throw new DataException(
                    Phrase.of("%s cannot be listed (%s); check that it may be read")
                            .with(tree.name(), e),
                    e);
        } catch (RuntimeException e) {
            tree.close();
            throw e;
        }
    }

    @Override
    public int size() {
        return names.size();
    }

    @Override
    public int label(int index) {
        Objects.checkIndex(index, size());
        return classNames.isEmpty() ? -1 : labels[index];
    }

    @Override
    public List<String> classNames() {
        return classNames;
    }

    @Override
    public String name(int index) {
        return names.get(index) + " in " + tree.name();
    }

    @Override
    public Pixels read(int index) {
        byte[] file;
        try {
            file = tree.read(names.get(index));
        } catch (IOException e) {
            throw new DataException(
                    Phrase.of("%s cannot be read (%s); replace or remove it").with(name(index), e.getMessage()), e);
        }
        return Pixels.decode(file, name(index));
    }

    @Override
    public Extent extent(int index) {
        try {
            Optional<Extent> stored = PictureHeader.extent(tree.start(names.get(index), PictureHeader.BYTES));
            return stored.orElseGet(() -> ImageSet.super.extent(index));
        } catch (IOException e) {
            throw new DataException(
                    Phrase.of("%s cannot be read (%s); replace or remove it").with(name(index), e.getMessage()), e);
        }
    }

    @Override
    public String fingerprint() {
        Fingerprint fingerprint = new Fingerprint();
        for (int i = 0; i < size(); i++) {
            try {
                fingerprint.add(names.get(i), tree.size(names.get(i)));
            } catch (IOException e) {
                throw new DataException(
                        Phrase.of("%s is gone (%s); were files moved meanwhile?")
                                .with(name(i), e.getMessage()),
                        e);
            }
        }
        return fingerprint.hex();
    }

    @Override
    public void close() {
        tree.close();
    }

    private static ImageTree list(Tree tree) throws IOException {
        List<String> files = files(tree);
        List<String> composed = files.stream().map(ImageTree::composed).toList();
        Folders folders = Folders.of(tree.name(), tree::place, composed);
        int[] labels = new int[folders.classNames().isEmpty() ? 0 : files.size()];
        for (int i = 0; i < labels.length; i++) {
            labels[i] = folders.label(composed.get(i));
        }
        return new ImageTree(tree, new Names(files), labels, folders.classNames());
    }

    /** The names of all pictures, in order. */
    private static List<String> files(Tree tree) throws IOException {
        List<String> files = new ArrayList<>();
        int[] others = {0};
        String[] other = {null};
        tree.list(file -> {
            if (ENDINGS.contains(ending(file))) {
                files.add(file);
            } else if (others[0]++ == 0) {
                other[0] = file;
            }
        });
        if (files.isEmpty()) {
            throw new DataException(
                    Phrase.of("%s has no pictures: there must be %s files in it, or in one folder per class%s")
                            .with(
                                    tree.name(),
                                    ENDINGS.stream().sorted().collect(Collectors.joining(", ")),
                                    others[0] == 0
                                            ? "; it is empty"
                                            : Phrase.of("; it has %d other files like %s")
                                                    .with(others[0], other[0])));
        }
        if (others[0] > 0) {
            LOG.warn("{}: {} files that are not pictures are ignored, {} for one", tree.name(), others[0], other[0]);
        }
        files.sort(null);
        return files;
    }

    /** With letters in their composed form (NFC), as all systems but macOS write them, and without a leading ./ of packers. */
    static String composed(String file) {
        return Normalizer.normalize(file.startsWith("./") ? file.substring(2) : file, Normalizer.Form.NFC);
    }

    private static String ending(String file) {
        return file.substring(file.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT);
    }
}
