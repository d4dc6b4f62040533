package dev.smalti.recipe;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLGenerator;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLParser;
import dev.smalti.recipe.Node.Mapping;
import dev.smalti.recipe.Node.Scalar;
import dev.smalti.recipe.Node.Sequence;
import dev.smalti.tensor.Excerpt;
import dev.smalti.tensor.Phrase;
import java.io.IOException;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.yaml.snakeyaml.error.MarkedYAMLException;

/**
 * YAML text to a tree and back. Reading is on the safe side: one document, no key twice, no deeper than
 * {@value #DEEPEST}, and no aliases, so that a text is never larger than it looks.
 */
final class Yaml {
    static final int LARGEST = 1_000_000;
    static final int DEEPEST = 50;

    private static final YAMLFactory READING = YAMLFactory.builder()
            .enable(YAMLParser.Feature.EMPTY_STRING_AS_NULL) // "key:" is nothing, but "key: ''" is still a text
            .build();
    private static final YAMLMapper WRITING = YAMLMapper.builder(YAMLFactory.builder()
                    .disable(YAMLGenerator.Feature.WRITE_DOC_START_MARKER)
                    .disable(YAMLGenerator.Feature.SPLIT_LINES)
                    .enable(YAMLGenerator.Feature.MINIMIZE_QUOTES)
                    .enable(YAMLGenerator.Feature.ALWAYS_QUOTE_NUMBERS_AS_STRINGS)
                    .enable(YAMLGenerator.Feature.INDENT_ARRAYS_WITH_INDICATOR)
                    .build())
            .build();

    private final String name;
    private final YAMLParser parser;

    private Yaml(String name, YAMLParser parser) {
        this.name = name;
        this.parser = parser;
    }

    /**
     * The tree of {@code text}, {@link Node#NOTHING} if it is empty.
     *
     * @param name what messages call the text
     */
    static Node read(String text, String name) {
        if (text.length() > LARGEST) {
            throw new RecipeException(Phrase.of("%s is too large for a recipe: at most %d characters are read, got %d")
                    .with(name, LARGEST, text.length()));
        }
        try (YAMLParser parser = READING.createParser(text)) {
            return new Yaml(name, parser).document();
        } catch (JacksonException e) {
            throw syntaxError(name, e);
        } catch (IOException e) {
            throw new RecipeException(name + ": " + e.getMessage(), e);
        }
    }

    /** @param tree maps, lists, strings, numbers, booleans and nulls */
    static String write(Object tree) {
        try {
            return WRITING.writeValueAsString(tree);
        } catch (JacksonException e) {
            throw new IllegalStateException("a tree of plain values cannot be written as YAML", e);
        }
    }

    private Node document() throws IOException {
        if (parser.nextToken() == null) {
            return Node.NOTHING;
        }
        Node root = node(1);
        if (parser.nextToken() != null) {
            throw refuse("a second document begins here; a recipe is one document");
        }
        return root;
    }

    private Node node(int depth) throws IOException {
        if (depth > DEEPEST) {
            throw refuse(Phrase.of("nested more than %d levels deep").with(DEEPEST));
        }
        if (parser.isCurrentAlias()) {
            throw refuse(Phrase.of("the alias *%s is not read in a recipe; write out what it stands for")
                    .with(Excerpt.of(parser.getText())));
        }
        return switch (parser.currentToken()) {
            case START_OBJECT -> mapping(depth);
            case START_ARRAY -> sequence(depth);
            default -> scalar();
        };
    }

    private Node mapping(int depth) throws IOException {
        Map<String, Node> entries = new LinkedHashMap<>();
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            String key = parser.currentName();
            if (entries.containsKey(key)) {
                throw refuse(Phrase.of("key %s is given twice").with(Excerpt.of(key)));
            }
            parser.nextToken();
            entries.put(key, node(depth + 1));
        }
        return new Mapping(entries);
    }

    private Node sequence(int depth) throws IOException {
        List<Node> items = new ArrayList<>();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            items.add(node(depth + 1));
        }
        return new Sequence(items);
    }

    private Node scalar() throws IOException {
        String text = parser.getText();
        return switch (parser.currentToken()) {
            case VALUE_NULL -> Node.NOTHING;
            case VALUE_TRUE -> new Scalar(text, true);
            case VALUE_FALSE -> new Scalar(text, false);
            case VALUE_NUMBER_INT -> new Scalar(text, whole(text));
            case VALUE_NUMBER_FLOAT -> new Scalar(text, real(text));
            case VALUE_STRING -> new Scalar(text, text);
            default -> throw refuse("cannot be read in a recipe: " + Excerpt.of(text));
        };
    }

    /** A number such as 010 is eight in YAML 1.1 and ten in 1.2; it stays a text, which no number's key accepts. */
    private Object whole(String text) throws IOException {
        if (text.matches("[-+]?0[0-9_]+")) {
            return text;
        }
        Number number = parser.getNumberValue();
        return number instanceof BigInteger ? number : (Object) number.longValue();
    }

    private Object real(String text) throws IOException {
        return switch (text.toLowerCase(Locale.ROOT)) {
            case ".inf", "+.inf" -> Double.POSITIVE_INFINITY;
            case "-.inf" -> Double.NEGATIVE_INFINITY;
            case ".nan" -> Double.NaN;
            default -> {
                double number = parser.getDoubleValue();
                yield Double.isFinite(number) ? (Object) number : text;
            }
        };
    }

    private RecipeException refuse(String what) {
        JsonLocation at = parser.currentTokenLocation();
        return new RecipeException(
                Phrase.of("%s, line %d, column %d: %s").with(name, at.getLineNr(), at.getColumnNr(), what));
    }

    private static RecipeException syntaxError(String name, JacksonException e) {
        if (e.getCause() instanceof MarkedYAMLException yaml && yaml.getProblemMark() != null) {
            return new RecipeException(
                    Phrase.of("%s, line %d, column %d: not valid YAML: %s")
                            .with(
                                    name,
                                    yaml.getProblemMark().getLine() + 1,
                                    yaml.getProblemMark().getColumn() + 1,
                                    problem(yaml.getProblem())),
                    e);
        }
        JsonLocation at = e.getLocation();
        String where = at == null ? "" : Phrase.of(", line %d, column %d").with(at.getLineNr(), at.getColumnNr());
        return new RecipeException(name + where + ": not valid YAML: " + problem(e.getOriginalMessage()), e);
    }

    /** The parser's words, without its classes and without advice that only fits tabs. */
    private static String problem(String message) {
        if (message.startsWith("Expected a field name")) {
            return "a key must be a text";
        }
        return Excerpt.of(message.replaceFirst("\\. \\(Do not use [^\\\\]+ for indentation\\)$", ""));
    }
}
