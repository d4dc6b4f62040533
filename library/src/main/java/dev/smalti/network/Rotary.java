package dev.smalti.network;

import dev.smalti.tensor.Scope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Positions as rotations of queries and keys, so that their products know only how far two tokens are apart. Pairs of
 * channels (a, b) become (a cos φ - b sin φ, a sin φ + b cos φ). Letters: d channels of a head.
 */
public final class Rotary {
    private final Tensor cos;
    private final Tensor sin;
    private final boolean adjacent;

    /** @param angles φ of each position and pair, [L, d/2] */
    private Rotary(Parameters parameters, Tensor angles, boolean adjacent) {
        this.cos = Scope.keep(() -> parameters.table(angles.cos().to(ScalarType.Float)));
        this.sin = Scope.keep(() -> parameters.table(angles.sin().to(ScalarType.Float)));
        this.adjacent = adjacent;
    }

    /** Position p in raster order, pairs (j, j + d/2), φ = p·10000^(-2j/d). Su et al. 2021, arXiv:2104.09864. */
    public static Rotary line(Parameters parameters, long length, long channels) {
        Tensor frequency = frequencies(parameters, 10_000, channels / 2, channels);
        return new Rotary(parameters, torch.outer(parameters.count(length), frequency), false);
    }

    /**
     * Column X and row Y, pairs (2j, 2j + 1), φ = X·100^(-4j/d) for the first d/4 pairs and Y·100^(-4j/d) for the
     * others. Heo et al. 2024, arXiv:2403.13298, eq. 12.
     */
    public static Rotary grid(Parameters parameters, long height, long width, long channels) {
        Tensor frequency = frequencies(parameters, 100, channels / 4, channels / 2);
        Tensor p = parameters.count(height * width);
        Tensor y = p.div(new Scalar((double) width)).floor();
        Tensor x = p.sub(y.mul(new Scalar((double) width)));
        Tensor angles = torch.cat(new TensorVector(torch.outer(x, frequency), torch.outer(y, frequency)), 1);
        return new Rotary(parameters, angles, true);
    }

    /** Of each position and pair. [L, d/2] */
    public Tensor cos() {
        return cos;
    }

    /** Of each position and pair. [L, d/2] */
    public Tensor sin() {
        return sin;
    }

    /** base^(-2j/n), j = 0..count-1. float64 */
    private static Tensor frequencies(Parameters parameters, double base, long count, long n) {
        return parameters
                .count(count)
                .mul(new Scalar(-2.0 / n * Math.log(base)))
                .exp();
    }

    /** [..., L, d] -> the same */
    public Tensor turn(Tensor x) {
        long half = x.size(-1) / 2;
        int pair = adjacent ? -1 : -2; // the dimension of a and b once channels are in pairs
        Tensor pairs = adjacent ? x.unflatten(-1, half, 2) : x.unflatten(-1, 2, half);
        Tensor a = pairs.select(pair, 0);
        Tensor b = pairs.select(pair, 1); // [..., L, d/2]
        Tensor turned = torch.stack(
                new TensorVector(a.mul(cos).sub(b.mul(sin)), a.mul(sin).add(b.mul(cos))), pair);
        return turned.flatten(-2, -1);
    }
}
