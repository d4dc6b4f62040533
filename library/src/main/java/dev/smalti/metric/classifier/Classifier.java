package dev.smalti.metric.classifier;

import dev.smalti.data.Images;
import dev.smalti.distributed.WholeBatch;
import dev.smalti.network.Blueprint;
import dev.smalti.network.Convolution;
import dev.smalti.network.Dropout;
import dev.smalti.network.GroupNorm;
import dev.smalti.network.Linear;
import dev.smalti.network.Loss;
import dev.smalti.network.Objective;
import dev.smalti.network.Parameters;
import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Tells the classes of images apart; see the package's front page. What it says of an image does not depend on the others of
 * the batch.
 */
public final class Classifier implements AutoCloseable {
    private static final long MEAN = 1; // ATen's reduction
    private static final long ALL_LABELS = -100; // ATen's label to ignore, which there is none of

    private final ClassifierConfiguration configuration;
    private final int classes;
    private final Parameters parameters;
    private final Convolution first;
    private final List<List<BasicBlock>> levels = new ArrayList<>();
    private final GroupNorm norm;
    private final Dropout dropout;
    private final Linear linear;

    /** @throws IllegalArgumentException if there are fewer than 2 classes */
    public Classifier(ClassifierConfiguration configuration, int classes, Seed seed, Device device) {
        if (classes < 2) {
            throw new IllegalArgumentException("a classifier needs at least 2 classes, got " + classes);
        }
        this.configuration = configuration;
        this.classes = classes;
        this.parameters = new Parameters(seed, device);
        long patch = configuration.patch();
        long channels = configuration.channels();
        first = new Convolution(parameters.child("conv_in"), 3 * patch * patch, channels, 3, 1, 1);
        for (int level = 0; level < configuration.multipliers().size(); level++) {
            Parameters part = parameters.child("levels").child(level);
            long out = (long) configuration.channels()
                    * configuration.multipliers().get(level);
            List<BasicBlock> blocks = new ArrayList<>();
            for (int i = 0; i < configuration.blocks(); i++) {
                blocks.add(new BasicBlock(part.child(i), channels, out, level > 0 && i == 0 ? 2 : 1));
                channels = out;
            }
            levels.add(blocks);
        }
        norm = BasicBlock.norm(parameters.child("norm_out"), channels);
        dropout = new Dropout(parameters, configuration.dropout());
        linear = new Linear(parameters.child("linear"), channels, classes, true, 1 / Math.sqrt(channels));
    }

    /**
     * A trained one, which doesn't learn any more; K is that of its weights.
     *
     * @param weights safetensors file
     * @throws BadFileException if it is none, or listing the weights that are missing, unknown or of another shape
     */
    public static Classifier open(ClassifierConfiguration configuration, Path weights, Device device) {
        return Scope.value(() -> {
            try (TensorFile file = TensorFile.open(weights)) {
                int classes = classes(file, weights);
                Optional<Blueprint> network = Blueprint.sketch(nowhere -> {
                    try (Classifier sketch = configuration.build(classes, new Seed(0), nowhere)) {
                        return sketch.parameters.blueprint();
                    }
                });
                check(weights, () -> network.ifPresent(each -> each.check(file.shapes())));
                Classifier classifier = configuration.build(classes, new Seed(0), device);
                try {
                    check(weights, () -> classifier.parameters.load(file.tensors()));
                } catch (RuntimeException e) {
                    classifier.close();
                    throw e;
                }
                classifier.parameters.requireGradients(false);
                return classifier;
            }
        });
    }

    private static int classes(TensorFile file, Path weights) {
        long[] last = file.names().contains("linear.weight") ? file.shape("linear.weight") : new long[0]; // [K, D]
        if (last.length != 2 || last[0] < 2 || last[0] > Integer.MAX_VALUE) {
            throw new BadFileException(
                    weights,
                    "must hold the weights of a classifier, and has no linear.weight of 2"
                            + " classes or more: give a run of train-features");
        }
        return (int) last[0];
    }

    private static void check(Path weights, Runnable fit) {
        try {
            fit.run();
        } catch (IllegalArgumentException e) {
            throw new BadFileException(weights, e.getMessage(), e);
        }
    }

    /**
     * Of a batch.
     *
     * @param features the means of the last map; float32 [B, D]
     * @param logits whose softmax are the probabilities of the classes; float32 [B, K]
     */
    public record Output(Tensor features, Tensor logits) {}

    public Parameters parameters() {
        return parameters;
    }

    /** H = W of the images that it was trained on. */
    public int imageSize() {
        return configuration.size();
    }

    /** D */
    public int dimension() {
        return configuration.dimension();
    }

    /** K */
    public int classes() {
        return classes;
    }

