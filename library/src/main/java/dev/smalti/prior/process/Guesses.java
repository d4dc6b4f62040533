package dev.smalti.prior.process;

import dev.smalti.draw.Extrapolation;
import dev.smalti.prior.process.GridDraw.Step;
import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** What the network guesses in a step, extrapolated from its guesses of the step before. {@link Extrapolation}. */
final class Guesses {
    private final GridDraw draw;
    private final boolean none;
    private final double lambda;
    private final Tensor before; // float32 [B·L, K]; null in the first step
    private Tensor now; // the same

    Guesses(GridDraw draw, Step step) {
        this.draw = draw;
        Extrapolation extrapolation = draw.sampling().extrapolation();
        this.none = extrapolation.equals(Extrapolation.NONE);
        this.lambda = extrapolation.lambda(step.number());
        this.before = draw.memory();
    }

    /**
     * The guesses of some places.
     *
     * @param logits of the network [M, K]
     * @return logits [M, K]; -∞ where the extrapolation leaves nothing
     */
    Tensor of(ActivePositions at, Tensor logits) {
        if (none) {
            return logits;
        }
        Tensor p = torch.softmax(logits.to(ScalarType.Float), 1);
        if (now == null) {
            now = torch.zeros(
                    new long[] {draw.grids() * draw.length(), p.size(1)},
                    Tensors.options(ScalarType.Float, p.device()));
        }
        now.index_copy_(0, at.at(), p);
        if (lambda == 0 || before == null) {
            return logits;
        }
        Tensor change = p.sub(before.index_select(0, at.at()));
        return p.add(change.mul(new Scalar(lambda))).clamp_min(new Scalar(0.0)).log();
    }

    /** Keeps them for the next step. */
    void keep() {
        if (!none) {
            draw.memory(now);
        }
    }
}
