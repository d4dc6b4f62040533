package dev.smalti;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.tensor.Dims;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.StreamSupport;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Assumptions;

/**
 * What a reference implementation computed: its settings, its weights, what went in ({@code in.*}) and what came out
 * ({@code out.*}). The README beside the numbers says what each is. Read from the folder that the system property
 * {@code smalti.golden} names, which may hold fixtures of other sizes, or else from the test resources.
 */
public final class Fixture {
    /** Of the largest magnitude in a tensor. */
    private static final double TOLERANCE = 1e-4;

    private final String name;
    private final Path folder;
    private final JsonNode settings;
    private final Map<String, Tensor> weights;
    private final Map<String, Tensor> numbers;

    private Fixture(String name, Path folder) {
        this.name = name;
        this.folder = folder;
        try {
            settings = new ObjectMapper().readTree(folder.resolve("config.json").toFile());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Path own = folder.resolve("weights.safetensors");
        weights = Files.exists(own) ? read(own) : Map.of(); // a formula has none
        numbers = read(folder.resolve("case.safetensors"));
    }

    /** A chosen folder need not hold every fixture: the tests of those that it lacks are skipped. */
    public static Fixture of(String name) {
        String chosen = System.getProperty("smalti.golden", "");
        Path folder = chosen.isEmpty() ? resource(name) : Path.of(chosen, name);
        assertThat(folder.getParent()).as("the folder of the fixtures").isDirectory();
        Assumptions.assumeTrue(Files.isDirectory(folder), () -> "there is no fixture " + folder);
        return new Fixture(name, folder);
    }

    private static Path resource(String name) {
        try {
            return Path.of(Fixture.class.getResource("/golden/" + name).toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Map<String, Tensor> read(Path file) {
        try (TensorFile tensors = TensorFile.open(file)) {
            return tensors.tensors();
        }
    }

    /** A part of config.json. */
    public JsonNode settings(String key) {
        return settings.required(key);
    }

    /** The whole numbers of a list in config.json. */
    public static List<Integer> integers(JsonNode list) {
        return StreamSupport.stream(list.spliterator(), false)
                .map(JsonNode::asInt)
                .toList();
    }

    /** The reference's state dict. */
    public Map<String, Tensor> weights() {
        return weights;
    }

    /** Whether there is a {@code file.safetensors}, for weights that not every folder may hold. */
    public boolean has(String file) {
        return Files.exists(weightFile(file));
    }

    /** {@code file.safetensors} */
    public Path weightFile(String file) {
        return folder.resolve(file + ".safetensors");
    }

    /** Another state dict of the reference's, {@code file.safetensors}. */
    public Map<String, Tensor> weights(String file) {
        return read(weightFile(file));
    }

    /** What went in, {@code in.}{@code key}. */
    public Tensor in(String key) {
        return number("in." + key);
    }

    /** What the reference made of it, {@code out.}{@code key}. */
    public Tensor out(String key) {
        return number("out." + key);
    }

    private Tensor number(String key) {
        Tensor tensor = numbers.get(key);
        if (tensor == null) {
            throw new IllegalArgumentException(name + " has no " + key);
        }
        return tensor;
    }

    /** Checks ours against {@code out.}{@code key}: integers exactly, others within 1e-4 of the largest magnitude. */
    public void check(String key, Tensor ours) {
        check(key, ours, TOLERANCE);
    }

    /** The same with another tolerance, where the README beside the numbers allows it. */
    public void check(String key, Tensor ours, double tolerance) {
        Tensor theirs = out(key);
        assertThat(Dims.of(ours)).as("shape of %s of %s", key, name).isEqualTo(Dims.of(theirs));
        if (theirs.is_floating_point()) {
            close(key, Tensors.toDoubles(ours), theirs, tolerance);
        } else {
            same(key, Tensors.toLongs(ours), theirs);
        }
    }

    /** Checks every {@code out.}{@code prefix}{@code key}, of which there must be one, against ours of that key. */
    public void checkAll(String prefix, UnaryOperator<String> rename, Map<String, Tensor> ours) {
        List<String> keys = numbers.keySet().stream()
                .filter(each -> each.startsWith("out." + prefix))
                .map(each -> each.substring("out.".length()))
                .toList();
        assertThat(keys).as("numbers of %s that begin with %s", name, prefix).isNotEmpty();
        for (String key : keys) {
            String own = rename.apply(key.substring(prefix.length()));
            assertThat(ours).as("ours of %s of %s", key, name).containsKey(own);
            check(key, ours.get(own));
        }
    }

    private void same(String key, long[] ours, Tensor theirs) {
        long[] expected = Tensors.toLongs(theirs);
        int first = Arrays.mismatch(ours, expected);
        if (first >= 0) {
            throw new AssertionError("%s of %s must be the same; got %d instead of %d at %s"
                    .formatted(key, name, ours[first], expected[first], Dims.text(place(first, Dims.of(theirs)))));
        }
    }

    private void close(String key, double[] ours, Tensor theirs, double tolerance) {
        double[] expected = Tensors.toDoubles(theirs);
        double largest = 0;
        for (double each : expected) {
            largest = Double.isInfinite(each) ? largest : Math.max(largest, Math.abs(each));
        }
        int worst = -1;
        double distance = tolerance * largest;
        for (int i = 0; i < expected.length; i++) {
            double apart = ours[i] == expected[i] ? 0 : Math.abs(ours[i] - expected[i]); // infinities are alike
            if (!(apart <= distance)) {
                worst = i;
                distance = Double.isNaN(apart) ? Double.POSITIVE_INFINITY : apart;
            }
        }
        if (worst >= 0) {
            throw new AssertionError(
                    "%s of %s must be within %.0e of its largest magnitude, %.6g; got %.6g instead of %.6g at %s"
                            .formatted(
                                    key,
                                    name,
                                    tolerance,
                                    largest,
                                    ours[worst],
                                    expected[worst],
                                    Dims.text(place(worst, Dims.of(theirs)))));
        }
    }

    private static long[] place(long index, long[] shape) {
        long[] place = new long[shape.length];
        for (int i = shape.length - 1; i >= 0; i--) {
            place[i] = index % shape[i];
            index /= shape[i];
        }
        return place;
    }
}
