package dev.smalti.draw;

/** Through which windows a network sees a canvas that is larger than its grids of training. */
public enum Looking {
    /** All that start at whole strides and contain a place: their mean; with a stride of 1 the paper's all windows. */
    STRIDED,
    /**
     * For each place in each step one of all windows that contain it, drawn at random. Codes that are drawn of it as it is have
     * the law of the mean of all windows, for one window a place; temperatures, filters and guidance act on one window rather than on
     * the mean.
     */
    RANDOM
}
