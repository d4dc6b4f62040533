package dev.smalti.tokenizer.vqgan;

/**
 * Where the layers of a {@link Vqgan} are others than those of Esser et al. 2021, as in published relatives of it. The VQGAN of
 * Chang et al. 2022 (MaskGIT), arXiv:2202.04200, has none of the values that are put in place of what is left out.
 *
 * @param middleAttention whether there is attention between the two residual blocks at the lowest resolution; true if left out
 * @param halving what the encoder halves resolutions by; {@code convolution} if left out
 * @param biases whether the encoder's first convolution and those of residual blocks have biases; true if left out
 * @param shortcut what passes by the two convolutions of a residual block where its channels change, by a 1×1 convolution;
 *     {@code input} if left out
 * @param pointwiseLast whether the encoder's last convolution sees a single place of the map, 1×1, and not 3×3; false if left out
 */
public record VqganLayers(
        Boolean middleAttention, Halving halving, Boolean biases, Shortcut shortcut, Boolean pointwiseLast) {
    /** Those of Esser et al. 2021. */
    public static final VqganLayers PAPER = new VqganLayers(null, null, null, null, null);

    /** Those of Chang et al. 2022, as released. */
    public static final VqganLayers MASKGIT =
            new VqganLayers(false, Halving.AVERAGE_POOL, false, Shortcut.OUTPUT, true);

    /** How a map comes to half its resolution. */
    public enum Halving {
        /** A 3×3 convolution of stride 2. */
        CONVOLUTION,
        /** The mean of 2×2 places. */
        AVERAGE_POOL
    }

    /** What is added to the result of a residual block's convolutions, where its channels change. */
    public enum Shortcut {
        /** Its input, convolved. */
        INPUT,
        /** That result itself, convolved, so that nothing passes by: a slip that MaskGIT's models were trained with. */
        OUTPUT
    }

    public VqganLayers {
        middleAttention = middleAttention == null || middleAttention;
        halving = halving == null ? Halving.CONVOLUTION : halving;
        biases = biases == null || biases;
        shortcut = shortcut == null ? Shortcut.INPUT : shortcut;
        pointwiseLast = pointwiseLast != null && pointwiseLast;
    }
}
