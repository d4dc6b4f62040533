package dev.smalti.network;

import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Excerpt;
import dev.smalti.tensor.Scope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;

/**
 * The shapes of a network's tensors, by name. {@link #sketch} finds them without the memory that the network would take, so
 * that a file of weights can be compared with it first.
 */
public final class Blueprint {
    private static final int SHOWN = 3;

    private final Map<String, long[]> shapes;

    private Blueprint(Map<String, long[]> shapes) {
        this.shapes = shapes;
    }

    /** Of tensors that are there. */
    public static Blueprint of(Map<String, Tensor> tensors) {
        Map<String, long[]> shapes = new LinkedHashMap<>();
        tensors.forEach((name, tensor) -> shapes.put(name, Dims.of(tensor)));
        return new Blueprint(shapes);
    }

    /**
     * Of a network that isn't there yet.
     *
     * @param build builds it on the device that it is given, libtorch's meta device, where tensors have a shape and no
     *     numbers; says its blueprint, and closes it again
     * @return empty if it can't be built without numbers
     * @throws IllegalArgumentException if there can be no such network
     */
    public static Optional<Blueprint> sketch(Function<Device, Blueprint> build) {
        return Scope.value(() -> {
            try {
                return Optional.of(build.apply(new Device("meta")));
            } catch (RuntimeException e) {
                if (asksForNumbers(e)) {
                    return Optional.empty();
                }
                throw libtorchs(e) ? new IllegalArgumentException("its network can't be laid out: " + words(e), e) : e;
            }
        });
    }

    private static boolean asksForNumbers(RuntimeException e) {
        return e instanceof NullPointerException // where they would be
                || libtorchs(e) && words(e).matches("(?i).*\\bmeta\\b.*");
    }

    private static boolean libtorchs(RuntimeException e) {
        return e.getClass() == RuntimeException.class;
    }

    private static String words(RuntimeException e) {
        return Excerpt.of(String.valueOf(e.getMessage()).lines().findFirst().orElse(""));
    }

    /** The shapes, by name, in order of registration. */
    public Map<String, long[]> shapes() {
        return Collections.unmodifiableMap(shapes);
    }

    /** How many numbers all of it holds. */
    public long count() {
        return shapes.values().stream()
                .mapToLong(shape -> LongStream.of(shape).reduce(1, Math::multiplyExact))
                .sum();
    }

    /**
     * Refuses tensors that the network can't take.
     *
     * @param given their shapes, by name
     * @throws IllegalArgumentException listing the names that are missing, unknown, or of another shape
     */
    public void check(Map<String, long[]> given) {
        List<String> wrong = new ArrayList<>();
        shapes.forEach((name, wanted) -> {
            long[] shape = given.get(name);
            if (shape == null) {
                wrong.add("missing " + name);
            } else if (!Arrays.equals(shape, wanted)) {
                wrong.add(name + " must have shape " + Dims.text(wanted) + ", got " + Dims.text(shape));
            }
        });
        given.keySet().stream().filter(name -> !shapes.containsKey(name)).forEach(name -> wrong.add("unknown " + name));
        if (!wrong.isEmpty()) {
            String shown = wrong.stream().limit(SHOWN).map(Excerpt::of).collect(Collectors.joining("; "));
            throw new IllegalArgumentException("the weights do not fit the network (" + wrong.size() + " mismatches): "
                    + shown + (wrong.size() > SHOWN ? "; …" : ""));
        }
    }

    /** {@code weight [3, 4], bias [4]} */
    @Override
    public String toString() {
        return shapes.entrySet().stream()
                .map(each -> each.getKey() + " " + Dims.text(each.getValue()))
                .collect(Collectors.joining(", "));
    }
}
