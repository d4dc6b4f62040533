package dev.smalti.network;

/**
 * What a network reads and writes.
 *
 * @param height h, rows of the grid
 * @param width w, columns of the grid
 * @param inputs size of the input vocabulary, with the mask token where there is one; 0 where vectors come in
 * @param outputs logits of a position
 * @param classes number of classes; 0 for none. Labels are 0..classes, the last of which stands for no class
 * @param times number of time steps where time is discrete (time is then 0..times - 1); 0 where it is continuous or no input
 * @param vectors E, the width of the vectors that come in instead of tokens; 0 for tokens
 * @param exact whether the last layer is computed in float32 even where products are narrower, for methods that need more digits of
 *     a logit than bfloat16 has
 */
public record NetworkShape(
        int height, int width, long inputs, long outputs, long classes, int times, long vectors, boolean exact) {
    /** Of a network that reads tokens. */
    public NetworkShape(int height, int width, long inputs, long outputs, long classes, int times) {
        this(height, width, inputs, outputs, classes, times, 0, false);
    }

    /** Of a network that reads a vector at each position, at continuous times. */
    public static NetworkShape ofVectors(int height, int width, long vectors, long outputs, long classes) {
        return new NetworkShape(height, width, 0, outputs, classes, 0, vectors, false);
    }

    /** The same with {@link #exact} logits. */
    public NetworkShape withExactLogits() {
        return new NetworkShape(height, width, inputs, outputs, classes, times, vectors, true);
    }

    /** L = h · w */
    public long length() {
        return (long) height * width;
    }
}
