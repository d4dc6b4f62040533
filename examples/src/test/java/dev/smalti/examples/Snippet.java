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
 * Lines of Java that a text shows: statements, or declarations.
 *
 * @param place where they stand, for messages
 */
record Snippet(String place, String code) {
    private static final Pattern MARKDOWN = Pattern.compile("```java\\n(.*?)```", Pattern.DOTALL);
    private static final Pattern JAVADOC = Pattern.compile("<pre>\\{@code\\n(.*?)\\n *\\* *\\}</pre>", Pattern.DOTALL);

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

    /**
     * A source file with a class of that name that has the snippet in its main method, or as a member, and what examples
     * take for granted.
     */
    Path write(Path folder, String name) throws IOException {
        boolean declares = code.strip().matches("(?s)(public |final |static )*(record|class|interface) .*");
        String text = "// " + place + "\n" + IMPORTS + "class " + name + " {\n" + GIVEN
                + (declares ? code : "public static void main(String[] arguments) throws Exception {\n" + code + "\n}")
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
