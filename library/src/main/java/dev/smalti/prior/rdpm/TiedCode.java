package dev.smalti.prior.rdpm;

import dev.smalti.network.Work;
import dev.smalti.tensor.Precision;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Ties a classification layer to the codebook, and lets it see what came in:
 *
 * <pre>
 * ℓ_k = w_k·h + b_k + e_k·(u + g (β_t ε_t - α_t z'_{t-1})) - g |e_k|² / 2,   (u, g) = P h + c
 * </pre>
 *
 * It is the paper's head of logits, linear in the last hidden vector h, and a softmax; and it is all of that head with P and c
 * at zero, where they begin. But for a known map the best logits are g (e_k·v_t - |e_k|² / 2), u = g α_t v: so d + 1 numbers
 * of a place, which all codes share, take the place of a row of W for each code, and noise and sum need not come through the
 * transformer unharmed. The paper prints no such tie.
 *
 * @param dimension d
 */
record TiedCode(long dimension) implements CodeHead {
    /** d + 1: u, g. */
    @Override
    public long outputs() {
        return dimension + 1;
    }

    @Override
    public Tensor logits(Tensor numbers, Tensor alpha, Tensor noise, Tensor sum, Tensor codebook) {
        return Precision.exact(numbers.device(), () -> {
            Tensor all = numbers.to(ScalarType.Float);
            Tensor g = all.narrow(2, dimension, 1);
            Tensor known = noise.mul(CodeHead.beta(alpha)).sub(sum.mul(alpha)); // v_t but for α_t v
            Tensor mixed = known.mul(g).add(all.narrow(2, 0, dimension)); // g v_t, [R, L, d]
            Work.add(2 * mixed.numel() * codebook.size(0));
            return mixed.matmul(codebook.t()).sub(g.mul(CodeHead.half(codebook))); // [R, L, K]
        });
    }
}
