package dev.smalti.network;

import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The named tensors of a network, in order of registration: weights, which are trained, and buffers, which are not.
 *
 * <p>A layer is a plain class that registers what it owns here and computes with libtorch's functions; so a state dict,
 * a moving average, an optimizer and a parameter count are each one loop over a map. {@link #child} gives the part of a
 * layer: the names below it begin with its name and a dot, as PyTorch's do.
 *
 * <p>The tensors live until {@link #close}, past every scope.
 */
public final class Parameters implements AutoCloseable {
    /** The most tensors that a network may have, far beyond any use: hundreds of layers have a few thousand. */
    public static final int MOST_TENSORS = 10_000;

    private final Root root;
    private final String prefix;
    private final Seed seed;
    private final boolean frozen;

    private static final class Root {
        final Map<String, Tensor> weights = new LinkedHashMap<>();
        final Map<String, Tensor> buffers = new LinkedHashMap<>();
        final List<Tensor> tables = new ArrayList<>();
        final List<Runnable> derived = new ArrayList<>();
        final Device device;
        boolean training;
        boolean recompute;

        Root(Device device) {
            this.device = device;
        }
    }

    /** No tensors yet; initial values will be drawn from {@code seed}, each from its own stream. */
    public Parameters(Seed seed, Device device) {
        this(new Root(Scope.hold(device)), "", seed, false);
    }

    private Parameters(Root root, String prefix, Seed seed, boolean frozen) {
        this.root = root;
        this.prefix = prefix;
        this.seed = seed;
        this.frozen = frozen;
    }

    /** The part of the layer {@code name}. */
    public Parameters child(String name) {
        return new Parameters(root, prefix + name + ".", seed, frozen);
    }

    /** The same part, where all that is registered from now on is a buffer: for a network that isn't trained itself. */
    public Parameters frozen() {
        return new Parameters(root, prefix, seed, true);
    }

    /** The part of the {@code index}-th of a list of layers. */
    public Parameters child(int index) {
        return child(Integer.toString(index));
    }

    /** A new weight from N(0, deviation²). */
    public Tensor normal(String name, double deviation, long... shape) {
        return Scope.keep(() -> {
            Tensor initial = zeros(shape);
            return weight(name, shapeAlone() ? initial : initial.normal_(0, deviation, draw(name)));
        });
    }

    /** A new weight from U(-bound, bound). */
    public Tensor uniform(String name, double bound, long... shape) {
        return Scope.keep(() -> {
            Tensor initial = zeros(shape);
            return weight(name, shapeAlone() ? initial : initial.uniform_(-bound, bound, draw(name)));
        });
    }

    /** A new weight of a constant. */
    public Tensor constant(String name, double value, long... shape) {
        return Scope.keep(() -> weight(name, zeros(shape).add_(new Scalar(value))));
    }

    /** On the CPU, where the numbers of every device are drawn, but on the meta device, whose tensors have none. */
    private Tensor zeros(long... shape) {
        return shapeAlone() ? torch.zeros(shape, Tensors.options(ScalarType.Float, root.device)) : Tensors.zeros(shape);
    }

    /** Whether these tensors have shapes and no numbers: on libtorch's meta device. */
    public boolean shapeAlone() {
        return root.device.is_meta();
    }

    /** A new weight with the given initial value. */
    public Tensor weight(String name, Tensor initial) {
        if (frozen) {
            return buffer(name, initial);
        }
        Tensor own = add(root.weights, name, initial);
        own.set_requires_grad(true);
        return own;
    }

    /** A new buffer of zeros, float32. */
    public Tensor buffer(String name, long... shape) {
        return Scope.keep(() -> buffer(name, zeros(shape)));
    }

    /** A new buffer with the given initial value. */
    public Tensor buffer(String name, Tensor initial) {
        return add(root.buffers, name, initial);
    }

    /** 0, 1, ..., n - 1, of which tables are computed: float64 [n] on the CPU, or without numbers as all else is. */
    public Tensor count(long n) {
        TensorOptions options = Tensors.options(ScalarType.Double);
        return torch.arange(new Scalar(n), shapeAlone() ? Tensors.options(ScalarType.Double, root.device) : options);
    }

    /** Numbers that follow from the network's shape: kept on its device as long as it lives, and no part of its state. */
    public Tensor table(Tensor values) {
        Tensor own = Scope.hold(values.to(root.device, values.scalar_type(), false, true, new MemoryFormatOptional()));
        root.tables.add(own);
        return own;
    }

    /** Has {@code release} run when the network is closed, which frees what was made of its tensors. */
    void whenClosed(Runnable release) {
        root.derived.add(release);
    }

    private org.bytedeco.pytorch.GeneratorOptional draw(String name) {
        return seed.child(prefix + name).optional();
    }

    private Tensor add(Map<String, Tensor> map, String name, Tensor initial) {
        String full = prefix + name;
        if (root.weights.containsKey(full) || root.buffers.containsKey(full)) {
            throw new IllegalStateException("a tensor named " + full + " is registered already");
        }
        if (root.weights.size() + root.buffers.size() >= MOST_TENSORS) {
            throw new IllegalArgumentException(Phrase.of(
                            "a network must have at most %,d tensors, and its configuration asks for more: give it fewer layers")
                    .with(MOST_TENSORS));
        }
        Tensor own =
                Scope.hold(initial.to(root.device, initial.scalar_type(), false, true, new MemoryFormatOptional()));
        map.put(full, own);
        return own;
    }

    /** The trained tensors below this part, by full name. */
    public Map<String, Tensor> weights() {
        return below(root.weights);
    }

    /** The tensors below this part that are not trained, by full name. */
    public Map<String, Tensor> buffers() {
        return below(root.buffers);
    }

    /** Weights, then buffers. */
    public Map<String, Tensor> all() {
        Map<String, Tensor> all = new LinkedHashMap<>(weights());
        all.putAll(buffers());
        return all;
    }

    private Map<String, Tensor> below(Map<String, Tensor> map) {
        Map<String, Tensor> part = new LinkedHashMap<>();
        map.forEach((name, tensor) -> {
            if (name.startsWith(prefix)) {
                part.put(name, tensor);
            }
        });
        return Collections.unmodifiableMap(part);
    }

    /** The number of trained values. */
    public long count() {
        return weights().values().stream().mapToLong(Tensor::numel).sum();
    }

    public Device device() {
        return root.device;
    }

    /** Whether layers that differ in training (dropout, batch statistics) are to compute as in training. */
    public boolean training() {
        return root.training;
    }

    /** Sets {@link #training} for the whole network that this is a part of. */
    public void training(boolean training) {
        root.training = training;
    }

    /** Whether the blocks of a transformer keep only their inputs for the backward pass, and are computed again in it. */
    public boolean recompute() {
        return root.recompute;
    }

    /** Sets {@link #recompute} for the whole network that this is a part of. */
    public void recompute(boolean recompute) {
        root.recompute = recompute;
    }

    /** Switches gradients for all weights below this part on or off. */
    public void requireGradients(boolean required) {
        weights().values().forEach(tensor -> tensor.set_requires_grad(required));
    }

    /** The names and shapes of all that is below this part. */
    public Blueprint blueprint() {
        return Blueprint.of(all());
    }

    /**
     * Copies {@code values} into the tensors of the same names.
     *
     * @throws IllegalArgumentException listing the names that are missing, unknown, or of another shape
     */
    public void load(Map<String, Tensor> values) {
        Map<String, long[]> shapes = new LinkedHashMap<>();
        values.forEach((name, value) -> shapes.put(name, Dims.of(value)));
        blueprint().check(shapes);
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                all().forEach((name, tensor) -> tensor.copy_(values.get(name)));
            }
        });
    }

    /** Frees the tensors of the whole network. */
    @Override
    public void close() {
        root.weights.values().forEach(Scope::release);
        root.buffers.values().forEach(Scope::release);
        root.tables.forEach(Scope::release);
        root.derived.forEach(Runnable::run);
        root.weights.clear();
        root.buffers.clear();
        root.tables.clear();
        root.derived.clear();
        Scope.release(root.device);
    }
}
