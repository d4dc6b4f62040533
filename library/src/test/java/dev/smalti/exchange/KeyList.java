package dev.smalti.exchange;

import dev.smalti.tensor.TorchSave.Numbers;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Names and shapes of all tensors of a published file, as its project's own code made them. */
final class KeyList {
    private static final Pattern LINE = Pattern.compile("(\\S+) \\(([\\d, ]*)\\)( \\w+)?");

    private KeyList() {}

    /**
     * Made-up weights of these names.
     *
     * @param section whose heading, behind {@code ###}, begins so; null for all of a file without headings
     */
    static Map<String, Numbers> read(String file, String section) {
        Map<String, Numbers> numbers = new LinkedHashMap<>();
        shapes(file, section).forEach((name, shape) -> numbers.put(name, new Numbers(numbers.size(), shape)));
        return numbers;
    }

    /** Their shapes, in the order of the file. */
    static Map<String, long[]> shapes(String file, String section) {
        Map<String, long[]> shapes = new LinkedHashMap<>();
        boolean inside = section == null;
        for (String line : lines(file)) {
            Matcher match = LINE.matcher(line);
            if (line.startsWith("### ")) {
                inside = line.startsWith("### " + section);
            } else if (inside && match.matches()) {
                shapes.put(match.group(1), shape(match.group(2)));
            }
        }
        return shapes;
    }

    private static List<String> lines(String file) {
        try (InputStream in = KeyList.class.getResourceAsStream("/keys/" + file + ".txt")) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static long[] shape(String sizes) {
        return Arrays.stream(sizes.split("[, ]+"))
                .filter(each -> !each.isEmpty())
                .mapToLong(Long::parseLong)
                .toArray();
    }
}
