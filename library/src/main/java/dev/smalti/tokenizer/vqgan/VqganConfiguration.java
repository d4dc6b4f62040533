package dev.smalti.tokenizer.vqgan;

import dev.smalti.tensor.Seed;
import dev.smalti.tokenizer.PerceptualConfiguration;
import dev.smalti.tokenizer.Tokenizer;
import dev.smalti.tokenizer.TokenizerConfiguration;
import dev.smalti.tokenizer.quantize.CodebookConfiguration;
import dev.smalti.tokenizer.quantize.CodebookConfiguration.Choice;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.bytedeco.pytorch.Device;

/**
 * VQGAN, Esser et al. 2021 ({@link Vqgan}): its size and its losses.
 *
 * @param size H = W of the images; 8..1024, whole tokens of {@code patch} · 2^(multipliers - 1) pixels
 * @param channels channels at the highest resolution; at least 1
 * @param multipliers factors of the channels at each resolution, highest first, each but the last followed by a halving;
 *     each at least 1
 * @param resBlocks residual blocks at each resolution of the encoder; at least 1; 2 if left out
 * @param decoderBlocks the same of the decoder; at least 1; as {@code res_blocks} if left out
 * @param attention resolutions with attention after each block (the middle has it besides, unless {@code layers} says
 *     otherwise); each the side of a map; the
 *     lowest if left out
 * @param patch side of the squares of pixels that the first convolution sees as channels and the last one makes, 2 runs
 *     everything at half the resolution; 1, 2, 4 or 8; 1, the paper's, if left out
 * @param latent channels of the map between encoder and quantizer; the codebook's dimension, or any with {@code quant_conv};
 *     the codebook's dimension if left out
 * @param quantConv whether there is a 1×1 convolution on either side of the quantizer, as taming has and unleashing has not;
 *     false if left out
 * @param outputSwish whether there is a swish before the last convolutions, as taming has and unleashing has not; false if
 *     left out
 * @param codebook K, D and how they learn
 * @param adversarial the discriminator and its weight; {@code {start: 30001}}, for images of 64 pixels and more, if left out
 * @param pixelLikelihood whether a Gaussian over pixels is trained too, on the decoder's features, without changing them;
 *     false if left out, true where {@code trained} is {@code pixel_likelihood}
 * @param perceptual a distance as a frozen network sees images, beside that of pixels; none if left out
 * @param range the values of images as the networks see and compare them; {@code signed}, as Esser et al. 2021, if left out
 * @param trained what is trained: all; or, on the weights of another run whose encoder and codebook keep their bits, the decoder; or the
 *     Gaussian over pixels alone; {@code all} if left out
 * @param layers where layers are others than Esser et al.'s; its own defaults if left out
 */
