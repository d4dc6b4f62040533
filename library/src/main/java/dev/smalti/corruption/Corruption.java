package dev.smalti.corruption;

import org.bytedeco.pytorch.Tensor;

/**
 * How tokens are lost, each by itself: at a {@link Level} a token is kept, masked, or replaced by one of the K codes at
 * random, and what is masked stays masked. Probabilities are float64, on the device of the tokens.
 *
 * <p>Shapes: tokens int64 of any shape [*], [B, L] or [M]; levels of their first dimensions; S states, the codes and,
 * where there is one, the mask, numbered K. Methods that take tokens throw {@link IllegalArgumentException} on those
 * that are none of theirs, naming the first; on a GPU, which would have to be waited for, they are taken as they are.
 */
public interface Corruption {
    /** S: K, or K + 1 with the mask. */
    long states();

    /**
     * The shares of tokens that are kept and masked at a level; all others are replaced. It is the level itself unless the method
     * looks at one of the two alone.
     */
    default Level counting(Level level) {
        return level;
    }

    /**
     * Draws x_t of q(x_t | x_0).
     *
     * @param u uniform numbers in [0, 1), float64 [*]
     * @return [*]
     */
    Tensor corrupt(Tensor x0, Level t, Tensor u);

    /** Where x_t doesn't tell what the token was. bool [*] */
    Tensor uncertain(Tensor xt);

    /** ln q(x_t | x_0). [*] -> [*, S] */
    Tensor logMarginal(Tensor x0, Level t);

    /** ln q(x_t | ·) of the codes that x_t may have been. [*] -> [*, K] */
    Tensor logLikelihood(Tensor xt, Level t);

    /** ln q(x_t | x_s). [*] -> [*, S] */
    Tensor logStep(Tensor xs, Level s, Level t);

    /** ln q(x_s | x_t, x_0), where q(x_t | x_0) isn't 0. [*], [*] -> [*, S] */
    Tensor logPosterior(Tensor x0, Tensor xt, Level s, Level t);

    /**
     * ln p(x_s | x_t) of a guess of x_0, in O(K) a position. Where x_t rules out a code, that part of the guess is left
     * out.
     *
     * @param logX0 ln p(x_0), float64 [*, K]; need not be normalised
     * @return [*, S]
     */
    Tensor logPosterior(Posterior posterior, Tensor logX0, Tensor xt, Level s, Level t);
}
