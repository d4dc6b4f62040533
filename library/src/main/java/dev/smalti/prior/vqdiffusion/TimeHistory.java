package dev.smalti.prior.vqdiffusion;

import dev.smalti.distributed.WholeBatch;
import dev.smalti.network.Parameters;
import dev.smalti.tensor.Tensors;
import java.util.Arrays;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/**
 * How large the loss was at each time, and times drawn in proportion to it, so that the bound is estimated with less
 * variance. Nichol and Dhariwal 2021, arXiv:2102.09672, section 3.3, as VQ-Diffusion's code: h_t is a moving average of
 * the squared loss in nats of a grid, and p(t) ∝ √h_t + 0.0001, with h_2 in place of h_1. Until each time was seen more
 * than ten times, all are alike.
 *
 * <p>Two buffers, so that checkpoints keep it: {@code Lt_history} and {@code Lt_count}, [T].
 */
final class TimeHistory {
    private static final double DECAY = 0.9;
    private static final double ENOUGH = 10;

    private final Tensor history;
    private final Tensor count;

    /** Registers the buffers in {@code parameters}. */
    TimeHistory(Parameters parameters, int steps) {
        this.history = parameters.buffer("Lt_history", steps);
        this.count = parameters.buffer("Lt_count", steps);
    }

    /** p(t) of t = 1..T; float64 [T] on the CPU. */
    Tensor probabilities() {
        double[] p = Tensors.toDoubles(history);
        if (!Arrays.stream(Tensors.toDoubles(count)).allMatch(times -> times > ENOUGH)) {
            Arrays.fill(p, 1);
            return normalised(p);
        }
        for (int i = 0; i < p.length; i++) {
            p[i] = Math.sqrt(p[i] + 1e-10) + 1e-4;
        }
        p[0] = p[1]; // the decoder's term is of another kind
        return normalised(p);
    }

    private static Tensor normalised(double[] p) {
        Tensor all = Tensors.doubles(p);
        return all.div(all.sum());
    }

    /** int64 [B], 1..T */
    static Tensor draw(Tensor probabilities, long batch, Generator generator) {
        return WholeBatch.own(batch, all -> probabilities
                .multinomial(all, true, new GeneratorOptional(generator))
                .add(new Scalar(1L)));
    }

    /**
     * Takes note of losses: h_t becomes 0.9 h_t + 0.1 times the square of the loss at that time, the last one where a
     * batch has several, as released.
     *
     * @param t int64 [B]
     * @param nats of a grid, [B]
     */
    void record(Tensor t, Tensor nats) {
        long[] times = Tensors.toLongs(WholeBatch.all(t));
        double[] losses = Tensors.toDoubles(WholeBatch.all(nats));
        double[] before = Tensors.toDoubles(history);
        double[] after = before.clone();
        double[] seen = Tensors.toDoubles(count);
        for (int i = 0; i < times.length; i++) {
            int at = (int) times[i] - 1;
            after[at] = DECAY * before[at] + (1 - DECAY) * losses[i] * losses[i];
            seen[at]++;
        }
        try (NoGradGuard guard = new NoGradGuard()) {
            history.copy_(Tensors.doubles(after));
            count.copy_(Tensors.doubles(seen));
        }
    }
}
