package dev.smalti.testing;

import dev.smalti.corruption.Schedule;
import dev.smalti.network.Denoiser;
import dev.smalti.network.NetworkConfiguration;
import dev.smalti.network.NetworkShape;
import dev.smalti.network.Parameters;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Tensors;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.DoubleFunction;
import org.bytedeco.pytorch.Tensor;

/**
 * The network that has nothing left to learn: it gives ln p(x_0 | the other tokens of x_t) at each place, by summing a {@link Joint}
 * over all grids that may have become x_t. So what is between the draws of a prior that is built with it and the joint is the
 * sampler's doing alone.
 *
 * <p>What a token's own place tells is left out. For a mask that is nothing, and the guess is p(x_0 | x_t) itself; of tokens that
 * were replaced it is the guess of {@link dev.smalti.corruption.Posterior#CONTEXT} and of SEDD's {@code parametrisation: exact}.
 *
 * <p>Logits are float64 and looked up by the number of the state, so that equal grids have equal rows, bit by bit. Its priors have no
 * classes.
 */
public final class ExactPosterior implements NetworkConfiguration {
    private final Joint joint;
    private final DoubleFunction<Level> levels;
    private final boolean ratios;
    private final Map<Double, double[][]> tables = new ConcurrentHashMap<>();

    /**
     * What has become of a token: it is kept, masked, or one of the K codes at random.
     *
     * @param kept the share kept
     * @param masked the share masked
     */
    private record Level(double kept, double masked) {
        /** ln p doesn't depend on how many are masked, if none is replaced. */
        static final Level MASKS = new Level(0.5, 0.5);
    }

    private ExactPosterior(Joint joint, DoubleFunction<Level> levels, boolean ratios) {
        this.joint = joint;
        this.levels = levels;
        this.ratios = ratios;
    }

    /** For methods that mask tokens and replace none, whatever time they tell. */
    public static ExactPosterior ofMasks(Joint joint) {
        return new ExactPosterior(joint, time -> Level.MASKS, false);
    }

    /** For a chain of T steps, which tells t - 1 of t = 1..T. */
    public static ExactPosterior ofChain(Joint joint, Schedule schedule) {
        return new ExactPosterior(
                joint,
                time -> {
                    var level = schedule.at(Tensors.longs(Math.round(time) + 1), Devices.cpu());
                    return new Level(level.kept().item_double(), level.masked().item_double());
                },
                false);
    }

    /** For SEDD with {@code transitions: uniform}, which tells the noise σ: e^-σ of the tokens are kept, the others replaced. */
    public static ExactPosterior ofNoise(Joint joint) {
        return new ExactPosterior(joint, sigma -> new Level(Math.exp(-sigma), 0), false);
    }

    /**
     * The same with {@code parametrisation: score}: what it gives is ln p_t(x with y at the place) - ln p_t(x), the ratios of noisy
     * grids, and not a guess of clean tokens.
     */
    public static ExactPosterior ofRatios(Joint joint) {
        return new ExactPosterior(joint, sigma -> new Level(Math.exp(-sigma), 0), true);
    }

    @Override
    public Denoiser build(Parameters parameters, NetworkShape shape) {
        return (xt, time, label, at) -> logits(xt, time, at, (int) shape.outputs());
    }

    /** -∞ for outputs beyond the codes. [B, L], [B] or null, [M] or null -> float64 [M, outputs] */
    private Tensor logits(Tensor xt, Tensor time, Tensor at, int outputs) {
        int codes = joint.codes();
        int length = joint.length();
        long[] tokens = Tensors.toLongs(xt);
        double[] times = time == null ? new double[tokens.length / length] : Tensors.toDoubles(time);
        long[] places = at == null ? range(tokens.length) : Tensors.toLongs(at);
        double[] logits = new double[places.length * outputs];
        Arrays.fill(logits, Double.NEGATIVE_INFINITY);
        double told = Double.NaN;
        double[][] table = null;
        for (int row = 0; row < places.length; row++) {
            int grid = (int) (places[row] / length);
            if (times[grid] != told) {
                told = times[grid];
                table = tables.computeIfAbsent(told, this::table);
            }
            int place = (int) (places[row] % length);
            int others = 0; // the number of the state of the other places
            for (int each = 0; each < length; each++) {
                if (each != place) {
                    others = others * (codes + 1) + (int) tokens[grid * length + each];
                }
            }
            double own = ratios ? table[place][others * codes + (int) tokens[(int) places[row]]] : 0;
            for (int code = 0; code < codes; code++) {
                logits[row * outputs + code] = table[place][others * codes + code] - own;
            }
        }
        return Tensors.doubles(logits).view(-1, outputs);
    }

