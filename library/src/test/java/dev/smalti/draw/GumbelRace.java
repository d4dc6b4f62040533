package dev.smalti.draw;

import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** How the reference implementations draw codes: the first of K arrivals wins, which is Gumbel noise -ln E on ln p. */
public final class GumbelRace {
    private GumbelRace() {}

    /** argmax_k ln p_k - ln E_k. [M, K] float64 twice -> int64 [M] */
    public static Tensor draw(Tensor logProbabilities, Tensor exponential) {
        return torch.argmax(logProbabilities.sub(exponential.log()), new LongOptional(-1), false);
    }
}
