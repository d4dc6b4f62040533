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
        this(parameters, angles.cos(), angles.sin(), adjacent);
    }

    /** @param cos cos φ of each position and pair, [L, d/2]; {@code sin} likewise */
    private Rotary(Parameters parameters, Tensor cos, Tensor sin, boolean adjacent) {
        this.cos = Scope.keep(() -> parameters.table(cos.to(ScalarType.Float)));
        this.sin = Scope.keep(() -> parameters.table(sin.to(ScalarType.Float)));
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
        Tensor y = rows(parameters, height, width);
        Tensor x = columns(parameters, y, width);
        Tensor angles = torch.cat(new TensorVector(torch.outer(x, frequency), torch.outer(y, frequency)), 1);
        return new Rotary(parameters, angles, true);
    }

    /**
     * Position 0 is that of a class, whose queries and keys become 0; then row Y and column X of each cell, pairs (2j, 2j + 1), φ =
     * Y·10000^(-4j/d) for the first d/4 pairs and X·10000^(-4j/d) for the others. The released code of Sun et al. 2024,
     * arXiv:2406.06525.
     */
    public static Rotary afterClass(Parameters parameters, long height, long width, long channels) {
        Tensor frequency = frequencies(parameters, 10_000, channels / 4, channels / 2);
        Tensor y = rows(parameters, height, width);
        Tensor x = columns(parameters, y, width);
        Tensor angles = torch.cat(new TensorVector(torch.outer(y, frequency), torch.outer(x, frequency)), 1);
        Tensor nowhere = torch.zeros_like(angles.narrow(0, 0, 1)); // [1, d/2]
        return new Rotary(
                parameters,
                torch.cat(new TensorVector(nowhere, angles.cos())),
                torch.cat(new TensorVector(nowhere, angles.sin())),
                true);
    }

    /** Y of each cell, float64 [L] */
    private static Tensor rows(Parameters parameters, long height, long width) {
        return parameters.count(height * width).div(new Scalar((double) width)).floor();
    }

    /** X of each cell, float64 [L] */
    private static Tensor columns(Parameters parameters, Tensor rows, long width) {
        return parameters.count(rows.size(0)).sub(rows.mul(new Scalar((double) width)));
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
        return turn(x, cos, sin);
    }

    /** The same of n positions from {@code from} on. [..., n, d] -> the same */
    Tensor turn(Tensor x, long from) {
        return turn(x, cos.narrow(0, from, x.size(-2)), sin.narrow(0, from, x.size(-2)));
    }

    private Tensor turn(Tensor x, Tensor cos, Tensor sin) {
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
