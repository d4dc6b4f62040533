package dev.smalti.studio;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.smalti.recipe.Nearest;
import dev.smalti.tensor.Excerpt;
import dev.smalti.tensor.Phrase;
import java.math.BigDecimal;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** The named values of a request, of JSON or of a form, each of which is read once by the rule that it must keep. */
final class Parameters {
    private static final JsonMapper JSON = JsonMapper.builder(com.fasterxml.jackson.core.JsonFactory.builder()
                    .streamReadConstraints(StreamReadConstraints.builder()
                            .maxNestingDepth(8)
                            .maxStringLength(1 << 16)
                            .build())
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .build())
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private final Map<String, String> values = new LinkedHashMap<>(); // null stands for a value that was given as null

    private Parameters() {}

    /** Of a JSON object with plain values. */
    static Parameters ofJson(byte[] body) {
        Parameters parameters = new Parameters();
        try {
            JsonNode tree = JSON.readTree(body);
            if (tree == null || !tree.isObject()) {
                throw ApiException.bad(null, "the body must be a JSON object");
            }
            tree.properties().forEach(each -> {
                JsonNode value = each.getValue();
                if (!value.isValueNode()) {
                    throw ApiException.bad(
                            Excerpt.of(each.getKey()),
                            Excerpt.of(each.getKey()) + " must be a plain value, got "
                                    + (value.isArray() ? "a list" : "an object"));
                }
                if (!value.isNull()) {
                    parameters.values.put(each.getKey(), value.asText());
                }
            });
        } catch (JacksonException e) {
            throw ApiException.bad(null, "the body must be JSON: " + Excerpt.of(e.getOriginalMessage()));
        } catch (java.io.IOException e) {
            throw ApiException.bad(null, "the body cannot be read");
        }
        return parameters;
    }

    /** Of a form, in which each name may be given once; those of files have no values. */
    static Parameters ofForm(Map<String, List<String>> form) {
        Parameters parameters = new Parameters();
        form.forEach((name, values) -> {
            if (values.size() > 1) {
                throw ApiException.bad(
                        Excerpt.of(name), Excerpt.of(name) + " must be given once, got " + values.size());
            }
            if (values.size() == 1 && !values.get(0).isEmpty()) {
                parameters.values.put(name, values.get(0));
            }
        });
        return parameters;
    }

    /** @throws ApiException naming one that is not among {@code known}, and the nearest that is */
    void requireKnown(Set<String> known) {
        for (String name : values.keySet()) {
            if (!known.contains(name)) {
                throw ApiException.bad(
                        Excerpt.of(name),
                        "there is no parameter " + Excerpt.of(name)
                                + Nearest.name(Excerpt.of(name), new TreeSet<>(known))
                                        .map(near -> "; did you mean " + near + "?")
                                        .orElse(""));
            }
        }
    }

    /** Whether it was given. */
    boolean has(String name) {
        return values.containsKey(name);
    }

    String text(String name, String usual) {
        return values.getOrDefault(name, usual);
    }

    long whole(String name, long usual, long least, long most) {
        String value = values.get(name);
        if (value == null) {
            return usual;
        }
        try {
            long number = new BigDecimal(value.strip()).longValueExact();
            if (number >= least && number <= most) {
                return number;
            }
        } catch (ArithmeticException | NumberFormatException e) {
            // said below
        }
        throw ApiException.bad(
                name,
                Phrase.of("%s must be a whole number from %d to %d, got %s")
                        .with(name, least, most, Excerpt.of(value)));
    }

    double number(String name, double usual, double least, double most) {
        String value = values.get(name);
        if (value == null) {
            return usual;
        }
        try {
            double number = Double.parseDouble(value.strip());
            if (number >= least && number <= most) {
                return number;
            }
        } catch (NumberFormatException e) {
            // said below
        }
        throw ApiException.bad(
                name,
                Phrase.of("%s must be a number from %s to %s, got %s").with(name, least, most, Excerpt.of(value)));
    }

    boolean truth(String name, boolean usual) {
        String value = values.get(name);
        if (value == null) {
            return usual;
        }
        if (value.equals("true") || value.equals("false")) {
            return value.equals("true");
        }
        throw ApiException.bad(name, name + " must be true or false, got " + Excerpt.of(value));
    }

    /** @param allowed the values that it may have */
    String choice(String name, String usual, List<String> allowed) {
        String value = values.getOrDefault(name, usual);
        if (!allowed.contains(value)) {
            throw ApiException.bad(
                    name, name + " must be one of " + String.join(", ", allowed) + ", got " + Excerpt.of(value));
        }
        return value;
    }
}
