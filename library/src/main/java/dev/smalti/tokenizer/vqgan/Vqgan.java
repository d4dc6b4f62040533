package dev.smalti.tokenizer.vqgan;

import dev.smalti.distributed.WholeBatch;
import dev.smalti.network.Convolution;
import dev.smalti.network.Loss;
import dev.smalti.network.Objective;
import dev.smalti.network.Parameters;
import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.Accumulation;
import dev.smalti.token.TokenSpace;
import dev.smalti.tokenizer.PerceptualLoss;
import dev.smalti.tokenizer.Tokenizer;
import dev.smalti.tokenizer.quantize.Quantizer;
import dev.smalti.tokenizer.quantize.VectorQuantizer;
import dev.smalti.tokenizer.quantize.VectorQuantizer.Quantized;
import dev.smalti.tokenizer.vqgan.VqganConfiguration.Trained;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * An autoencoder with a codebook, trained against a discriminator. Esser et al. 2021, arXiv:2012.09841, with the capped
 * adaptive weight and the differentiable augmentation of Bond-Taylor et al. 2022, arXiv:2111.12701, section 3.4. What turns
 * the encoder's map into codes may be another {@link Quantizer} than the nearest neighbour's.
 */
public final class Vqgan implements Tokenizer {
    /** The part of the Gaussian over pixels. */
    static final String GAUSSIAN = "logsigma";

    private final VqganConfiguration configuration;
    private final PixelRange range;
    private final Parameters parameters;
    private final Parameters opponent;
    private final Encoder encoder;
    private final Decoder decoder;
    private final Quantizer quantizer;
    private final Convolution before;
    private final Convolution after;
    private final PixelGaussian gaussian;
    private final PatchDiscriminator discriminator;
    private final UnaryOperator<Tensor> distance;
    private PerceptualLoss perceptual; // null until training asks for it: its files are not the tokenizer's

    /** What the objectives that follow on the same batch need of the first one's forward pass. */
    private Pass pass;

    private record Pass(Tensor images, Tensor features, Tensor reconstruction, Tensor seen) {}

    public Vqgan(VqganConfiguration configuration, Seed seed, Device device) {
        this(configuration, seed, device, Tensor::abs, configuration.codebook()::build);
    }

    /**
     * An autoencoder around another quantizer, trained as a VQGAN.
     *
     * @param distance of each value of the reconstruction, given its difference to the image
     * @param quantizer registers its tensors in the part that it is given
     */
    public Vqgan(
            VqganConfiguration configuration,
            Seed seed,
            Device device,
            UnaryOperator<Tensor> distance,
            Function<Parameters, Quantizer> quantizer) {
        this.configuration = configuration;
        this.range = configuration.range();
        this.distance = distance;
        this.parameters = new Parameters(seed.child("autoencoder"), device);
        this.opponent = new Parameters(seed.child("discriminator"), device);
        this.encoder = new Encoder(parameters.child("encoder"), configuration);
        this.decoder = new Decoder(parameters.child("decoder"), configuration);
        this.quantizer = quantizer.apply(parameters.child("quantize"));
        int latent = configuration.latent();
        int dimension = configuration.codebook().dimension();
        boolean convolved = configuration.quantConv();
        this.before = convolved ? new Convolution(parameters.child("quant_conv"), latent, dimension, 1, 1, 0) : null;
        this.after =
                convolved ? new Convolution(parameters.child("post_quant_conv"), dimension, latent, 1, 1, 0) : null;
        this.gaussian = configuration.pixelLikelihood()
                ? new PixelGaussian(parameters.child(GAUSSIAN), decoder.channels(), configuration.patch())
                : null;
        AdversarialConfiguration adversarial = configuration.adversarial();
        this.discriminator = adversarial.weight() > 0
                ? new PatchDiscriminator(opponent, adversarial.channels(), adversarial.layers())
                : null;
    }

    @Override
    public int imageSize() {
        return configuration.size();
    }

    @Override
    public TokenSpace space() {
        int side = configuration.size() / configuration.factor();
        return new TokenSpace(configuration.codebook().codes(), side, side, quantizer.depth());
    }

    @Override
    public Tensor codebook() {
        return quantizer.codebook();
    }

    @Override
    public Optional<Accumulation> accumulation() {
        return quantizer.accumulation();
    }

    @Override
    public Parameters parameters() {
        return parameters;
    }

    /** The discriminator's tensors. */
    Parameters opponent() {
        return opponent;
    }

