package dev.smalti.data;

import dev.smalti.tensor.Phrase;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the folders of a set say of its classes.
 *
 * @param root folder around all classes, with a / behind it, or ""
 * @param classNames in order; empty where pictures lie in no folder
 * @param numbers of these
 */
record Folders(String root, List<String> classNames, Map<String, Integer> numbers) {
    private static final Logger LOG = LoggerFactory.getLogger(Folders.class);
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

    /**
     * Of the folders that pictures lie in.
     *
     * @param source what messages call the set
     * @param place what a person would give to open a folder in it alone
     * @param files names of pictures, one at least of each folder
     * @throws DataException if some pictures have a class and others don't, or the name of one is endless
     */
    static Folders of(String source, UnaryOperator<String> place, List<String> files) {
        String root = root(files);
        if (!root.isEmpty()) {
            LOG.info("{}: all pictures lie in its folder {}, whose folders are the classes", source, root);
        }
        List<String> names = classNames(source, place, files, root);
        return new Folders(
                root, names, IntStream.range(0, names.size()).boxed().collect(Collectors.toMap(names::get, i -> i)));
    }

    /** The class of a picture, or -1. */
    int label(String file) {
        return classNames.isEmpty() ? -1 : numbers.get(firstFolder(file, root));
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
    private static List<String> classNames(
            String source, UnaryOperator<String> place, List<String> files, String root) {
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
                    .with(source, inFolder, inRoot));
        }
        List<String> sorted = sorted(classes);
        sorted.stream().filter(name -> name.length() > LONGEST).findFirst().ifPresent(name -> {
            throw new DataException(
                    Phrase.of("%s has a folder whose name has %,d letters, %s…: that of a class may have %d;")
                                    .with(source, name.length(), name.substring(0, SHOWN), LONGEST)
                            + " rename it");
        });
        if (sorted.size() > 1 && sorted.stream().allMatch(name -> SPLITS.contains(name.toLowerCase(Locale.ROOT)))) {
            tellOfSplits(source, place, root, sorted, deep);
        }
        return sorted;
    }

    /** What people and published sets call parts of a set isn't likely to be a class. */
    private static void tellOfSplits(
            String source, UnaryOperator<String> place, String root, List<String> splits, boolean deep) {
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
                source,
                all,
                splits.size() == 2 ? "these two" : "these",
                first,
                place.apply(root + first));
    }

    /** By alphabet; by number if all are numbers, so that classes 0 to 10 keep their order when written as folders. */
    static List<String> sorted(Set<String> classes) {
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
}
