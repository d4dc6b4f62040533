package dev.smalti.draw;

/**
 * Which codes are left out of a categorical distribution before it is drawn from, in this order.
 *
 * @param topK keeps this many most likely codes; 0 keeps all
 * @param topP keeps the fewest most likely codes that together have at least this probability, (0, 1]; 1 keeps all
 * @param typical keeps the fewest codes that together have at least this probability, (0, 1], beginning with those whose -ln p
 *     is nearest to the entropy; 1 keeps all. Meister et al. 2022, arXiv:2202.00666
 */
public record Filters(int topK, double topP, double typical) {
    /** Keeps all codes. */
    public static final Filters NONE = new Filters(0, 1, 1);

    /** @throws IllegalArgumentException naming the one that is out of range */
    public Filters {
        if (topK < 0) {
            throw new IllegalArgumentException("top-k must be at least 1 (or 0 for all), got " + topK);
        }
        if (!(topP > 0 && topP <= 1)) {
            throw new IllegalArgumentException("top-p must be in (0, 1], got " + topP);
        }
        if (!(typical > 0 && typical <= 1)) {
            throw new IllegalArgumentException("typical must be in (0, 1], got " + typical);
        }
    }
}
