package dev.smalti;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/** A page of documentation: what it links to, and what can be linked to in it. */
public final class Markdown {
    private static final Pattern LINK = Pattern.compile("\\]\\(([^()\\s]+)\\)");

    private final List<String> lines = new ArrayList<>();

    /** Reads a file without the blocks of code in it. */
    public Markdown(Path file) {
        boolean code = false;
        try {
            for (String line : Files.readAllLines(file)) {
                boolean fence = line.strip().startsWith("```");
                if (!code && !fence) {
                    lines.add(line);
                }
                code ^= fence;
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Targets of links and pictures, with what follows {@code #}. */
    public List<String> links() {
        return lines.stream()
                .flatMap(line -> LINK.matcher(line).results())
                .map((MatchResult found) -> found.group(1))
                .toList();
    }

    /** The anchors of the headings, in their order. */
    public Set<String> anchors() {
        Set<String> anchors = new LinkedHashSet<>();
        for (String line : lines) {
            if (line.matches("#{1,6} .*")) {
                String anchor = anchor(line.replaceFirst("#+", ""));
                String name = anchor;
                for (int i = 1; !anchors.add(name); i++) {
                    name = anchor + "-" + i;
                }
            }
        }
        return anchors;
    }

    /** What GitHub makes of a heading: lower case, hyphens for spaces, no punctuation. */
    public static String anchor(String heading) {
        return heading.strip()
                .toLowerCase(Locale.ROOT)
                .replaceAll("[^\\p{L}\\p{N} _-]", "")
                .replace(' ', '-');
    }
}
