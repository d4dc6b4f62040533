package dev.smalti.prior.rdpm;

import dev.smalti.network.Parameters;
import dev.smalti.network.Work;
import dev.smalti.tensor.Precision;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Turns guesses of the map v into probabilities of the next code. The tokenizer took the code nearest to v_t = α_t (v -
 * z'_{t-1}) + β_t ε_t, of which only v is unknown here, so the network guesses v and the rest is arithmetic:
 *
 * <pre>
 * p(C_t = k) = Σ_m w_m softmax_k(-g_m |α_t v^m + β_t ε_t - α_t z'_{t-1} - e_k|² / 2)
 * </pre>
 *
 * with M guesses v^m, how sure each is, g_m, and how likely, w_m. Ours; the paper's head gives a logit for each code, and so
 * has to learn the arithmetic too.
 *
 * <p>Letters: R rows, L places, M guesses, d dimension, K codes.
 */
final class NearestCode implements CodeHead {
    private static final double MOST = 6; // |ln g|

    private final long guesses;
    private final long dimension;
    private final Tensor vectors; // [M, d]: what the network's guesses are added to

    /** The tokenizer's maps are normed, so guesses begin as N(0, 1). */
    NearestCode(Parameters parameters, long guesses, long dimension) {
        this.guesses = guesses;
        this.dimension = dimension;
        this.vectors = parameters.normal("vectors", 1, guesses, dimension);
    }

    /** M (d + 2), the numbers that it needs of each place. */
    @Override
    public long outputs() {
        return guesses * (dimension + 2);
    }

    /**
     * ln p(C_t = k).
     *
     * @param numbers v^m without {@code vectors}, ln g_m, ln w_m: float [R, L, M (d + 2)]
     */
    @Override
    public Tensor logits(Tensor numbers, Tensor alpha, Tensor noise, Tensor sum, Tensor codebook) {
        return Precision.exact(numbers.device(), () -> {
            Tensor all = numbers.to(ScalarType.Float);
            long maps = guesses * dimension;
            Tensor v = all.narrow(2, 0, maps).unflatten(2, guesses, dimension).add(vectors); // [R, L, M, d]
            Tensor g = all.narrow(2, maps, guesses)
                    .clamp_min(new Scalar(-MOST))
                    .clamp_max(new Scalar(MOST))
                    .exp()
                    .unsqueeze(3);
            Tensor w =
                    torch.log_softmax(all.narrow(2, maps + guesses, guesses), 2).unsqueeze(3);
            Tensor rest = v.sub(sum.unsqueeze(2)); // z_t
            Tensor mixed = rest.mul(alpha.unsqueeze(3))
                    .add(noise.mul(CodeHead.beta(alpha)).unsqueeze(2)); // v_t
            Work.add(2 * mixed.numel() * codebook.size(0));
            Tensor near =
                    mixed.matmul(codebook.t()).sub(CodeHead.half(codebook)).mul(g); // |v_t|² is the same for all k

            return torch.logsumexp(torch.log_softmax(near, 3).add(w), 2);
        });
    }
}
