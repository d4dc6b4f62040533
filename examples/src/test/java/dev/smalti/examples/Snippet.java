package dev.smalti.examples;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Lines of Java that a text shows: statements, or declarations, behind imports of what isn't the library's; or a whole file, which begins
 * with its package.
 *
 * @param place where they stand, for messages
 */
record Snippet(String place, String code) {
    private static final Pattern MARKDOWN = Pattern.compile("```java\\n(.*?)```", Pattern.DOTALL);
    private static final Pattern JAVADOC = Pattern.compile("<pre>\\{@code\\n(.*?)\\n *\\* *\\}</pre>", Pattern.DOTALL);

    private static final Pattern OWN_IMPORTS = Pattern.compile("(import [^;]+;\\s+)+");
    private static final Pattern WHOLE = Pattern.compile("\\Apackage ([\\w.]+);.*?\\bclass (\\w+) ", Pattern.DOTALL);

    /** Those of a Markdown file. */
    static List<Snippet> ofMarkdown(Path file) throws IOException {
        return of(file, MARKDOWN, "");
    }

    /** Those of all Javadoc below a folder; examples of recipes have no semicolons and are left out. */
    static List<Snippet> ofJavadoc(Path folder) throws IOException {
        List<Snippet> all = new ArrayList<>();
        for (Path file : Jvm.sources(folder)) {
            all.addAll(of(file, JAVADOC, "(?m)^ *\\* ?"));
        }
        return all.stream().filter(snippet -> snippet.code.contains(";")).toList();
    }

    private static List<Snippet> of(Path file, Pattern pattern, String margin) throws IOException {
        List<Snippet> found = new ArrayList<>();
        Matcher matcher = pattern.matcher(Files.readString(file));
        while (matcher.find()) {
            String code = margin.isEmpty() ? matcher.group(1) : matcher.group(1).replaceAll(margin, "");
            found.add(new Snippet(
                    Jvm.HOME.relativize(file.toAbsolutePath().normalize()).toString(), code));
        }
        return found;
    }

    /** Whether it draws with the bundled model, and so can be run as it is. */
    boolean runs() {
        return code.contains("\"fruits-64\"");
    }

    /** The class that can be run, of a whole file; null for a part of one. */
    String main() {
        Matcher whole = WHOLE.matcher(code);
        return whole.find() ? whole.group(1) + "." + whole.group(2) : null;
    }

    /** Writes a whole file to where its package has it. */
    Path write(Path folder) throws IOException {
        Path file = folder.resolve(main().replace('.', '/') + ".java");
        Files.createDirectories(file.getParent());
        return Files.writeString(file, code);
    }

    /**
     * A source file with a class of that name that has the snippet in its main method, or as a member, and what examples
     * take for granted.
     */
    Path write(Path folder, String name) throws IOException {
        Matcher imports = OWN_IMPORTS.matcher(code);
        String own = imports.lookingAt() ? imports.group() : "";
        String rest = code.substring(own.length());
        boolean declares = rest.strip().matches("(?s)(public |final |static )*(record|class|interface) .*");
        String text = "// " + place + "\n" + IMPORTS + own + "class " + name + " {\n" + GIVEN
                + (declares ? rest : "public static void main(String[] arguments) throws Exception {\n" + rest + "\n}")
                + "\n}\n";
        return Files.writeString(Files.createDirectories(folder).resolve(name + ".java"), text);
    }

    private static final String GIVEN = """
            static Path file, run;
            static String text;
            static Tensor codes, labels, logits, loss, first, second;
            static TokenSpace space;
            static Codebook codebook;
            static Tensor indices;
            static ImageSet set;
            static Preparation preparation;
            static void encode(Object batch) {}
            """;

    private static final String IMPORTS = imports();

    /** Of every package of the library, since no two classes have one name. */
    private static String imports() {
        Path library = Jvm.HOME.resolve("library/src/main/java");
        try {
            return Stream.concat(
                            Stream.of(
                                    "com.fasterxml.jackson.databind.ObjectMapper",
                                    "java.net.URI",
                                    "java.net.http.*",
                                    "java.nio.file.*",
                                    "java.util.*",
                                    "org.bytedeco.pytorch.Tensor",
                                    "org.bytedeco.pytorch.global.torch.ScalarType"),
                            Jvm.sources(library).stream()
                                    .map(file -> library.relativize(file.getParent())
                                                    .toString()
                                                    .replace('/', '.')
                                            + ".*")
                                    .collect(Collectors.toCollection(TreeSet::new))
                                    .stream())
                    .map(name -> "import " + name + ";\n")
                    .collect(Collectors.joining());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
