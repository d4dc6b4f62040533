package dev.smalti.prior.process;

import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** How sure the model is of the tokens that were drawn, and which of them stay. Chang et al. 2022, section 3.2. */
public final class Confidence {
    private static final long PIECE = 1 << 21; // numbers
    private static final long PIECE_ON_GPU = 1 << 26;

    private Confidence() {}

    /**
     * ln p(x̂) + c·g with Gumbel noise g = -ln E. p is the model's own, before temperature, top-k and top-p: of a token that
     * is drawn as the only one left, p would be 1 whatever the model thinks of it.
     *
     * @param logits [M, K]
     * @param drawn x̂, int64 [M]
     * @param exponential E, float64 [M]; null without noise
     * @param noise c
     * @return float64 [M]
     */
    public static Tensor of(Tensor logits, Tensor drawn, Tensor exponential, double noise) {
        Tensor chosen = logits.gather(1, drawn.unsqueeze(1)).squeeze(1).to(ScalarType.Double);
        Tensor sure = chosen.sub(total(logits));
        return exponential == null ? sure : sure.sub(exponential.log().mul(new Scalar(noise)));
    }

    /** ln Σ exp of each row, some rows after the others, so that they stay in the cache. float64 [M] */
    private static Tensor total(Tensor logits) {
        long together = Math.max(1, (logits.is_cuda() ? PIECE_ON_GPU : PIECE) / logits.size(1));
        List<Tensor> totals = new ArrayList<>();
        for (long begin = 0; begin < logits.size(0); begin += together) {
            long from = begin;
            long count = Math.min(together, logits.size(0) - from);
            totals.add(Scope.keep(() -> logits.narrow(0, from, count)
                    .to(ScalarType.Float)
                    .logsumexp(new long[] {1}, false)
                    .to(ScalarType.Double)));
        }
        return totals.size() == 1 ? totals.get(0) : Tensors.cat(totals);
    }
}
