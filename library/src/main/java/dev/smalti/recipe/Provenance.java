package dev.smalti.recipe;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.smalti.tensor.Phrase;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Collections;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;

/**
 * Where a run comes from: the {@code provenance.json} of its folder. With the recipe beside it, this is what it takes
 * to repeat the run. What is not known is {@value #UNKNOWN} or an empty map, never null.
 *
 * @param smalti the version of this library
 * @param java version and name of the virtual machine
 * @param pytorch the version of the libtorch binding
 * @param os name, version and architecture
 * @param created UTC, ISO 8601
 * @param dataName what people call the data
 * @param dataFingerprint a hash of the data's content
 * @param parents fingerprints of what the run was made from, by role, such as {@code tokenizer}
 * @param notes anything else worth keeping
 */
public record Provenance(
        String smalti,
        String java,
        String pytorch,
        String os,
        long seed,
        String created,
        String dataName,
        String dataFingerprint,
        Map<String, String> parents,
        Map<String, String> notes) {

    /** The version of the file format: one more with every change that older readers would get wrong. */
    public static final int FORMAT = 1;

    public static final String UNKNOWN = "unknown";

    private static final String FORMAT_KEY = "format";

    private static final JsonMapper JSON = JsonMapper.builder()
            .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
            .enable(SerializationFeature.INDENT_OUTPUT)
            .build();

    public Provenance {
        smalti = known(smalti);
        java = known(java);
        pytorch = known(pytorch);
        os = known(os);
        created = known(created);
        dataName = known(dataName);
        dataFingerprint = known(dataFingerprint);
        parents = sorted(parents);
        notes = sorted(notes);
    }

    /** The provenance of a run that begins now on this machine. */
    public static Provenance of(long seed, String dataName, String dataFingerprint, Map<String, String> parents) {
        return new Provenance(
                version("dev.smalti", "smalti"),
                Phrase.of("%s (%s)").with(System.getProperty("java.version"), System.getProperty("java.vm.name")),
                version("org.bytedeco", "pytorch"),
                Phrase.of("%s %s (%s)")
                        .with(
                                System.getProperty("os.name"),
                                System.getProperty("os.version"),
                                System.getProperty("os.arch")),
                seed,
                Instant.now().truncatedTo(ChronoUnit.SECONDS).toString(),
                dataName,
                dataFingerprint,
                parents,
                Map.of());
    }

    /** The same with notes in the place of its own. */
    public Provenance noting(Map<String, String> notes) {
        return new Provenance(smalti, java, pytorch, os, seed, created, dataName, dataFingerprint, parents, notes);
    }

    /**
     * Writes {@code file} as JSON, whole or not at all.
     *
     * @throws RecipeException if it can't be written
     */
    public void write(Path file) {
        ObjectNode tree = JSON.createObjectNode().put(FORMAT_KEY, FORMAT);
        tree.setAll((ObjectNode) JSON.valueToTree(this));
        TextFile.write(file, tree.toPrettyString() + "\n");
    }

    /**
     * Reads what {@link #write} wrote; keys that this version doesn't know are ignored.
     *
     * @throws RecipeException if the file can't be read, isn't JSON of this kind, or has a newer format
     */
    public static Provenance read(Path file) {
        try {
            JsonNode tree = JSON.readTree(TextFile.read(file, Yaml.LARGEST));
            JsonNode format = tree.path(FORMAT_KEY);
            if (!format.isIntegralNumber() || format.bigIntegerValue().signum() <= 0) {
                throw new RecipeException(file + " is not a provenance file: it has no format number");
            }
            if (!format.canConvertToInt() || format.intValue() > FORMAT) {
                throw new RecipeException(
                        Phrase.of("%s has format %s, but this version of Smalti reads up to format %d; use a newer one")
                                .with(file, format, FORMAT));
            }
            return JSON.treeToValue(tree, Provenance.class);
        } catch (JacksonException e) {
            throw new RecipeException(file + " is not a provenance file: " + oneLine(e), e);
        }
    }

    private static String oneLine(JacksonException e) {
        String where = e.getLocation() == null || e.getLocation().getLineNr() < 0
                ? ""
                : Phrase.of(" at line %d, column %d")
                        .with(e.getLocation().getLineNr(), e.getLocation().getColumnNr());
        return e.getOriginalMessage().lines().findFirst().orElse("not valid JSON") + where;
    }

    /** The version in the Maven properties that every jar carries; classes in a folder have none. */
    private static String version(String group, String artifact) {
        String path = Phrase.of("/META-INF/maven/%s/%s/pom.properties").with(group, artifact);
        try (InputStream in = Provenance.class.getResourceAsStream(path)) {
            Properties properties = new Properties();
            if (in != null) {
                properties.load(in);
            }
            return properties.getProperty("version", UNKNOWN);
        } catch (IOException e) {
            return UNKNOWN;
        }
    }

    private static String known(String value) {
        return value == null ? UNKNOWN : value;
    }

    private static Map<String, String> sorted(Map<String, String> values) {
        return values == null ? Map.of() : Collections.unmodifiableMap(new TreeMap<>(values));
    }
}
