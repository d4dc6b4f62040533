package dev.smalti.prior.process;

import dev.smalti.distributed.WholeBatch;
import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The uniform numbers that say which tokens of a grid are lost, drawn so that little noise is not wasted. Where tokens are
 * lost with a small probability p, most grids keep them all, and the few that don't weigh as much as 1/p. So in half of the
 * grids, at random, one token is lost for sure; a weight makes up for it. With m the number of lost tokens of L, a grid is
 * then drawn (1 + m / (L p)) / 2 times as often, which the weight, at most 2, is the reciprocal of: means stay what they were.
 *
 * @param u float64 [B, L] in [0, 1); a token is lost where u is below p
 * @param weight float64 [B]
 */
public record ImportanceMasking(Tensor u, Tensor weight) {
    /**
     * @param p the probability that a token is lost, above 0, float64 [B] on the CPU
     * @param length L
     */
    public static ImportanceMasking draw(Generator generator, Tensor p, long length) {
        long batch = p.size(0);
        Tensor share = p.unsqueeze(1); // [B, 1]
        Tensor surely = WholeBatch.uniform(generator, batch, 1).lt(new Scalar(0.5));
        Tensor which = WholeBatch.uniform(generator, batch, 1)
                .mul(new Scalar((double) length))
                .to(ScalarType.Long);
        Tensor place = torch.arange(new Scalar(length), Tensors.options(ScalarType.Long)); // [L]
        Tensor u = WholeBatch.uniform(generator, batch, length);
        u = torch.where(place.eq(which).logical_and(surely), u.mul(share), u);
        Tensor lost = u.lt(share).sum(new long[] {1}, false, new ScalarTypeOptional(ScalarType.Double)); // m
        Tensor often = lost.div(p.mul(new Scalar((double) length))).add(new Scalar(1.0));
        return new ImportanceMasking(u, often.reciprocal().mul(new Scalar(2.0)));
    }
}
