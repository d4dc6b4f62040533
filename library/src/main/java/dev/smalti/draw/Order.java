package dev.smalti.draw;

/** In which order masked places are revealed. */
public enum Order {
    /** The method's own: places at random, or as MaskGIT's recipe says. */
    USUAL,
    /** All orders alike, each grid in one of its own. */
    RANDOM,
    /** As a sequence of Halton first visits them, far apart. Besnier et al. 2025, arXiv:2503.17076. */
    HALTON,
    /** Row by row from the upper left, as Bond-Taylor et al.'s released code draws larger images. */
    RASTER,
    /** Those first whose drawn code is likeliest, with Gumbel noise. Chang et al. 2022, arXiv:2202.04200, section 3.2. */
    CONFIDENCE,
    /** Those first whose guess has the least entropy. Ben-Hamu et al. 2025, arXiv:2505.24857. */
    ENTROPY,
    /** Those first whose likeliest code is furthest ahead of the second. Kim et al. 2025, arXiv:2502.06768. */
    MARGIN,
    /**
     * At random in proportion to Σ p^β with β = 1 + 1/c: the order of MaskGIT's confidence with Gumbel noise of scale c, without
     * the lower temperature that comes with it. Hayakawa et al. 2025, arXiv:2510.04525.
     */
    MOMENT;

    /** Whether it is chosen by what the network guesses, step by step, rather than before the draw. */
    public boolean chosen() {
        return this == CONFIDENCE || this == ENTROPY || this == MARGIN || this == MOMENT;
    }
}