    @Override
    public Tensor encode(Tensor images, long[] noise) {
        Dims.check("images", images, Dims.ANY, 3, Dims.ANY, Dims.ANY);
        int factor = configuration.factor();
        if (images.size(2) < 1 || images.size(3) < 1 || images.size(2) % factor + images.size(3) % factor > 0) {
            throw new IllegalArgumentException(Phrase.of("images must have sides that are multiples of %d, got %d x %d")
                    .with(factor, images.size(2), images.size(3)));
        }
        return quantizer.encode(map(range.inside(images)), noise);
    }

    @Override
    public Tensor decode(Tensor codes) {
        if (quantizer.depth() == 1) {
            Dims.check("codes", codes, Dims.ANY, Dims.ANY, Dims.ANY);
        } else {
            Dims.check("codes", codes, Dims.ANY, quantizer.depth(), Dims.ANY, Dims.ANY);
        }
        return range.outside(decoder.image(features(quantizer.lookUp(codes))).to(ScalarType.Float));
    }

    @Override
    public Tensor pixelNats(Tensor images, Tensor codes) {
        if (gaussian == null) {
            return null;
        }
        Tensor features = features(quantizer.lookUp(codes));
        return nats(range.inside(images), decoder.image(features), gaussian.logDeviation(features));
    }

    /** Of images over [-1, 1], all given in the network's range. [B] */
    private Tensor nats(Tensor images, Tensor mean, Tensor logDeviation) {
        double wider = range.nats() * images.numel() / images.size(0);
        return PixelGaussian.nats(images, mean, logDeviation).add(new Scalar(wider));
    }

    @Override
    public Tensor distortion(Tensor images, Tensor reconstruction) {
        return Scope.keep(() -> {
            Tensor difference = range.inside(images).sub(range.inside(reconstruction));
            Tensor pixels = distance.apply(difference).flatten(1, -1).mean(1); // [B]
            return perceptual() == null
                    ? pixels
                    : pixels.add(perceptual()
                            .distance(images, reconstruction)
                            .mul(new Scalar(configuration.perceptual().weight())));
        });
    }

    /** What the quantizer sees. [B, 3, H, W] -> [B, D, h, w] */
    Tensor map(Tensor images) {
        Tensor z = encoder.forward(images);
        return before == null ? z : before.forward(z);
    }

    /** What the decoder sees. [B, D, h, w] -> [B, z, h, w] */
    Tensor latent(Tensor vectors) {
        return after == null ? vectors : after.forward(vectors);
    }

    /** What the decoder's last layers see. [B, D, h, w] -> [B, C, H/patch, W/patch] */
    Tensor features(Tensor vectors) {
        return decoder.features(latent(vectors));
    }

    Encoder encoder() {
        return encoder;
    }

    Quantizer quantizer() {
        return quantizer;
    }

    Decoder decoder() {
        return decoder;
    }

    PatchDiscriminator discriminator() {
        return discriminator;
    }

    PixelGaussian gaussian() {
        return gaussian;
    }

    /**
     * The autoencoder's, then the discriminator's; that of the Gaussian over pixels where it is trained alone.
     *
     * @throws RuntimeException naming a file of the perceptual loss that isn't there or doesn't fit
     */
    @Override
    public List<Objective<Tensor>> objectives() {
        if (configuration.trained() == Trained.PIXEL_LIKELIHOOD) {
            return List.of(new PixelObjective());
        }
        perceptual();
        List<Objective<Tensor>> objectives = new ArrayList<>();
        objectives.add(new AutoencoderObjective());
        if (discriminator != null) {
            objectives.add(new DiscriminatorObjective());
        }
        return objectives;
    }

    /** Opened at the first call; null for none. */
    private PerceptualLoss perceptual() {
        if (perceptual == null && configuration.perceptual() != null) {
            perceptual = configuration.perceptual().build(parameters.device());
        }
        return perceptual;
    }

    @Override
    public void close() {
        if (perceptual != null) {
            perceptual.close();
        }
        parameters.close();
        opponent.close();
    }

    /**
     * L = |x - x̂| (or another distance) + w·perceptual + codebook + d_w·g, and the pixel Gaussian on detached features.
     */
    private final class AutoencoderObjective implements Objective<Tensor> {
        @Override
        public String name() {
            return "autoencoder";
        }

        @Override
        public Parameters parameters() {
            return parameters;
        }

        @Override
        public Loss loss(Tensor images, long step, Seed seed) {
            return autoencoderLoss(range.inside(images), step, seed, made -> augment(made, seed.child("fake")));
        }
    }

