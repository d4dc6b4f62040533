package dev.smalti.network;

/**
 * What a network reads and writes.
 *
 * @param height h, rows of the grid
 * @param width w, columns of the grid
 * @param inputs size of the input vocabulary, with the mask token where there is one
 * @param outputs logits of a position
 * @param classes number of classes; 0 for none. Labels are 0..classes, the last of which stands for no class
 * @param times number of time steps where time is discrete (time is then 0..times - 1); 0 where it is continuous or no input
 */
public record NetworkShape(int height, int width, long inputs, long outputs, long classes, int times) {
    /** L = h · w */
    public long length() {
        return (long) height * width;
    }
}
