package dev.smalti.draw;

import dev.smalti.network.Denoiser;
import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Classifier-free guidance: logits (1 + w) ℓ_c - w ℓ_u of one call with 2B rows, the second half without classes, or with the
 * class from which guidance leads away. Ho and Salimans 2022, arXiv:2207.12598, eq. 6.
 *
 * @param inner the network
 * @param against the label of the second half: no class, or one to lead away from
 * @param weight w; at 0 the second half is not computed
 */
public record Guidance(Denoiser inner, long against, double weight) implements Denoiser {
    @Override
    public Tensor logits(Tensor xt, Tensor time, Tensor label, Tensor at) {
        if (weight == 0) {
            return inner.logits(xt, time, label, at);
        }
        Tensor none = label.mul(new Scalar(0)).add(new Scalar(against));
        Tensor both = inner.logits(
                Tensors.cat(0, xt, xt),
                time == null ? null : Tensors.cat(0, time, time),
                Tensors.cat(0, label, none),
                at == null ? null : Tensors.cat(0, at, at.add(new Scalar(xt.size(0) * xt.size(1)))));
        long m = both.size(0) / 2;
        Tensor with = both.narrow(0, 0, m);
        Tensor without = both.narrow(0, m, m);
        return mix(with, without, weight);
    }

    @Override
    public Denoiser of(Tensor which) {
        Denoiser own = inner.of(which);
        return own == inner ? this : new Guidance(own, against, weight);
    }

    /**
     * (1 + w) ℓ_c - w ℓ_u, in float32 at least: bfloat16 has eight bits, and a difference of what is multiplied keeps fewer.
     *
     * @return float64 where one of them is, else float32
     */
    public static Tensor mix(Tensor with, Tensor without, double weight) {
        return wide(with).mul(new Scalar(1 + weight)).sub(wide(without).mul(new Scalar(weight)));
    }

    private static Tensor wide(Tensor logits) {
        return logits.scalar_type().intern() == ScalarType.Double ? logits : logits.to(ScalarType.Float);
    }
}
