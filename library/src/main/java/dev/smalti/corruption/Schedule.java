package dev.smalti.corruption;

import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Tensors;
import java.util.function.IntToDoubleFunction;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** The levels of a chain of T steps: clean at 0, then those after steps 1..T. */
public final class Schedule {
    /** The most steps, far beyond any use: each level is kept. */
    public static final int MOST_STEPS = 1_000_000;

    private final double[] kept;
    private final double[] masked;

    private Schedule(int steps, IntToDoubleFunction kept, IntToDoubleFunction masked) {
        if (steps < 1) {
            throw new IllegalArgumentException("steps must be at least 1, got " + steps);
        }
        if (steps > MOST_STEPS) {
            throw new IllegalArgumentException(
                    Phrase.of("steps must be at most %,d, got %,d").with(MOST_STEPS, steps));
        }
        this.kept = new double[steps + 1];
        this.masked = new double[steps + 1];
        this.kept[0] = 1;
        for (int t = 1; t <= steps; t++) {
            this.kept[t] = kept.applyAsDouble(t);
            this.masked[t] = masked.applyAsDouble(t);
        }
    }

    /**
     * ᾱ_t = f(t)/f(0) with f(t) = cos((t/T + 0.008)/1.008 · π/2), not squared, and no step that keeps less than 0.001;
     * no masks. Hoogeboom et al. 2021, arXiv:2102.05379, as D3PM's code.
     */
    public static Schedule cosine(int steps) {
        return replacing(steps, t -> Math.min(1 - cosine(t, steps) / cosine(t - 1, steps), 0.999));
    }

    private static double cosine(int t, int steps) {
        return Math.cos(((double) t / steps + 0.008) / 1.008 * Math.PI / 2);
    }

    /**
     * β_t linear from 0.02 to 1; no masks. As D3PM's code for uniform transitions; Austin et al. 2021,
     * arXiv:2107.03006.
     */
    public static Schedule linear(int steps) {
        return replacing(steps, t -> steps == 1 ? 1 : 0.02 + 0.98 * (t - 1) / (steps - 1));
    }

    private static Schedule replacing(int steps, IntToDoubleFunction beta) {
        double[] product = {1};
        return new Schedule(steps, t -> product[0] *= 1 - beta.applyAsDouble(t), t -> 0);
    }

    /** A mask with probability 1/(T - t + 1) at step t, so that γ̄_t = t/T. Austin et al. 2021, arXiv:2107.03006. */
    public static Schedule absorbing(int steps) {
        return new Schedule(steps, t -> 1 - (double) t / steps, t -> (double) t / steps);
    }

    /** γ̄_t linear up to 0.9 and Kβ̄_t up to 0.1. Gu et al. 2022, arXiv:2111.14822, implementation details. */
    public static Schedule maskAndReplace(int steps) {
        return new Schedule(steps, t -> 1 - (double) t / steps, t -> 0.9 * t / steps);
    }

    /**
     * ᾱ_t linear from 0.99999 to 0.000009 and γ̄_t from 0.000009 to 0.99999, as the released code: one token in a
     * million is replaced, the others are masked.
     *
     * @param steps at least 2
     */
    public static Schedule maskAndReplaceAsReleased(int steps) {
        if (steps < 2) {
            throw new IllegalArgumentException("steps must be at least 2 for the released schedule, got " + steps);
        }
        return new Schedule(steps, t -> line(t, steps, 0.99999, 0.000009), t -> line(t, steps, 0.000009, 0.99999));
    }

    private static double line(int t, int steps, double first, double last) {
        return (t - 1.0) / (steps - 1) * (last - first) + first;
    }

    /** T */
    public int steps() {
        return kept.length - 1;
    }

    /**
     * The levels after some numbers of steps, on {@code device}.
     *
     * @param t int64 [B], 0..T
     * @return [B]
     */
    public Level at(Tensor t, Device device) {
        long[] times = Tensors.toLongs(t);
        double[] alpha = new double[times.length];
        double[] gamma = new double[times.length];
        for (int i = 0; i < times.length; i++) {
            alpha[i] = kept[(int) times[i]];
            gamma[i] = masked[(int) times[i]];
        }
        return new Level(
                Devices.send(Tensors.doubles(alpha), device, ScalarType.Double),
                Devices.send(Tensors.doubles(gamma), device, ScalarType.Double));
    }
}