public record VqganConfiguration(
        int size,
        int channels,
        List<Integer> multipliers,
        Integer resBlocks,
        Integer decoderBlocks,
        List<Integer> attention,
        Integer patch,
        Integer latent,
        Boolean quantConv,
        Boolean outputSwish,
        CodebookConfiguration codebook,
        AdversarialConfiguration adversarial,
        Boolean pixelLikelihood,
        PerceptualConfiguration perceptual,
        PixelRange range,
        Trained trained,
        VqganLayers layers)
        implements TokenizerConfiguration {
    private static final Set<String> LEARNING = Set.of(
            "trained",
            "pixel_likelihood",
            "codebook.commitment",
            "codebook.legacy",
            "codebook.decay",
            "codebook.revive_below",
            "codebook.entropy",
            "codebook.kl");

    /** What is trained. */
    public enum Trained {
        /** Encoder, codebook, decoder, and what else there is. */
        ALL,
        /** What makes images of codes, and with {@code pixel_likelihood} their density; codes stay what they were. */
        DECODER,
        /** The Gaussian over pixels alone, as Bond-Taylor et al. 2022 do it in section 4.1.1. */
        PIXEL_LIKELIHOOD
    }

    public VqganConfiguration {
        if (size < 8 || size > 1024) {
            throw new IllegalArgumentException("size must be in 8..1024, got " + size);
        }
        if (channels < 1) {
            throw new IllegalArgumentException("channels must be at least 1, got " + channels);
        }
        if (multipliers == null || multipliers.isEmpty() || multipliers.stream().anyMatch(m -> m == null || m < 1)) {
            throw new IllegalArgumentException(
                    "multipliers must be whole numbers above 0, one a resolution, got " + multipliers);
        }
        multipliers = List.copyOf(multipliers);
        if (codebook == null) {
            throw new IllegalArgumentException("codebook is required: give codes and dimension");
        }
        resBlocks = resBlocks == null ? 2 : resBlocks;
        decoderBlocks = decoderBlocks == null ? resBlocks : decoderBlocks;
        if (resBlocks < 1 || decoderBlocks < 1) {
            throw new IllegalArgumentException(
                    "res_blocks and decoder_blocks must be at least 1, got " + resBlocks + " and " + decoderBlocks);
        }
        patch = patch == null ? 1 : patch;
        if (patch < 1 || patch > 8 || Integer.bitCount(patch) != 1) {
            throw new IllegalArgumentException("patch must be 1, 2, 4 or 8, got " + patch);
        }
        long factor = (long) patch << Math.min(32, multipliers.size() - 1);
        if (size % factor != 0) {
            throw new IllegalArgumentException(
                    "size must be a multiple of " + factor + ", the pixels of a token with patch "
                            + patch + " and " + multipliers.size() + " multipliers, got " + size
                            + ": another size, or fewer multipliers");
        }
        attention = attention == null ? List.of((int) (size / factor)) : List.copyOf(attention);
        quantConv = quantConv != null && quantConv;
        latent = latent == null ? codebook.dimension() : latent;
        if (!quantConv && latent != codebook.dimension()) {
            throw new IllegalArgumentException("latent must be codebook.dimension (" + codebook.dimension()
                    + ") without quant_conv, got " + latent);
        }
        outputSwish = outputSwish != null && outputSwish;
        adversarial = adversarial == null ? AdversarialConfiguration.paper(64) : adversarial;
        range = range == null ? PixelRange.SIGNED : range;
        trained = trained == null ? Trained.ALL : trained;
        boolean alone = trained == Trained.PIXEL_LIKELIHOOD;
        pixelLikelihood = pixelLikelihood == null ? alone : pixelLikelihood;
        if (alone && !pixelLikelihood) {
            throw new IllegalArgumentException(
                    "pixel_likelihood must be true, or left out, where trained is pixel_likelihood, got false");
        }
        layers = layers == null ? VqganLayers.PAPER : layers;
        adversarial.check(size);
        if (perceptual != null) {
            perceptual.check(size);
        }
    }

    /** All of it trained. */
    public VqganConfiguration(
            int size,
            int channels,
            List<Integer> multipliers,
            Integer resBlocks,
            Integer decoderBlocks,
            List<Integer> attention,
            Integer patch,
            Integer latent,
            Boolean quantConv,
            Boolean outputSwish,
            CodebookConfiguration codebook,
            AdversarialConfiguration adversarial,
            Boolean pixelLikelihood,
            PerceptualConfiguration perceptual,
            PixelRange range) {
        this(
                size,
                channels,
                multipliers,
                resBlocks,
                decoderBlocks,
                attention,
                patch,
                latent,
                quantConv,
                outputSwish,
                codebook,
                adversarial,
                pixelLikelihood,
                perceptual,
                range,
                null);
    }

    /** With the layers of Esser et al. 2021. */
    public VqganConfiguration(
            int size,
            int channels,
            List<Integer> multipliers,
            Integer resBlocks,
            Integer decoderBlocks,
            List<Integer> attention,
            Integer patch,
            Integer latent,
            Boolean quantConv,
            Boolean outputSwish,
            CodebookConfiguration codebook,
            AdversarialConfiguration adversarial,
            Boolean pixelLikelihood,
            PerceptualConfiguration perceptual,
            PixelRange range,
            Trained trained) {
        this(
                size,
                channels,
                multipliers,
                resBlocks,
                decoderBlocks,
                attention,
                patch,
                latent,
                quantConv,
                outputSwish,
                codebook,
                adversarial,
                pixelLikelihood,
                perceptual,
                range,
                trained,
                null);
    }

    @Override
    public boolean keepsTokens() {
        return trained != Trained.ALL;
    }

    /** The Gaussian over pixels, which comes last. */
    @Override
    public boolean beginsAnew(String tensor) {
        return tensor.startsWith(Vqgan.GAUSSIAN + ".");
    }

    @Override
    public boolean mayDiffer(String key) {
        return key.startsWith("adversarial.") || key.startsWith("perceptual") || LEARNING.contains(key);
    }

    @Override
    public Map<String, Object> resized(int other) {
        List<Integer> sides = attention.stream()
                .map(side -> side * other / size)
                .filter(side -> side > 0)
                .toList();
        return Map.of("size", other, "attention", sides);
    }

    @Override
    public String choosing() {
        return codebook.choice() == Choice.NEAREST
                ? ""
                : codebook.choice().name().toLowerCase(Locale.ROOT);
    }

    /** Pixels per token along a side. */
    public int factor() {
        return patch << (multipliers.size() - 1);
    }

    @Override
    public Map<String, String> parents() {
        return perceptual == null ? Map.of() : perceptual.parents();
    }

    @Override
    public Tokenizer build(Seed seed, Device device) {
        return new Vqgan(this, seed, device);
    }
}
