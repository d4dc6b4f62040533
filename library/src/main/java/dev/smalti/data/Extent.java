package dev.smalti.data;

/** How many pixels a picture is wide and high, as its file stores it. */
public record Extent(int width, int height) {
    /** The shorter side. */
    public int shorter() {
        return Math.min(width, height);
    }

    /** How often the shorter side fits into the longer one: at least 1. */
    public double ratio() {
        return (double) Math.max(width, height) / shorter();
    }
}
