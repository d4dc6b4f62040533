package dev.smalti.network;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * What enters a network at each position: a learnt vector of the token there or, where the method brings vectors of its
 * own, a linear map of those. int64 [B, L] or floats [B, L, E] -> [B, L, D]
 */
final class Embedding {
    private final Tensor table;
    private final Linear linear;

    /**
     * @param name of the table
     * @param deviation of the table's normal distribution; the linear map starts so that vectors of unit variance come out
     *     as large
     */
    Embedding(Parameters parameters, String name, double deviation, NetworkShape shape, long width) {
        long vectors = shape.vectors();
        table = vectors > 0 ? null : parameters.normal(name, deviation, shape.inputs(), width);
        linear = vectors > 0 ? new Linear(parameters, vectors, width, true, deviation / Math.sqrt(vectors)) : null;
    }

    Tensor forward(Tensor xt) {
        return table == null ? linear.forward(xt.to(ScalarType.Float)) : torch.embedding(table, xt);
    }
}
