package dev.smalti.data;

/** How a picture becomes a square. */
public enum Crop {
    /** The middle of its longer side is kept. */
    CENTER,
    /** Some part of its longer side is kept. */
    RANDOM,
    /** Nothing is cut off: the longer side is squashed. */
    NONE
}