    /** The Gaussian over pixels alone, of features that no gradient reaches: all else keeps its bits. In nats a value. */
    private final class PixelObjective implements Objective<Tensor> {
        @Override
        public String name() {
            return "pixel_likelihood";
        }

        @Override
        public Parameters parameters() {
            return parameters;
        }

        @Override
        public Loss loss(Tensor images, long step, Seed seed) {
            parameters.training(false); // nor does the codebook count what it sees
            Tensor features;
            Tensor reconstruction;
            try (NoGradGuard guard = new NoGradGuard()) {
                features = features(quantizer.lookUp(encode(images, noise(images, seed))));
                reconstruction = decoder.image(features).to(ScalarType.Float);
            }
            Tensor nats = nats(
                    range.inside(images),
                    reconstruction,
                    gaussian.logDeviation(features).to(ScalarType.Float));
            return new Loss(nats.mean().div(new Scalar(3.0 * images.size(2) * images.size(3))), Map.of());
        }
    }

    /**
     * @param images in the network's range
     * @param augment what the discriminator sees of the reconstruction
     */
    Loss autoencoderLoss(Tensor images, long step, Seed seed, UnaryOperator<Tensor> augment) {
        Map<String, Tensor> measures = new LinkedHashMap<>();
        boolean decoderAlone = configuration.trained() == Trained.DECODER;
        Quantized quantized = decoderAlone ? known(images, seed) : quantizer.quantize(map(images), seed);
        Tensor features = features(quantized.vectors());
        Tensor reconstruction = decoder.image(features);
        Tensor difference = reconstructionLoss(images, reconstruction);
        measures.put("reconstruction", difference);
        if (perceptual() != null) {
            Tensor seen = perceptual()
                    .distance(range.outside(images), range.outside(reconstruction))
                    .mean();
            difference = difference.add(
                    seen.mul(new Scalar(configuration.perceptual().weight())));
            measures.put("perceptual", seen);
        }
        Tensor total = difference.add(quantized.loss());
        if (!decoderAlone) {
            measures.put("codebook", quantized.loss());
        }
        measures.put("perplexity", perplexity(quantized.codes()));
        for (int t = 1; quantizer.depth() > 1 && t <= quantizer.depth(); t++) {
            measures.put("perplexity_" + t, perplexity(quantized.codes().select(1, t - 1L)));
        }
        Tensor seen = null;
        if (discriminator != null && step >= configuration.adversarial().start()) {
            seen = augment.apply(reconstruction);
            Tensor adversarial = configuration.adversarial().loss().ofAutoencoder(discriminator.forward(seen));
            Judgement judgement = judge(reconstruction, difference, adversarial);
            total = judgement.total().add(quantized.loss());
            measures.put("generator", adversarial);
            measures.put("adaptive_weight", judgement.weight());
        }
        if (gaussian != null) {
            Tensor nats = nats(
                    images,
                    reconstruction.detach(),
                    gaussian.logDeviation(features.detach()).to(ScalarType.Float));
            Tensor each = nats.mean().div(new Scalar(3.0 * configuration.size() * configuration.size()));
            total = total.add(each.mul(new Scalar(0.01))); // its own weights only: the factor tames clipping
            measures.put("pixel_nats", each);
        }
        pass = new Pass(images, features, reconstruction, seen);
        return new Loss(total, measures);
    }

    /** The codes that images have, where these don't learn any more: no gradient is kept for the encoder. */
    private Quantized known(Tensor images, Seed seed) {
        boolean training = parameters.training();
        parameters.training(false);
        try (NoGradGuard guard = new NoGradGuard()) {
            Tensor codes = quantizer.encode(map(images), noise(images, seed));
            Tensor none = torch.zeros(new long[0], Tensors.options(ScalarType.Float, images.device()));
            return new Quantized(quantizer.lookUp(codes), codes, none);
        } finally {
            parameters.training(training);
        }
    }

    /** A seed for each image. */
    private static long[] noise(Tensor images, Seed seed) {
        long first = WholeBatch.first(images.size(0));
        return LongStream.range(first, first + images.size(0))
                .map(image -> seed.child(image).value())
                .toArray();
    }

    private final class DiscriminatorObjective implements Objective<Tensor> {
        @Override
        public String name() {
            return "discriminator";
        }

        @Override
        public Parameters parameters() {
            return opponent;
        }

        @Override
        public long begins() {
            return configuration.adversarial().start();
        }

        /** Null before the start step: there is nothing to learn yet. */
        @Override
        public Loss loss(Tensor images, long step, Seed seed) {
            return discriminatorLoss(range.inside(images), real -> augment(real, seed.child("real")));
        }
    }

