package dev.smalti.corruption;

/**
 * How a guess p(x_0 | x_t) becomes p(x_s | x_t), one position at a time, s earlier than t. The two don't mix: a
 * denoiser is to be used in the reading that it was trained in.
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
    JOINT
}