    private static long[] range(int length) {
        long[] range = new long[length];
        Arrays.setAll(range, i -> i);
        return range;
    }

    /** ln p(x_0 | the others) of each place, or of x_t, by the states of the others and the code. [L][(K + 1)^(L-1) · K] */
    private double[][] table(double time) {
        Level level = levels.apply(time);
        double[][] table = new double[joint.length()][];
        for (int place = 0; place < table.length; place++) {
            double[] clean = logShares(others(level, place), joint.codes());
            table[place] = ratios ? noisy(clean, level, joint.codes()) : clean;
        }
        return table;
    }

    /** ln of ᾱ p + (1 - ᾱ) / K, the codes at a level of what has probabilities p. */
    private static double[] noisy(double[] logP, Level level, int codes) {
        double any = (1 - level.kept()) / codes;
        return Arrays.stream(logP)
                .map(each -> Math.log(level.kept() * Math.exp(each) + any))
                .toArray();
    }

    /** Σ of p(x_0) Π_j q(x_t,j | x_0,j) over the clean codes of all places j but one, whose code comes last. */
    private double[] others(Level level, int place) {
        int codes = joint.codes();
        double any = (1 - level.kept() - level.masked()) / codes; // 0 but for rounding where none is replaced
        double[] sums = joint.probabilities();
        // the first axis is taken and put last, L times: so the places come round in their order
        for (int axis = 0; axis < joint.length(); axis++) {
            sums = axis == place ? turned(sums, codes) : lost(sums, codes, level, Math.max(0, any));
        }
        int before = (int) Math.pow(codes + 1, place);
        int after = sums.length / codes / before;
        double[] last = new double[sums.length];
        for (int i = 0; i < before; i++) {
            for (int code = 0; code < codes; code++) {
                for (int j = 0; j < after; j++) {
                    last[(i * after + j) * codes + code] = sums[(i * codes + code) * after + j];
                }
            }
        }
        return last;
    }

    /** [K, n] -> [n, K] */
    private static double[] turned(double[] sums, int codes) {
        int rest = sums.length / codes;
        double[] turned = new double[sums.length];
        for (int code = 0; code < codes; code++) {
            for (int i = 0; i < rest; i++) {
                turned[i * codes + code] = sums[code * rest + i];
            }
        }
        return turned;
    }

    /** The clean codes of a place become what they may have become. [K, n] -> [n, K + 1] */
    private static double[] lost(double[] sums, int codes, Level level, double any) {
        int rest = sums.length / codes;
        double[] lost = new double[rest * (codes + 1)];
        for (int i = 0; i < rest; i++) {
            double all = 0;
            for (int code = 0; code < codes; code++) {
                all += sums[code * rest + i];
            }
            for (int code = 0; code < codes; code++) {
                lost[i * (codes + 1) + code] = level.kept() * sums[code * rest + i] + any * all;
            }
            lost[i * (codes + 1) + codes] = level.masked() * all;
        }
        return lost;
    }

    /** ln of each K numbers as shares of their sum; all alike where there is none, since no grid has become such others. */
    private static double[] logShares(double[] sums, int codes) {
        double[] shares = new double[sums.length];
        for (int from = 0; from < sums.length; from += codes) {
            double all = 0;
            for (int code = 0; code < codes; code++) {
                all += sums[from + code];
            }
            for (int code = 0; code < codes; code++) {
                shares[from + code] = all == 0 ? -Math.log(codes) : Math.log(sums[from + code] / all);
            }
        }
        return shares;
    }
}
