package dev.smalti.network;

import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Keys and values of the tokens that a {@link CausalNetwork} has seen, so that each is computed once. It takes 2·layers·B·H·L·d
 * numbers, of 4 bytes, or of 2 where products are bfloat16: 12.6 MB a grid of 256 tokens for 12 layers of width 512, 340 MB for 48
 * layers of width 1536 and 24 × 24 tokens, in float32; guidance doubles it.
 *
 * <p>Letters: B grids, H heads of keys, L tokens, d channels of a head.
 */
public final class KeyValueCache {
    private final long grids;
    private final List<Tensor> keys = new ArrayList<>();
    private final List<Tensor> values = new ArrayList<>();
    private long seen;

    /** Belongs to the current scope. */
    KeyValueCache(Parameters parameters, int layers, long grids, long heads, long length, long channels) {
        this.grids = grids;
        for (int i = 0; i < layers; i++) {
            keys.add(room(parameters, grids, heads, length, channels));
            values.add(room(parameters, grids, heads, length, channels));
        }
    }

    private static Tensor room(Parameters parameters, long... shape) {
        return torch.empty(shape, Tensors.options(Precision.products(parameters.device()), parameters.device()), null);
    }

    /** B */
    long grids() {
        return grids;
    }

    /** Of a layer: [B, H, L, d], of which the first {@link #seen} along L are written. */
    Tensor keys(int layer) {
        return keys.get(layer);
    }

    /** As {@link #keys}. */
    Tensor values(int layer) {
        return values.get(layer);
    }

    /** How many tokens it has seen. */
    long seen() {
        return seen;
    }

    /** Counts one more, once all layers have written it. */
    void grow() {
        seen++;
    }
}