    /**
     * The maps at each resolution, highest first, for a perceptual loss: what the last block of each leaves, of the lowest
     * resolution normalised and through a swish. Differentiable with respect to the images. [B, 3, H, W] in [-1, 1] ->
     * [B, C, h, w] each, h = H / patch / 2^level rounded up.
     *
     * @throws IllegalArgumentException if the sides aren't multiples of the patch
     */
    public List<Tensor> maps(Tensor images) {
        Dims.check("images", images, Dims.ANY, 3, Dims.ANY, Dims.ANY);
        int patch = configuration.patch();
        if (images.size(2) % patch != 0 || images.size(3) % patch != 0) {
            throw new IllegalArgumentException(
                    Phrase.of("sides of images must be multiples of the classifier's patch, %d, got %dx%d")
                            .with(patch, images.size(2), images.size(3)));
        }
        return Scope.keep(() -> {
            List<Tensor> maps = new ArrayList<>();
            Tensor x = first.forward(patch == 1 ? images : torch.pixel_unshuffle(images, patch));
            for (List<BasicBlock> blocks : levels) {
                for (BasicBlock block : blocks) {
                    x = block.forward(x); // [B, C, h, w]
                }
                maps.add(x);
            }
            maps.set(maps.size() - 1, torch.silu(norm.forward(x)));
            return maps;
        });
    }

    /** Features and logits, with dropout in training. [B, 3, H, W] in [-1, 1] -> [B, D], [B, K] */
    public Output forward(Tensor images) {
        return Scope.keep(() -> {
            List<Tensor> maps = maps(images);
            Tensor features = maps.get(maps.size() - 1).to(ScalarType.Float).mean(2, 3); // [B, D]
            return new Output(
                    features, linear.forward(dropout.forward(features)).to(ScalarType.Float));
        });
    }

    /** {@link #forward} as metrics need it: without dropout, and in float32 whatever is the custom around. */
    public Output exact(Tensor images) {
        parameters.training(false);
        return Precision.exact(parameters.device(), () -> forward(images));
    }

    /**
     * Cross-entropy with label smoothing, of images that are moved a little. Szegedy et al. 2016, arXiv:1512.00567, section
     * 7.
     */
    public Objective<Images> objective() {
        return new Objective<>() {
            @Override
            public String name() {
                return "classifier";
            }

            @Override
            public Parameters parameters() {
                return parameters;
            }

            @Override
            public Loss loss(Images batch, long step, Seed seed) {
                return Scope.keep(() -> {
                    Tensor moved = shifted(batch.pixels(), seed.child("shift").random()); // [B, 3, H, W]
                    Tensor logits = forward(moved).logits(); // [B, K]
                    Tensor loss = torch.cross_entropy_loss(
                            logits,
                            batch.labels(),
                            new TensorOptional(),
                            MEAN,
                            ALL_LABELS,
                            configuration.labelSmoothing());
                    Map<String, Tensor> measures = new LinkedHashMap<>();
                    measures.put(
                            "accuracy",
                            right(logits, batch.labels()).to(ScalarType.Float).mean());
                    return new Loss(loss, measures);
                });
            }
        };
    }

    /** Whether the likeliest class is the true one. [B, K], [B] -> bool [B] */
    public static Tensor right(Tensor logits, Tensor labels) {
        return Scope.keep(() -> logits.detach()
                .argmax(new org.bytedeco.pytorch.LongOptional(1), false)
                .eq(labels));
    }

    /** Each image by as many pixels as chance says, along both sides; what comes in repeats the edge. */
    private Tensor shifted(Tensor images, SplittableRandom random) {
        return configuration.shift() == 0 ? images : along(3, along(2, images, random), random);
    }

    private Tensor along(int dimension, Tensor images, SplittableRandom random) {
        int batch = Math.toIntExact(images.size(0));
        int size = Math.toIntExact(images.size(dimension));
        int most = configuration.shift();
        int first = Math.toIntExact(WholeBatch.first(batch));
        int[] shifts = new int[Math.toIntExact(WholeBatch.items(batch))]; // of all, so that each image has its own
        for (int i = 0; i < shifts.length; i++) {
            shifts[i] = random.nextInt(-most, most + 1);
        }
        long[] from = new long[batch * size];
        for (int i = 0; i < batch; i++) {
            for (int j = 0; j < size; j++) {
                from[i * size + j] = Math.max(0, Math.min(size - 1, j + shifts[first + i]));
            }
        }
        long[] shape = {batch, 1, 1, 1};
        shape[dimension] = size;
        Tensor index = Tensors.longs(from).to(images.device(), ScalarType.Long).view(shape);
        return images.gather(dimension, index.expand(Dims.of(images)));
    }

    @Override
    public void close() {
        parameters.close();
    }
}
