package dev.smalti.data;

import dev.smalti.tensor.Excerpt;
import dev.smalti.tensor.Phrase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Which tars a path names: itself, those of a folder, or a list in braces, {@code shard-{000000..000031}.tar}. */
final class ShardNames {
    private static final Pattern RANGE = Pattern.compile("\\{(\\d{1,9})\\.\\.(\\d{1,9})}");
    private static final Pattern PACKED = Pattern.compile("(?i).*\\.(tgz|txz|tbz2?|tar\\.[a-z0-9]{1,4})");
    private static final int MOST = 100_000;

    private ShardNames() {}

    static boolean isTar(Path file) {
        String name = file.getFileName().toString();
        return !Tree.hidden(name) && name.toLowerCase(Locale.ROOT).endsWith(".tar");
    }

    /** Those of a folder that holds tars, and no pictures or folders beside them; empty for any other. */
    static List<Path> in(Path folder) throws IOException {
        List<Path> tars = list(folder, ShardNames::isTar);
        if (tars.isEmpty()) {
            List<Path> packed = list(folder, ShardNames::isPacked);
            if (packed.isEmpty() || !list(folder, ShardNames::isOfTree).isEmpty()) {
                return List.of();
            }
            refusePacked(packed.get(0));
        }
        return list(folder, ShardNames::isOfTree).isEmpty() ? tars : List.of();
    }

    private static boolean isOfTree(Path entry) {
        String name = entry.getFileName().toString();
        String ending = name.substring(name.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT);
        return !Tree.hidden(name) && (ImageTree.ENDINGS.contains(ending) || Files.isDirectory(entry));
    }

    private static List<Path> list(Path folder, Predicate<Path> wanted) throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.filter(wanted)
                    .sorted(Comparator.comparing(each -> each.getFileName().toString()))
                    .toList();
        }
    }

    private static boolean isPacked(Path file) {
        String name = file.getFileName().toString();
        return !Tree.hidden(name) && PACKED.matcher(name).matches();
    }

    /** @throws DataException if it is a tar that is packed as a whole */
    static void refusePacked(Path file) {
        if (isPacked(file)) {
            throw new DataException(
                    file + " is packed as a whole, and pictures are read at their places in a tar: unpack"
                            + " it to a .tar, such as by gunzip, which makes it hardly larger");
        }
    }

    /**
     * All paths that one with a range in braces stands for, in order; empty for one without.
     *
     * @throws DataException naming the range that is none, or the first that isn't there
     */
    static Optional<List<Path>> listed(Path path) {
        String text = path.toString();
        if (!RANGE.matcher(text).find()) {
            return Optional.empty();
        }
        List<Path> all = expanded(text).stream().map(Path::of).toList();
        all.stream().filter(each -> !Files.isRegularFile(each)).findFirst().ifPresent(missing -> {
            throw new DataException(Phrase.of("%s names %,d files, and %s is not there; name those that are")
                    .with(Excerpt.of(text), all.size(), missing));
        });
        all.forEach(ShardNames::refusePacked);
        return Optional.of(all);
    }

    private static List<String> expanded(String text) {
        Matcher range = RANGE.matcher(text);
        if (!range.find()) {
            return List.of(text);
        }
        int first = Integer.parseInt(range.group(1));
        int last = Integer.parseInt(range.group(2));
        List<String> behind = expanded(text.substring(range.end()));
        if (last < first || (last - first + 1L) * behind.size() > MOST) {
            throw new DataException(Phrase.of("%s must name 1 to %,d files, from a number to one that isn't smaller")
                    .with(Excerpt.of(text), MOST));
        }
        int digits = range.group(1).startsWith("0") ? range.group(1).length() : 1;
        List<String> all = new ArrayList<>();
        for (int number = first; number <= last; number++) {
            String start = text.substring(0, range.start())
                    + Phrase.of("%0" + digits + "d").with(number);
            behind.forEach(end -> all.add(start + end));
        }
        return all;
    }
}
