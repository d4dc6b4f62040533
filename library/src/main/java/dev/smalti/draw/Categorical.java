package dev.smalti.draw;

import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * A draw from a categorical distribution by the exponential race: code k arrives at time E_k / p_k, the first one wins.
 * The same as Gumbel noise g = -ln E on log p. In float64, since float32 noise cuts the tails off: u is a multiple of
 * 2⁻²⁴, so g never exceeds 16.6 and what is rarer than that is never drawn.
 */
public final class Categorical {
    private Categorical() {}

    /** argmax_k ln p_k - ln E_k. [M, K] float64 twice -> int64 [M] */
    public static Tensor draw(Tensor logProbabilities, Tensor exponential) {
        return torch.argmax(logProbabilities.sub(exponential.log()), new LongOptional(-1), false);
    }
}
