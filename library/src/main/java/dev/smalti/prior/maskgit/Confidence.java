package dev.smalti.prior.maskgit;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** How sure the model is of the tokens that were drawn, and which of them stay. Chang et al. 2022, section 3.2. */
final class Confidence {
    private Confidence() {}

    /**
     * ln p(x̂) + c·g with Gumbel noise g = -ln E. p is the model's own, before temperature, top-k and top-p: of a token that
     * is drawn as the only one left, p would be 1 whatever the model thinks of it.
     *
     * @param logits [M, K]
     * @param drawn x̂, int64 [M]
     * @param exponential E, float64 [M]
     * @param noise c
     * @return float64 [M]
     */
    static Tensor of(Tensor logits, Tensor drawn, Tensor exponential, double noise) {
        Tensor chosen = logits.gather(1, drawn.unsqueeze(1)).squeeze(1).to(ScalarType.Double);
        Tensor total =
                logits.to(ScalarType.Float).logsumexp(new long[] {1}, false).to(ScalarType.Double); // no copy
        return chosen.sub(total).sub(exponential.log().mul(new Scalar(noise)));
    }

    /** Where the {@code count} most confident of each grid are. [B, L], +∞ where known -> bool [B, L] */
    static Tensor most(Tensor confidence, long count) {
        Tensor best = confidence.topk(count, 1, true, false).get1(); // [B, count]
        return torch.zeros_like(confidence).scatter(1, best, new Scalar(1.0)).to(ScalarType.Bool);
    }
}
