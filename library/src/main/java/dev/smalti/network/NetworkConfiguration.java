package dev.smalti.network;

/** What a recipe says of a denoiser's network, and how one is built of it. Implementations are records. */
public interface NetworkConfiguration extends LearntNetwork {
    /** A new, untrained network whose tensors are registered in {@code parameters}. */
    Denoiser build(Parameters parameters, NetworkShape shape);

    /** Whether what it says depends on the time that it is told; true unless it is known not to. */
    default boolean readsTime() {
        return true;
    }

    /**
     * The size that all transformers have.
     *
     * @throws IllegalArgumentException unless there is a layer, and width is a multiple of heads
     */
    static void checkSize(int layers, int width, int heads) {
        if (layers < 1) {
            throw new IllegalArgumentException("layers must be at least 1, got " + layers);
        }
        if (heads < 1 || width < heads || width % heads != 0) {
            throw new IllegalArgumentException("width must be a multiple of heads, got " + width + " and " + heads);
        }
    }

    /**
     * The share of activations that is dropped in training: 0 if left out.
     *
     * @throws IllegalArgumentException if it is not in [0, 1)
     */
    static double dropout(Double given) {
        return dropout("dropout", given);
    }

    /** The same under the name that its recipe key has. */
    static double dropout(String name, Double given) {
        double share = given == null ? 0 : given;
        if (!(share >= 0 && share < 1)) {
            throw new IllegalArgumentException(name + " must be in [0, 1), got " + share);
        }
        return share;
    }

    /**
     * The deviation of initial weights: GPT-2's 0.02 if left out.
     *
     * @throws IllegalArgumentException if it is not above 0
     */
    static double deviation(Double given) {
        double deviation = given == null ? 0.02 : given;
        if (!(deviation > 0) || Double.isInfinite(deviation)) {
            throw new IllegalArgumentException("deviation must be above 0, got " + deviation);
        }
        return deviation;
    }
}
