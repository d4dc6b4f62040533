package dev.smalti.prior.rdpm;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/**
 * What knows that the tokenizer took the code nearest to v_t = α_t (v - z'_{t-1}) + β_t ε_t, of which only the map v is unknown
 * when C_t is drawn. It is added to the logits of the network's classification layer.
 *
 * <p>Letters: R rows, L places, d dimension, K codes.
 */
interface CodeHead {
    /** The numbers that it needs of each place, which the network says beside a logit for each code. */
    long outputs();

    /**
     * ln p(C_t = k) up to a number of each place.
     *
     * @param numbers what the network says, float [R, L, {@link #outputs}]
     * @param alpha α_t, float32 [R, 1, 1]
     * @param noise ε_t, float32 [R, L, d]
     * @param sum z'_{t-1}, float32 [R, L, d]
     * @param codebook float32 [K, d]
     * @return float32 [R, L, K]
     */
    Tensor logits(Tensor numbers, Tensor alpha, Tensor noise, Tensor sum, Tensor codebook);

    /** β_t = √(1 - α_t²), of the same shape. */
    static Tensor beta(Tensor alpha) {
        return alpha.square()
                .neg()
                .add(new Scalar(1.0))
                .clamp_min(new Scalar(0.0))
                .sqrt();
    }

    /** |e_k|² / 2. [K, d] -> [K] */
    static Tensor half(Tensor codebook) {
        return codebook.square().sum(1).mul(new Scalar(0.5));
    }
}
