package dev.smalti.data;

import dev.smalti.tensor.Phrase;
import java.io.IOException;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The pictures of a folder or a zip, whose first folder level gives the classes; where all lie in one folder that holds folders,
 * the level in that. It is listed, not loaded.
 */
final class ImageTree implements ImageSet {
    private static final Logger LOG = LoggerFactory.getLogger(ImageTree.class);
    private static final Set<String> ENDINGS = Set.of("jpg", "jpeg", "png", "bmp", "gif", "webp");
    private static final Set<String> SPLITS = Set.of( // in small letters
            "train",
            "training",
            "val",
            "valid",
            "validation",
            "dev",
            "test",
            "testing",
            "eval",
            "evaluation",
            "extra",
            "unlabeled",
            "unlabelled",
            "holdout",
            "held-out",
            "held_out");
    private static final int LONGEST = 255; // letters of a class, as most file systems have it for folders
    private static final int SHOWN = 80;

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
        String root = root(composed);
        if (!root.isEmpty()) {
            LOG.info("{}: all pictures lie in its folder {}, whose folders are the classes", tree.name(), root);
        }
        List<String> classNames = classNames(tree, composed, root);
        int[] labels = new int[classNames.isEmpty() ? 0 : files.size()];
        var indices = IntStream.range(0, classNames.size()).boxed().collect(Collectors.toMap(classNames::get, i -> i));
        for (int i = 0; i < labels.length; i++) {
            labels[i] = indices.get(firstFolder(composed.get(i), root));
        }
        return new ImageTree(tree, new Names(files), labels, classNames);
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
    private static String composed(String file) {
        return Normalizer.normalize(file.startsWith("./") ? file.substring(2) : file, Normalizer.Form.NFC);
    }

    /** The folder around all classes, which packers make: the deepest that holds all pictures, and all in folders; or "". */
    private static String root(List<String> files) {
        String root = "";
        for (String folder = firstFolder(files.get(0), root);
                folder != null;
                folder = firstFolder(files.get(0), root)) {
            String deeper = root + folder + "/";
            if (!files.stream().allMatch(file -> file.startsWith(deeper) && firstFolder(file, deeper) != null)) {
                break;
            }
            root = deeper;
        }
        return root;
    }

    /** @throws DataException if some pictures have a class and others don't, or the name of one is endless */
    private static List<String> classNames(Tree tree, List<String> files, String root) {
        Set<String> classes = new TreeSet<>();
        String inRoot = null;
        String inFolder = null;
        boolean deep = true;
        for (String file : files) {
            String folder = firstFolder(file, root);
            if (folder == null) {
                inRoot = file;
            } else {
                classes.add(folder);
                inFolder = file;
                deep &= firstFolder(file, root + folder + "/") != null;
            }
        }
        if (inRoot != null && inFolder != null) {
            throw new DataException(Phrase.of(
                            "%s has pictures both in folders (%s) and beside them (%s): either all or none have a class;"
                                    + " move those beside into a folder, or all into one place")
                    .with(tree.name(), inFolder, inRoot));
        }
        List<String> sorted = sorted(classes);
        sorted.stream().filter(name -> name.length() > LONGEST).findFirst().ifPresent(name -> {
            throw new DataException(
                    Phrase.of("%s has a folder whose name has %,d letters, %s…: that of a class may have %d;")
                                    .with(tree.name(), name.length(), name.substring(0, SHOWN), LONGEST)
                            + " rename it");
        });
        if (sorted.size() > 1 && sorted.stream().allMatch(name -> SPLITS.contains(name.toLowerCase(Locale.ROOT)))) {
            tellOfSplits(tree, root, sorted, deep);
        }
        return sorted;
    }

    /** What people and published sets call parts of a set isn't likely to be a class. */
    private static void tellOfSplits(Tree tree, String root, List<String> splits, boolean deep) {
        String all = String.join(" and ", splits);
        String first = splits.stream()
                .filter(name -> name.toLowerCase(Locale.ROOT).startsWith("train"))
                .findFirst()
                .orElse(splits.get(0));
        LOG.warn(
                deep
                        ? "{}: all pictures of {} lie one folder deeper, and {} are taken for the classes; to have the"
                                + " folders in {} as classes, give {}"
                        : "{}: {} look like parts of a set, and {} are taken for classes; to have {} alone, give {}",
                tree.name(),
                all,
                splits.size() == 2 ? "these two" : "these",
                first,
                tree.place(root + first));
    }

    /** By alphabet; by number if all are numbers, so that classes 0 to 10 keep their order when written as folders. */
    private static List<String> sorted(Set<String> classes) {
        Comparator<String> order = classes.stream().allMatch(name -> name.matches("\\d{1,9}"))
                ? Comparator.comparingInt(Integer::parseInt)
                : Comparator.naturalOrder();
        return classes.stream()
                .sorted(order.thenComparing(Comparator.naturalOrder()))
                .toList();
    }

    /** The folder in {@code root} that {@code file} lies in; null if it lies in none. */
    private static String firstFolder(String file, String root) {
        int end = file.indexOf('/', root.length());
        return end < 0 ? null : file.substring(root.length(), end);
    }

    private static String ending(String file) {
        return file.substring(file.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT);
    }
}
