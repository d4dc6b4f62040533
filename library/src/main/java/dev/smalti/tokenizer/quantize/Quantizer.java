package dev.smalti.tokenizer.quantize;

import dev.smalti.tensor.Seed;
import dev.smalti.token.Accumulation;
import dev.smalti.tokenizer.quantize.VectorQuantizer.Quantized;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/** What lies between an encoder and a decoder: a map of vectors becomes codes, and codes a map. */
public interface Quantizer {
    /** [B, D, h, w] -> its codes and losses. In training a moving-average codebook also learns, and dead codes revive. */
    Quantized quantize(Tensor z, Seed seed);

    /**
     * [B, D, h, w] -> int64 [B, h, w], or [B, T, h, w] where there are several codes at each place.
     *
     * @param noise a seed for each map, for quantizers that add noise
     */
    Tensor encode(Tensor z, long[] noise);

    /** int64 codes of that shape -> [B, D, h, w] */
    Tensor lookUp(Tensor codes);

    /** [K, D] */
    Tensor codebook();

    /** T, the codes at each place. */
    default int depth() {
        return 1;
    }

    /** How the codes at one place add up; empty where there is one. */
    default Optional<Accumulation> accumulation() {
        return Optional.empty();
    }
}
