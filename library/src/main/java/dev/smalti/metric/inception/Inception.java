package dev.smalti.metric.inception;

import static org.bytedeco.pytorch.global.torch.ScalarType.Double;
import static org.bytedeco.pytorch.global.torch.ScalarType.Float;

import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Stopping;
import dev.smalti.tensor.Tensors;
import dev.smalti.tensor.TorchFile;
import dev.smalti.tensor.WeightFile;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * The Inception-v3 of 2015-12-05, whose pool features the FID compares; see the package's front page. It is never
 * trained, so a batch normalisation is multiplied into the convolution before it. Safe for several threads.
 */
public final class Inception implements AutoCloseable {
    /** The name of this network, which belongs beside every number that comes of it. */
    public static final String NAME = "inception-2015-12-05";

    /** The file in which torch-fidelity publishes its weights. */
    public static final String PUBLISHED = "weights-inception-2015-12-05-6726825d.pth";

    /** How many classes the logits have. */
    public static final int CLASSES = Layout.CLASSES;

    /** How many pool features there are. */
    public static final int POOL = Layout.POOL;

    private static final int SIDE = 299;
    private static final int SPATIAL = 7; // channels
    private static final double EPSILON = 1e-3;
    private static final long[] ONE = {1, 1};
    private static final long[] TWO = {2, 2};
    private static final long[] THREE = {3, 3};
    private static final long[] NONE = {0, 0};

    private final Map<String, Tensor> weights = new LinkedHashMap<>(); // of a convolution, with its normalisation
    private final Map<String, Tensor> biases = new LinkedHashMap<>();
    private final Tensor classifier; // [1008, 2048]
    private final Tensor classifierBias; // [1008]
    private final Device device;
    private final String sha256;

