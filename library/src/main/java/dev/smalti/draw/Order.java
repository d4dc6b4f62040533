package dev.smalti.draw;

/** In which order places are drawn. */
public enum Order {
    /** The method's own: places at random for absorbing diffusion. */
    USUAL,
    /** Row by row from the upper left, as Bond-Taylor et al.'s released code draws larger images. */
    RASTER
}
