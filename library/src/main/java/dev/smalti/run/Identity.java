package dev.smalti.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.smalti.tensor.Phrase;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * All that a result depends on, as named values: two are equal if and only if the names and values are, in whatever order they
 * were given. So a class that gets another field or prints itself otherwise changes no identity, and one that isn't named can't
 * slip in.
 *
 * @param json canonical: names sorted, no spaces
 */
public record Identity(String json) {
    private static final JsonMapper JSON = new JsonMapper();

    /**
     * @param named strings, numbers, truths and nulls, and lists and maps of them
     * @throws IllegalArgumentException naming a value of any other class
     */
    public static Identity of(Map<String, ?> named) {
        try {
            return new Identity(JSON.writeValueAsString(plain("", named)));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Object plain(String name, Object value) {
        if (value instanceof Map<?, ?> map) {
            TreeMap<String, Object> sorted = new TreeMap<>();
            map.forEach((key, each) -> sorted.put((String) key, plain(key.toString(), each)));
            return sorted;
        }
        if (value instanceof List<?> list) {
            List<Object> all = new ArrayList<>();
            list.forEach(each -> all.add(plain(name, each)));
            return all;
        }
        if (value == null || value instanceof String || value instanceof Number || value instanceof Boolean) {
            return value;
        }
        throw new IllegalArgumentException(Phrase.of(
                        "%s must be a string, a number, a truth, a list or a map to be part of an identity, got a %s: name its parts")
                .with(name, value.getClass().getName()));
    }

    /** SHA-256 of the JSON in UTF-8, its first digits in hexadecimal. @param digits 1..64 */
    public String sha256(int digits) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(json.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(hash).substring(0, digits);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
