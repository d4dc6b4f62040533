package dev.smalti.prior;

import dev.smalti.distributed.WholeBatch;
import dev.smalti.network.Loss;
import dev.smalti.network.Objective;
import dev.smalti.network.Parameters;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Seed;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The one objective of a prior: the classes of some grids are hidden, so that the network also learns the distribution
 * without classes, and the method gives its loss of the rest.
 *
 * @param core of the prior
 * @param labelDropping share of grids whose class is hidden, [0, 1]
 */
public record PriorObjective(PriorCore core, double labelDropping, BatchMethod method)
        implements Objective<TokenBatch> {
    /** Of a method that needs no more than codes and classes. */
    public PriorObjective(PriorCore core, double labelDropping, Method method) {
        this(core, labelDropping, (batch, generator) -> method.loss(batch.codes(), batch.labels(), generator));
    }

    /** The loss that a method adds, of all that a batch has. */
    @FunctionalInterface
    public interface BatchMethod {
        /**
         * @param batch with the number of classes as label where hidden
         * @param generator of the loss's random numbers, on the CPU
         */
        Loss loss(TokenBatch batch, Generator generator);
    }

    /** The loss that a method adds. */
    @FunctionalInterface
    public interface Method {
        /**
         * @param x0 int64 [B, L]
         * @param label int64 [B], the number of classes where hidden; null for an unconditional prior
         * @param generator of the loss's random numbers, on the CPU
         */
        Loss loss(Tensor x0, Tensor label, Generator generator);
    }

    @Override
    public String name() {
        return "prior";
    }

    @Override
    public Parameters parameters() {
        return core.parameters();
    }

    @Override
    public Loss loss(TokenBatch batch, long step, Seed seed) {
        Tensor label = null;
        int classes = core.classes();
        if (classes > 0) {
            Tensor hidden = WholeBatch.uniform(
                            seed.child("labels").generator(), batch.labels().size(0))
                    .lt(new Scalar(labelDropping));
            label = batch.labels()
                    .masked_fill(
                            Devices.send(hidden, batch.labels().device(), ScalarType.Bool), new Scalar((long) classes));
        }
        return method.loss(new TokenBatch(batch.codes(), label, batch.noiseSeeds()), seed.generator());
    }
}
