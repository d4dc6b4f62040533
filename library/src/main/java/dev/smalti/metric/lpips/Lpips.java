package dev.smalti.metric.lpips;

import static org.bytedeco.pytorch.global.torch.ScalarType.Float;

import dev.smalti.metric.FeatureMaps;
import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Stopping;
import dev.smalti.tensor.Tensors;
import dev.smalti.tensor.WeightFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * LPIPS 0.1, the distance of two images as seen by a network that was trained to name what is in them; see the package's
 * front page. It is never trained. Safe for several threads.
 */
public final class Lpips implements AutoCloseable {
    private static final float[] SHIFT = {-.030f, -.088f, -.188f};
    private static final float[] SCALE = {.458f, .448f, .450f};
    private static final long[] ONE = {1, 1};
    private static final long[] TWO = {2, 2};
    private static final long[] NONE = {0, 0};

    private final Net net;
    private final Map<String, Tensor> weights = new LinkedHashMap<>(); // of the network, by torchvision's names
    private final List<Tensor> linear = new ArrayList<>(); // w of each map, [C]
    private final Tensor shift; // [3, 1, 1]
    private final Tensor scale; // [3, 1, 1]
    private final Device device;
    private final String backboneSha256;
    private final String linearSha256;

    private Lpips(Net net, WeightFile backbone, WeightFile linear, Device device) {
        this.net = net;
        this.device = Scope.hold(device);
        backboneSha256 = backbone.sha256();
        linearSha256 = linear.sha256();
        shift = held(Tensors.floats(SHIFT).view(3, 1, 1));
        scale = held(Tensors.floats(SCALE).view(3, 1, 1));
        net.backboneShapes()
                .keySet()
                .forEach(name -> weights.put(name, held(backbone.tensors().get(name))));
        net.linearShapes()
                .keySet()
                .forEach(name -> this.linear.add(held(linear.tensors().get(name).flatten())));
    }

    private Tensor held(Tensor tensor) {
        return Scope.hold(tensor.to(device, Float));
    }

    /**
     * Reads the weights of both parts. Either file may be as PyTorch saved it, whose pickle is interpreted for tensors alone
     * (see {@link dev.smalti.tensor.TorchFile}), or safetensors.
     *
     * @param backbone the network: {@link Net#published} of torchvision, or the state dict of LPIPS, whose names are
     *     {@code net.slice1.0.weight} and so on
     * @param linear the distance: {@link Net#linear} of PerceptualSimilarity's version 0.1
     * @throws BadFileException if a file isn't there or isn't one of these; if names are missing, unknown or of another
     *     shape, which it lists; if a weight isn't finite or one of the distance is negative
     */
    public static Lpips open(Net net, Path backbone, Path linear, Device device) {
        return Scope.value(() -> new Lpips(net, readBackbone(net, backbone), readLinear(net, linear), device));
    }

    /** The same, of the network that the weights of the distance are of. */
    public static Lpips open(Path backbone, Path linear, Device device) {
        return open(netOf(linear), backbone, linear, device);
    }

    /** By the channels of the second map, which the networks don't share. */
    private static Net netOf(Path linear) {
        return Scope.value(() -> {
            Map<String, Tensor> weights =
                    WeightFile.read(linear, linearOrigin(Net.ALEX)).tensors();
            Tensor second = weights.get(Net.linearName(1));
            return Arrays.stream(Net.values())
                    .filter(net ->
                            second != null && second.numel() == net.channels().get(1))
                    .findFirst()
                    .orElseThrow(() -> new BadFileException(
                            linear,
                            "must hold the weights of PerceptualSimilarity's v0.1/alex.pth or vgg.pth, and has no"
                                    + " lin1.model.1.weight as theirs"));
        });
    }

    private static WeightFile readBackbone(Net net, Path file) {
        WeightFile read = WeightFile.read(file, backboneOrigin(net))
                .renamed(Net::backboneName)
                .check("torchvision's " + net.published(), net.backboneShapes());
        read.tensors().forEach((name, tensor) -> finite(file, name, tensor));
        return read;
    }

    private static WeightFile readLinear(Net net, Path file) {
        WeightFile read = WeightFile.read(file, linearOrigin(net))
                .renamed(Net::linearName)
                .check("PerceptualSimilarity's v0.1/" + net.linear(), net.linearShapes());
        read.tensors().forEach((name, tensor) -> {
            finite(file, name, tensor);
            double least = tensor.to(Float).min().item_double();
            if (least < 0) {
                throw new BadFileException(
                        file,
                        Phrase.of("must have no weight below 0, which would make a distance negative, has %g in %s")
                                .with(least, name));
            }
        });
        return read;
    }

    private static void finite(Path file, String name, Tensor tensor) {
        if (!tensor.to(Float).isfinite().all().item_bool()) {
            throw new BadFileException(file, "must have finite weights, and one in " + name + " is not");
        }
    }

    private static String backboneOrigin(Net net) {
        return "the network's weights are torchvision's " + net.published();
    }

    private static String linearOrigin(Net net) {
        return Phrase.of(
                        "the distance's weights are %s, in the folder lpips/weights/v0.1 of the project PerceptualSimilarity")
                .with(net.linear());
    }