    /**
     * @param images in the network's range
     * @param augment what the discriminator sees of them
     */
    Loss discriminatorLoss(Tensor images, UnaryOperator<Tensor> augment) {
        if (pass.seen() == null) {
            return null;
        }
        Tensor real = discriminator.forward(augment.apply(images));
        Tensor fake = discriminator.forward(pass.seen().detach());
        Map<String, Tensor> measures = new LinkedHashMap<>();
        measures.put("logits_real", real.mean());
        measures.put("logits_fake", fake.mean());
        return new Loss(configuration.adversarial().loss().ofDiscriminator(real, fake), measures);
    }

    private Tensor augment(Tensor images, Seed seed) {
        return configuration.adversarial().augment()
                ? DiffAugment.apply(images, DiffAugment.Draws.of(images, seed))
                : images;
    }

    /** mean(|x - x̂| (or another distance)). [] */
    Tensor reconstructionLoss(Tensor images, Tensor reconstruction) {
        return distance.apply(images.sub(reconstruction)).mean();
    }

    /** {@link #adaptiveWeight(Tensor, Tensor)} of the gradients at {@code weight}. */
    Tensor adaptiveWeight(Tensor difference, Tensor adversarial, Tensor weight) {
        return adaptiveWeight(gradient(difference, weight), gradient(adversarial, weight));
    }

    /**
     * min(|∇ nll| / (|∇ g| + 1e-4), maxWeight) · weight, at the decoder's last weight. Esser et al. 2021, eq. 7; with the
     * cap Bond-Taylor et al. 2022, eq. 9c. []
     */
    Tensor adaptiveWeight(Tensor difference, Tensor adversarial) {
        return Precision.exact(difference.device(), () -> difference
                .norm()
                .div(adversarial.norm().add(new Scalar(1e-4)))
                .clamp(
                        new ScalarOptional(new Scalar(0.0)),
                        new ScalarOptional(
                                new Scalar(configuration.adversarial().maxWeight())))
                .mul(new Scalar(configuration.adversarial().weight()))
                .detach());
    }

    /** difference + weight·adversarial, and the weight. */
    private record Judgement(Tensor total, Tensor weight) {}

    /**
     * Both terms by what they say of the reconstruction. Their gradients there are all that the adaptive weight and the
     * descent need of them, so each passes once through what judges; the total has its value, and as its gradient at the
     * reconstruction d|nll|/dx̂ + d_w dg/dx̂.
     */
    private Judgement judge(Tensor reconstruction, Tensor difference, Tensor adversarial) {
        Tensor last = decoder.lastWeight();
        Tensor ofDifference = gradient(difference, reconstruction, null); // [B, 3, H, W]
        Tensor ofAdversarial = gradient(adversarial, reconstruction, null);
        Tensor weight = adaptiveWeight(
                WholeBatch.mean(gradient(reconstruction, last, ofDifference)),
                WholeBatch.mean(gradient(reconstruction, last, ofAdversarial)));
        Tensor slope = ofDifference.to(ScalarType.Float).add(weight.mul(ofAdversarial.to(ScalarType.Float)));
        Tensor descent = reconstruction.to(ScalarType.Float).mul(slope).sum(); // only its gradient is wanted
        Tensor value = difference.add(weight.mul(adversarial)).detach();
        return new Judgement(value.add(descent.sub(descent.detach())), weight);
    }

    private static Tensor gradient(Tensor loss, Tensor weight) {
        return gradient(loss, weight, null);
    }

    /** Σ along · d{@code of}/d{@code at}; {@code along} null for a number. The shape of {@code at}. */
    private static Tensor gradient(Tensor of, Tensor at, Tensor along) {
        // in a scope and detached, since the gradient belongs to the vector and goes with it
        return Scope.keep(() -> torch.grad(
                        new TensorVector(of),
                        new TensorVector(at),
                        along == null ? new TensorVector() : new TensorVector(along),
                        new BoolOptional(true),
                        false,
                        false)
                .get(0)
                .detach());
    }

    /** exp H of the codes' frequencies in a batch: how many codes are in even use. [] */
    private Tensor perplexity(Tensor codes) {
        int k = configuration.codebook().codes();
        Tensor share =
                VectorQuantizer.counts(codes.flatten(), k).div(new Scalar((double) WholeBatch.items(codes.numel())));
        return share.mul(share.add(new Scalar(1e-10)).log()).sum().neg().exp();
    }
}