    private Inception(Layout layout, WeightFile file, Device device) {
        this.device = Scope.hold(device);
        this.sha256 = file.sha256();
        Map<String, Tensor> given = file.tensors();
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                layout.convolutions().forEach(name -> fold(name, given));
            }
        });
        classifier = Scope.hold(given.get("fc.weight").to(device, Float));
        classifierBias = Scope.hold(given.get("fc.bias").to(device, Float));
    }

    /**
     * Features of a batch.
     *
     * @param pool the mean of the last block over all places, of FID, KID, precision and recall; [B, 2048]
     * @param spatial the first 7 channels of Mixed_6d's 1×1 branch at 17×17 places, in the order [17, 17, 7], of the
     *     sFID; [B, 2023]
     * @param logits without the bias, as the Inception score takes them; [B, 1008]
     */
    public record Output(Tensor pool, Tensor spatial, Tensor logits) {}

    /**
     * Reads weights under torch-fidelity's names from a safetensors file, or from {@value #PUBLISHED} itself, whose
     * pickle is interpreted for tensors alone (see {@link TorchFile}).
     *
     * @throws BadFileException if the file is neither, or listing the names that are missing, unknown or of another
     *     shape
     */
    public static Inception open(Path file, Device device) {
        return Scope.value(() -> {
            Layout layout = new Layout();
            WeightFile weights = WeightFile.read(file, "Inception's weights are torch-fidelity's " + PUBLISHED)
                    .renamed(name -> layout.spare(name) ? null : name)
                    .check("torch-fidelity's " + PUBLISHED, layout.weights());
            return new Inception(layout, weights, device);
        });
    }

    /** y = γ (W x - μ) / √(σ² + ε) + β as one convolution. */
    private void fold(String name, Map<String, Tensor> given) {
        Tensor scale = given.get(name + ".bn.weight")
                .to(Double)
                .div(given.get(name + ".bn.running_var")
                        .to(Double)
                        .add(new Scalar(EPSILON))
                        .sqrt()); // [out]
        Tensor weight = given.get(name + ".conv.weight").to(Double).mul(scale.view(-1, 1, 1, 1));
        Tensor bias = given.get(name + ".bn.bias")
                .to(Double)
                .sub(given.get(name + ".bn.running_mean").to(Double).mul(scale));
        weights.put(name, Scope.hold(weight.to(device, Float)));
        biases.put(name, Scope.hold(bias.to(device, Float)));
    }

    /** SHA-256 of the file that the weights came from, in hexadecimal. */
    public String sha256() {
        return sha256;
    }

    /** Whether that is the published file, whose name ends with the beginning of this hash. */
    public boolean published() {
        return PUBLISHED.endsWith("-" + sha256.substring(0, 8) + ".pth");
    }

    /**
     * The features of images with values 0..255, of any dtype and size. Values that aren't whole are taken as they are;
     * the FID is one of whole numbers. [B, 3, H, W]
     */
    public Output features(Tensor images) {
        Dims.check("images", images, Dims.ANY, 3, Dims.ANY, Dims.ANY);
        return Scope.keep(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                return forward(normalize(resize(images.to(device, Float))));
            }
        });
    }

    /** The logits with the classifier's bias. [B, 1008] -> [B, 1008] */
    Tensor biased(Tensor logits) {
        return logits.add(classifierBias);
    }

    /** 0..255 -> [-1, 1) */
    static Tensor normalize(Tensor images) {
        return images.sub(new Scalar(128.0)).div(new Scalar(128.0));
    }

    /** TensorFlow 1's {@code resize_bilinear} without aligned corners: pixel i comes from i · in / out. -> [B, 3, 299, 299] */
    static Tensor resize(Tensor images) {
        return along(2, along(3, images));
    }

    private static Tensor along(int dimension, Tensor images) {
        int from = Math.toIntExact(images.size(dimension));
        float scale = (float) from / SIDE;
        long[] low = new long[SIDE];
        long[] high = new long[SIDE];
        float[] share = new float[SIDE];
        for (int i = 0; i < SIDE; i++) {
            float source = i * scale;
            low[i] = Math.min((int) source, from - 1);
            high[i] = Math.min(low[i] + 1, from - 1);
            share[i] = source - low[i];
        }
        Tensor weight = Tensors.floats(share).to(images.device(), Float);
        Tensor shaped = dimension == 3 ? weight : weight.view(-1, 1);
        Tensor first = pick(images, dimension, low);
        return first.add(pick(images, dimension, high).sub(first).mul(shaped));
    }

    private static Tensor pick(Tensor images, int dimension, long[] indices) {
        return images.index_select(dimension, Tensors.longs(indices).to(images.device(), torch.ScalarType.Long));
    }

    private Output forward(Tensor images) {
        Tensor x = valid(images, "Conv2d_1a_3x3", TWO); // [B, 32, 149, 149]
        x = valid(x, "Conv2d_2a_3x3", ONE); // [B, 32, 147, 147]
        x = same(x, "Conv2d_2b_3x3"); // [B, 64, 147, 147]
        x = shrink(x); // [B, 64, 73, 73]
        x = valid(x, "Conv2d_3b_1x1", ONE); // [B, 80, 73, 73]
        x = valid(x, "Conv2d_4a_3x3", ONE); // [B, 192, 71, 71]
        x = shrink(x); // [B, 192, 35, 35]
        x = a(x, "Mixed_5b"); // [B, 256, 35, 35]
        x = a(x, "Mixed_5c"); // [B, 288, 35, 35]
        x = a(x, "Mixed_5d"); // [B, 288, 35, 35]
        x = b(x, "Mixed_6a"); // [B, 768, 17, 17]
        x = c(x, "Mixed_6b"); // [B, 768, 17, 17]
        x = c(x, "Mixed_6c"); // [B, 768, 17, 17]
        Tensor spatial = same(x, "Mixed_6d.branch1x1").narrow(1, 0, SPATIAL); // [B, 7, 17, 17]
        x = c(x, "Mixed_6d"); // [B, 768, 17, 17]
        x = c(x, "Mixed_6e"); // [B, 768, 17, 17]
        x = d(x, "Mixed_7a"); // [B, 1280, 8, 8]
        x = e(x, "Mixed_7b", mean(x)); // [B, 2048, 8, 8]
        x = e(x, "Mixed_7c", torch.max_pool2d(x, THREE, ONE, ONE, ONE, false)); // [B, 2048, 8, 8]
        Tensor pool = x.mean(2, 3); // [B, 2048]
        Tensor flat = spatial.permute(0, 2, 3, 1).flatten(1, -1); // [B, 2023]
        return new Output(pool, flat, pool.matmul(classifier.t()));
    }

    private Tensor a(Tensor x, String block) {
        return Tensors.cat(
                1,
                same(x, block + ".branch1x1"),
                same(x, block + ".branch5x5_1", "_2"),
                same(x, block + ".branch3x3dbl_1", "_2", "_3"),
                same(mean(x), block + ".branch_pool"));
    }

    private Tensor b(Tensor x, String block) {
        Tensor twice = same(x, block + ".branch3x3dbl_1", "_2");
        return Tensors.cat(
                1, valid(x, block + ".branch3x3", TWO), valid(twice, block + ".branch3x3dbl_3", TWO), shrink(x));
    }

    private Tensor c(Tensor x, String block) {
        return Tensors.cat(
                1,
                same(x, block + ".branch1x1"),
                same(x, block + ".branch7x7_1", "_2", "_3"),
                same(x, block + ".branch7x7dbl_1", "_2", "_3", "_4", "_5"),
                same(mean(x), block + ".branch_pool"));
    }

    private Tensor d(Tensor x, String block) {
        Tensor one = same(x, block + ".branch3x3_1");
        Tensor wide = same(x, block + ".branch7x7x3_1", "_2", "_3");
        return Tensors.cat(
                1, valid(one, block + ".branch3x3_2", TWO), valid(wide, block + ".branch7x7x3_4", TWO), shrink(x));
    }

    private Tensor e(Tensor x, String block, Tensor pooled) {
        Tensor one = same(x, block + ".branch3x3_1");
        Tensor twice = same(x, block + ".branch3x3dbl_1", "_2");
        return Tensors.cat(
                1,
                same(x, block + ".branch1x1"),
                same(one, block + ".branch3x3_2a"),
                same(one, block + ".branch3x3_2b"),
                same(twice, block + ".branch3x3dbl_3a"),
                same(twice, block + ".branch3x3dbl_3b"),
                same(pooled, block + ".branch_pool"));
    }

    /** One convolution after the other, where each is named as the first but for its last number. */
    private Tensor same(Tensor x, String first, String... more) {
        String stem = first.substring(0, first.length() - "_1".length());
        Tensor y = same(x, first);
        for (String each : more) {
            y = same(y, stem + each);
        }
        return y;
    }

    /** A convolution with a border of zeros, so that the size stays. */
    private Tensor same(Tensor x, String name) {
        Tensor weight = weights.get(name);
        return convolve(x, name, ONE, new long[] {weight.size(2) / 2, weight.size(3) / 2});
    }

    /** A convolution without a border. */
    private Tensor valid(Tensor x, String name, long[] stride) {
        return convolve(x, name, stride, NONE);
    }

    private Tensor convolve(Tensor x, String name, long[] stride, long[] padding) {
        Stopping.check();
        return torch.conv2d(x, weights.get(name), Tensors.optional(biases.get(name)), stride, padding, ONE, 1)
                .relu_();
    }

    /** The mean of 3×3, of as many as there are at the border. */
    private static Tensor mean(Tensor x) {
        return torch.avg_pool2d(x, THREE, ONE, ONE, false, false, new LongOptional());
    }

    private static Tensor shrink(Tensor x) {
        return torch.max_pool2d(x, THREE, TWO, NONE, ONE, false);
    }

    @Override
    public void close() {
        weights.values().forEach(Scope::release);
        biases.values().forEach(Scope::release);
        Scope.release(classifier);
        Scope.release(classifierBias);
        Scope.release(device);
    }
}
