package dev.smalti.prior;

import dev.smalti.corruption.MaskTokens;
import dev.smalti.network.Objective;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/** A prior that guesses masked tokens from the others, all in one pass if need be: what can be distilled, and distilled into. */
public interface MaskedPrior extends Prior {
    /** Its one objective, with the share of grids whose class is hidden. */
    PriorObjective objective();

    @Override
    default List<Objective<TokenBatch>> objectives() {
        return List.of(objective());
    }

    /** Whether what its network guesses depends on the time that it is told. */
    boolean readsTime();

    /** What its network sees at masked places. */
    MaskTokens maskTokens();

    /**
     * What the network says of some places, told the time at which as many tokens are masked; differentiable.
     *
     * @param xt int64 [B, L], K where masked
     * @param label int64 [B], the number of classes for none; null for an unconditional prior
     * @param at as indices into the B·L places, ascending, int64 [M]
     * @param tokens what masked places show, of {@link MaskTokens#tokens}
     * @return [M, K]
     */
    Tensor logits(Tensor xt, Tensor label, Tensor at, Tensor tokens);
}
