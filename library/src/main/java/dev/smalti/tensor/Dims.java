package dev.smalti.tensor;

import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;

/** Shape checks at public doors. A size of {@link #ANY} matches everything. */
public final class Dims {
    public static final long ANY = -1;

    private Dims() {}

    /**
     * Returns {@code tensor} if its shape is {@code sizes}.
     *
     * @throws IllegalArgumentException naming the tensor and both shapes otherwise
     */
    public static Tensor check(String name, Tensor tensor, long... sizes) {
        long[] shape = of(tensor);
        boolean same = shape.length == sizes.length;
        for (int i = 0; same && i < sizes.length; i++) {
            same = sizes[i] == ANY || sizes[i] == shape[i];
        }
        if (!same) {
            throw new IllegalArgumentException(
                    Phrase.of("%s must have shape %s, got %s").with(name, text(sizes), text(shape)));
        }
        return tensor;
    }

    /** The sizes of {@code tensor}. */
    public static long[] of(Tensor tensor) {
        long[] shape = new long[(int) tensor.dim()];
        for (int i = 0; i < shape.length; i++) {
            shape[i] = tensor.size(i);
        }
        return shape;
    }

    /** {@code [2, 3, ?]} */
    public static String text(long... sizes) {
        return Arrays.toString(sizes).replace("-1", "?");
    }
}
