package dev.smalti.corruption;

/**
 * How a guess of x_0 becomes p(x_s | x_t), one position at a time, s earlier than t. They don't mix: a denoiser is to be
 * used in the reading that it was trained in.
 */
public enum Posterior {
    /**
     * Σ_{x_0} q(x_s | x_t, x_0) p(x_0): exact if the guess is the true p(x_0 | x_t). Gu et al. 2022, arXiv:2111.14822,
     * eq. 11.
     */
    NORMALISED,
    /**
     * Σ_{x_0} q(x_s, x_t | x_0) p(x_0), normalised over x_s: exact if the guess is p(x_0 | x_t) / q(x_t | x_0),
     * normalised. Austin et al. 2021, arXiv:2107.03006, eq. 4.
     */
    JOINT,
    /**
     * The guess is what the other tokens of x_t tell of x_0; times q(x_t | x_0), which is known, it is p(x_0 | x_t), of
     * which {@link #NORMALISED} follows. Since each token is lost by itself, that is exact, and the best guess is that of
     * {@link #JOINT}; but here the cross-entropy of p(x_0 | x_t) has the same optimum as the bound. How much a token is to
     * be trusted at each t, from little to near certainty, need not be learnt.
     */
    CONTEXT
}
