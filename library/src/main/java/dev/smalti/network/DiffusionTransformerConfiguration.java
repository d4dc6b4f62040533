package dev.smalti.network;

import java.util.Locale;

/**
 * A diffusion transformer, DiT ({@link DiffusionTransformer}), which is told the time.
 *
 * @param layers number of blocks; at least 1
 * @param width D, the channels of a token; a multiple of heads, and width / heads a multiple of 2 (of 4 for
 *     {@code rotary_2d})
 * @param heads attention heads; at least 1
 * @param condition width of the vector that tells time and class; at least 1; 128 if left out
 * @param positions how a token's place is told; {@code rotary_1d} if left out
 * @param learntPositions whether a learnt vector is added at each position besides; true if left out. Rotations tell only
 *     how far apart two tokens are, so without it a grid of nothing but masks looks the same from every position, and the
 *     first tokens drawn can't depend on where they are
 * @param dropout share of activations dropped in training; [0, 1); 0 if left out
 * @param attentionDropout share of the attention's weights dropped in training; [0, 1); 0 if left out
 */
public record DiffusionTransformerConfiguration(
        int layers,
        int width,
        int heads,
        Integer condition,
        Positions positions,
        Boolean learntPositions,
        Double dropout,
        Double attentionDropout)
        implements NetworkConfiguration {
    /** How a token's place is told. */
    public enum Positions {
        /** Its number in raster order turns queries and keys. Su et al. 2021, arXiv:2104.09864. */
        ROTARY_1D,
        /** Its column turns one half of their channels, its row the other. Heo et al. 2024, arXiv:2403.13298, section 3.1. */
        ROTARY_2D
    }

    public DiffusionTransformerConfiguration {
        condition = condition == null ? 128 : condition;
        positions = positions == null ? Positions.ROTARY_1D : positions;
        learntPositions = learntPositions == null || learntPositions;
        dropout = NetworkConfiguration.dropout(dropout);
        attentionDropout = NetworkConfiguration.dropout("attention_dropout", attentionDropout);
        NetworkConfiguration.checkSize(layers, width, heads);
        int part = positions == Positions.ROTARY_1D ? 2 : 4;
        if (width / heads % part != 0) {
            throw new IllegalArgumentException("width / heads must be a multiple of " + part + " for "
                    + positions.name().toLowerCase(Locale.ROOT) + ", got " + width / heads);
        }
        if (condition < 1) {
            throw new IllegalArgumentException("condition must be at least 1, got " + condition);
        }
    }

    /** With all of the attention's weights. */
    public DiffusionTransformerConfiguration(
            int layers,
            int width,
            int heads,
            Integer condition,
            Positions positions,
            Boolean learntPositions,
            Double dropout) {
        this(layers, width, heads, condition, positions, learntPositions, dropout, null);
    }

    @Override
    public Denoiser build(Parameters parameters, NetworkShape shape) {
        return new DiffusionTransformer(parameters, this, shape);
    }

    @Override
    public ClassTable classTable() {
        return ClassTable.addedTo("sigma_map.mlp.2.bias", "label_embed.weight");
    }

    @Override
    public boolean learnsPlaces() {
        return learntPositions;
    }
}
