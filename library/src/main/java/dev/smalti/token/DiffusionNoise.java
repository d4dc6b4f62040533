package dev.smalti.token;

import dev.smalti.tensor.Gaussian;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;

/**
 * The Gaussian noise of a diffusion tokenizer: a function of a grid's seed and of the step, so that a token file keeps one
 * number a grid instead of T maps, and whoever reads it makes the very same noise again.
 */
public final class DiffusionNoise {
    private DiffusionNoise() {}

    /**
     * ε_t of some grids, each from its own stream.
     *
     * @param seeds one a grid, B
     * @param t the step, 1..T
     * @param shape of one grid's noise, such as [d, h, w]
     * @return float32 [B, shape...] on the CPU
     */
    public static Tensor of(long[] seeds, long t, long... shape) {
        long[] steps = new long[seeds.length];
        Arrays.fill(steps, t);
        return of(seeds, steps, shape);
    }

    /** The same with a step for each grid. */
    public static Tensor of(long[] seeds, long[] t, long... shape) {
        int size = 1;
        long[] all = new long[shape.length + 1];
        all[0] = seeds.length;
        for (int i = 0; i < shape.length; i++) {
            size = Math.multiplyExact(size, Math.toIntExact(shape[i]));
            all[i + 1] = shape[i];
        }
        float[] numbers = new float[Math.multiplyExact(seeds.length, size)];
        for (int i = 0; i < seeds.length; i++) {
            Gaussian.fill(new Seed(seeds[i]).child(t[i]).random(), numbers, i * size, (i + 1) * size);
        }
        return Tensors.floats(numbers).view(all);
    }
}
