package dev.smalti.prior.process;

import dev.smalti.draw.Extrapolation;
import dev.smalti.prior.process.GridDraw.Step;
import dev.smalti.tensor.Tensors;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** What the network guesses in a step, extrapolated from its guesses of the step before. {@link Extrapolation}. */
public final class Guesses {
    private final GridDraw draw;
    private final boolean none;
    private final double lambda;
    private final boolean last; // of which the next step makes nothing
    private final Tensor before; // float32 [B·L, K]; null in the first step
    private final Tensor now; // the same

    /** Those of a step of a draw, which are its memory. */
    public Guesses(GridDraw draw, Step step) {
        this.draw = draw;
        Extrapolation extrapolation = draw.sampling().extrapolation();
        this.none = extrapolation.equals(Extrapolation.NONE);
        this.lambda = extrapolation.lambda(step.number());
        this.last = extrapolation.lambda(step.number() + 1) == 0;
        this.before = draw.memory();
        this.now = none
                ? null
                : torch.zeros( // before the places come in parts, whose scopes would free it
                        new long[] {draw.grids() * draw.length(), draw.space().codes()},
                        Tensors.options(ScalarType.Float, draw.device()));
    }

    /** Whether they are as the network gives them. */
    public boolean plain() {
        return none;
    }

    /**
     * The guesses of some places.
     *
     * @param logits of the network [M, K]
     * @return logits [M, K]; -∞ where the extrapolation leaves nothing
     */
    public Tensor of(ActivePositions at, Tensor logits) {
        return of(at, logits, same -> same);
    }

    /**
     * The same of guesses that are made of the logits first, where there is an extrapolation at all.
     *
     * @param alone what is extrapolated, of the logits of the network [M, K]
     */
    public Tensor of(ActivePositions at, Tensor given, UnaryOperator<Tensor> alone) {
        if (none) {
            return given;
        }
        Tensor logits = alone.apply(given);
        Tensor p = torch.softmax(logits.to(ScalarType.Float), 1);
        now.index_copy_(0, at.at(), p);
        if (lambda == 0 || before == null) {
            return logits;
        }
        Tensor change = p.sub(before.index_select(0, at.at()));
        return p.add(change.mul(new Scalar(lambda))).clamp_min(new Scalar(0.0)).log();
    }

    /** Keeps them for the next step, if it goes on from them. */
    public void keep() {
        if (!none) {
            draw.memory(last ? null : now);
        }
    }
}