    /**
     * SHA-256 of both files by {@code lpips-backbone} and {@code lpips-linear}, without opening them as weights.
     *
     * @throws BadFileException if one isn't there
     */
    public static Map<String, String> fingerprints(Net net, Path backbone, Path linear) {
        return Map.of(
                "lpips-backbone", WeightFile.sha256(backbone, backboneOrigin(net)),
                "lpips-linear", WeightFile.sha256(linear, linearOrigin(net)));
    }

    public Net net() {
        return net;
    }

    /** SHA-256 of the file with the network's weights, in hexadecimal. */
    public String backboneSha256() {
        return backboneSha256;
    }

    /** SHA-256 of the file with the distance's weights, in hexadecimal. */
    public String linearSha256() {
        return linearSha256;
    }

    /** What belongs beside every distance: {@code net}, {@code backbone_sha256} and {@code linear_sha256}. */
    public Map<String, String> facts() {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("net", net.label());
        facts.put("backbone_sha256", backboneSha256);
        facts.put("linear_sha256", linearSha256);
        return facts;
    }

    /**
     * d of each pair, 0 for equal images; without upper bound, seldom above 1. Differentiable for both. Values are
     * expected in [-1, 1] and not checked. Under autocast the network computes in its precision, all else in float32.
     * [B, 3, H, W], [B, 3, H, W] -> [B]
     *
     * @throws IllegalArgumentException if shapes differ or a side is below {@link Net#least}
     */
    public Tensor distance(Tensor images, Tensor others) {
        return Scope.keep(() -> layers(images, others).sum(1));
    }

    /** The same by compared map, whose sum is the distance. -> [B, 5] */
    public Tensor layers(Tensor images, Tensor others) {
        check(images, others);
        return Scope.keep(() -> {
            List<Tensor> f = maps(images);
            List<Tensor> g = maps(others);
            List<Tensor> distances = new ArrayList<>();
            for (int i = 0; i < f.size(); i++) {
                Tensor channels = FeatureMaps.distance(f.get(i), g.get(i)); // [B, C]
                distances.add(channels.mul(linear.get(i)).sum(1)); // [B]
            }
            return torch.stack(new org.bytedeco.pytorch.TensorVector(distances.toArray(Tensor[]::new)), 1);
        });
    }

    /**
     * Vectors whose squared Euclidean distance is the distance of the images, to find near ones among many: every place of
     * every map, normalised and times √(w / places). F grows with the size: 31,872 for {@code alex} and 499,712 for {@code
     * vgg} at 64×64. [B, 3, H, W] -> float32 [B, F]
     *
     * @throws IllegalArgumentException if a side is below {@link Net#least}
     */
    public Tensor vectors(Tensor images) {
        check(images);
        return Scope.keep(() -> {
            List<Tensor> maps = maps(images);
            List<Tensor> parts = new ArrayList<>();
            for (int i = 0; i < maps.size(); i++) {
                Tensor map = maps.get(i);
                Scalar places = new Scalar((double) map.size(2) * map.size(3));
                Tensor root = linear.get(i).div(places).sqrt().view(-1, 1, 1); // [C, 1, 1]
                parts.add(FeatureMaps.unit(map).mul(root).flatten(1, -1));
            }
            return Tensors.cat(1, parts.toArray(Tensor[]::new));
        });
    }

    private void check(Tensor images, Tensor others) {
        check(images);
        if (!Arrays.equals(Dims.of(images), Dims.of(others))) {
            throw new IllegalArgumentException(
                    Phrase.of("both images of a pair must have one shape, got %s and %s; resize one")
                            .with(Dims.text(Dims.of(images)), Dims.text(Dims.of(others))));
        }
    }

    private void check(Tensor images) {
        Dims.check("images", images, Dims.ANY, 3, Dims.ANY, Dims.ANY);
        if (Math.min(images.size(2), images.size(3)) < net.least()) {
            throw new IllegalArgumentException(
                    Phrase.of("images must be at least %dx%d pixels for LPIPS by %s, got %dx%d; enlarge them")
                            .with(net.least(), net.least(), net.label(), images.size(3), images.size(2)));
        }
    }

    /** What the network makes of images, at five depths. [B, 3, H, W] -> 5 times [B, C, h, w] */
    List<Tensor> maps(Tensor images) {
        return Scope.keep(() -> {
            List<Tensor> maps = new ArrayList<>();
            Tensor x = images.to(device, Float).sub(shift).div(scale);
            for (int i = 0; i < net.slices().size(); i++) {
                if (net.pools(i)) {
                    x = torch.max_pool2d(x, new long[] {net.window(), net.window()}, TWO, NONE, ONE, false);
                }
                for (Net.Layer layer : net.slices().get(i)) {
                    x = convolve(x, layer);
                }
                maps.add(x);
            }
            return maps;
        });
    }

    private Tensor convolve(Tensor x, Net.Layer layer) {
        long[] stride = {layer.stride(), layer.stride()};
        long[] padding = {layer.padding(), layer.padding()};
        Tensor bias = weights.get(layer.bias());
        Stopping.check();
        return torch.conv2d(x, weights.get(layer.weight()), Tensors.optional(bias), stride, padding, ONE, 1)
                .relu_();
    }

    @Override
    public void close() {
        weights.values().forEach(Scope::release);
        linear.forEach(Scope::release);
        Scope.release(shift);
        Scope.release(scale);
        Scope.release(device);
    }
}
