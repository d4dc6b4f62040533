package dev.smalti.prior.process;

import dev.smalti.corruption.Absorbing;
import dev.smalti.distributed.WholeBatch;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.util.stream.DoubleStream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The bound on -ln p that every method of masked tokens shares: L·E_m[S_m / m] with m uniform in 1..L and exactly m
 * tokens masked, S_m the cross-entropy summed over them. It is the sum over t of E[S_t] / t of absorbing diffusion as T
 * grows (Bond-Taylor et al. 2022, eq. 6), the mean over all orders in which tokens may be drawn one by one, and of lower
 * variance than drawing t: the number of masked tokens is drawn without replacement over a batch.
 */
public final class MaskedBound {
    private MaskedBound() {}

    /** S_m of each grid. */
    @FunctionalInterface
    public interface Entropy {
        /**
         * @param lost bool [B, L]
         * @param share a share of masked tokens at which just these are masked: their number's own distribution of it,
         *     Beta(m, L - m + 1), of mean m / (L + 1), float64 [B] in (0, 1) on the CPU. For methods that know time
         * @return nats, [B]
         */
        Tensor sum(Tensor lost, Tensor share);
    }

    /** One estimate a grid, in nats, differentiable if the entropies are. [B] on {@code device} */
    public static Tensor negativeLogLikelihood(
            long batch, long length, Device device, Generator generator, Entropy entropy) {
        Tensor m = LowDiscrepancyTimes.times(generator, batch, length); // [B]
        Tensor u = WholeBatch.uniform(generator, batch, length);
        Tensor lost = Absorbing.exactly(m, u);
        Tensor share = u.masked_fill(lost.logical_not(), new Scalar(0.0)).amax(new long[] {1}, false); // m-th smallest
        Tensor nats = entropy.sum(Devices.send(lost, device, ScalarType.Bool), share);
        return nats.mul(Devices.send(
                m.reciprocal().mul(new Scalar((double) length)),
                device,
                nats.scalar_type().intern()));
    }

    /**
     * One estimate a grid of the bound in T steps, Σ_t E[S_t] / t over t = 1..T where each token is masked with probability
     * t / T, in nats (Bond-Taylor et al. 2022, equation 6). With L! / m! (L - m)! (t/T)^m (1 - t/T)^(L-m) / t = w_tm it is
     * Σ_m E_m[S_m] Σ_t w_tm: so m is drawn as above and weighs L Σ_t w_tm, which is L / m as T grows, and t is drawn with
     * probability w_tm / Σ_t w_tm for methods that know time.
     *
     * @param steps T
     * @param entropy is told the share (t - 1/2) / T
     * @return [B] on {@code device}
     */
    public static Tensor negativeLogLikelihoodInSteps(
            long batch, long length, int steps, Device device, Generator generator, Entropy entropy) {
        Tensor m = LowDiscrepancyTimes.times(generator, batch, length); // [B]
        Tensor lost = Absorbing.exactly(m, Tensors.uniform(generator, batch, length)); // [B, L]
        long[] masked = Tensors.toLongs(m);
        double[] u = Tensors.toDoubles(Tensors.uniform(generator, batch));
        double[] share = new double[masked.length];
        double[] weight = new double[masked.length];
        for (int i = 0; i < masked.length; i++) {
            double[] weights = weights(masked[i], length, steps); // w_tm for t = 1..T
            double all = DoubleStream.of(weights).sum();
            int t = 1;
            for (double rest = u[i] * all - weights[0]; rest >= 0 && t < steps; rest -= weights[t++]) {}
            share[i] = (t - 0.5) / steps;
            weight[i] = length * all;
        }
        Tensor nats = entropy.sum(Devices.send(lost, device, ScalarType.Bool), Tensors.doubles(share));
        return nats.mul(
                Devices.send(Tensors.doubles(weight), device, nats.scalar_type().intern()));
    }

    /** w_tm for t = 1..T. [T] */
    static double[] weights(long m, long length, int steps) {
        double choose = 0; // ln L! / m! (L - m)!
        for (long i = 1; i <= length - m; i++) {
            choose += Math.log((double) (m + i) / i);
        }
        double[] weights = new double[steps];
        for (int t = 1; t <= steps; t++) {
            double share = (double) t / steps;
            double kept = m == length ? 0 : (length - m) * Math.log1p(-share);
            weights[t - 1] = Math.exp(choose + m * Math.log(share) + kept) / t;
        }
        return weights;
    }

    /**
     * What steps of such a method cost, as {@code SearchableSteps.stepCosts}: of the tokens masked at share τ_i, all but
     * τ_j / τ_i are revealed at once, each given what was known before.
     *
     * @param codes int64 [B, L]
     */
    public static double[][] stepCosts(Tensor codes, double[] shares, Generator generator, Entropy entropy) {
        long batch = codes.size(0);
        long length = codes.size(1);
        double[][] costs = new double[shares.length][shares.length];
        for (int i = 1; i < shares.length; i++) {
            double share = shares[i];
            double nats = Scope.value(() -> {
                long m = Math.max(1, Math.round(share * length));
                Tensor lost = Absorbing.exactly(Tensors.filled(m, batch), Tensors.uniform(generator, batch, length));
                Tensor at =
                        torch.full(new long[] {batch}, new Scalar(share - 1e-9), Tensors.options(ScalarType.Double));
                double sum = entropy.sum(lost.to(codes.device(), ScalarType.Bool), at)
                        .mean()
                        .item_double();
                return sum * share * length / m;
            });
            for (int j = 0; j < i; j++) {
                costs[i][j] = nats * (share - shares[j]) / share;
            }
        }
        return costs;
    }
}
