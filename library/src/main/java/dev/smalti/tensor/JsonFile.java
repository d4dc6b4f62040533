package dev.smalti.tensor;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.exc.InputCoercionException;
import com.fasterxml.jackson.databind.JavaType;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** A small JSON file that may come from anywhere: at most {@value #LARGEST} bytes of it are read. */
public final class JsonFile {
    public static final int LARGEST = 10_000_000;

    private JsonFile() {}

    /** @throws BadFileException saying what is wrong, and where, if the file can't be read or isn't one JSON object */
    public static JsonNode read(Path file) {
        try {
            JsonNode tree = new ObjectMapper().readTree(bytes(file));
            if (tree == null || !tree.isObject()) {
                throw new BadFileException(file, "must hold one JSON object");
            }
            return tree;
        } catch (JsonProcessingException e) {
            throw new BadFileException(file, "is not valid JSON" + where(e) + ": " + words(e), e);
        } catch (IOException e) {
            throw new BadFileException(file, "cannot be read: " + AtomicFile.reason(e), e);
        }
    }

    /**
     * What {@code mapper} makes of {@code tree}, which was read from {@code file}.
     *
     * @throws BadFileException naming the part that is of another type than it must be
     */
    public static <T> T convert(Path file, JsonNode tree, JavaType type, ObjectMapper mapper) {
        try {
            return mapper.convertValue(tree, type);
        } catch (IllegalArgumentException e) {
            throw new BadFileException(file, mismatch(e), e);
        }
    }

    private static byte[] bytes(Path file) throws IOException {
        if (Files.exists(file) && !Files.isRegularFile(file)) {
            throw new BadFileException(file, "must be a file of JSON, is none");
        }
        try (InputStream in = Files.newInputStream(file)) {
            byte[] bytes = in.readNBytes(LARGEST + 1);
            if (bytes.length > LARGEST) {
                throw new BadFileException(
                        file, Phrase.of("must have at most %,d bytes, has more").with(LARGEST));
            }
            return bytes;
        }
    }

    private static String where(JsonProcessingException e) {
        JsonLocation at = e.getLocation();
        return at == null || at.getLineNr() < 1
                ? ""
                : Phrase.of(", line %d, column %d").with(at.getLineNr(), at.getColumnNr());
    }

    private static String words(JsonProcessingException e) {
        return Excerpt.of(e.getOriginalMessage().lines().findFirst().orElse(""));
    }

    private static String mismatch(IllegalArgumentException e) {
        if (!(e.getCause() instanceof JsonMappingException mapping)) {
            return Excerpt.of(String.valueOf(e.getMessage()));
        }
        String path = mapping.getPath().stream()
                .map(each -> each.getFieldName() == null ? "[" + each.getIndex() + "]" : each.getFieldName())
                .collect(Collectors.joining("."));
        String subject = path.isEmpty() ? "it" : Excerpt.of(path);
        if (mapping instanceof MismatchedInputException mismatched) {
            return subject + " must be " + kind(mismatched.getTargetType());
        }
        if (mapping.getCause() instanceof InputCoercionException large) {
            return subject + " must be " + kind(large.getTargetType()) + " and is too large";
        }
        Optional<String> reason = Optional.ofNullable(mapping.getCause())
                .map(Throwable::getMessage)
                .map(Excerpt::of);
        return (path.isEmpty() ? "" : subject + ": ") + reason.orElse(words(mapping));
    }

    private static String kind(Class<?> type) {
        if (type == int.class || type == Integer.class || type == long.class || type == Long.class) {
            return "a whole number";
        }
        if (type == double.class || type == Double.class) {
            return "a number";
        }
        if (type == String.class) {
            return "a text";
        }
        return type != null && Collection.class.isAssignableFrom(type)
                ? "a list"
                : type != null && (Map.class.isAssignableFrom(type) || type.isRecord()) ? "an object" : "another value";
    }
}
