package dev.smalti.testing;

import dev.smalti.token.TokenSpace;
import java.util.Arrays;

/**
 * A distribution of token grids so small that all of them can be counted: each grid is a state with a number, its codes read row by
 * row as the digits of base K.
 */
public final class Joint {
    /** {@code numpy.random.default_rng(1).normal(size=18)}, from which {@link #potts} takes its fields. */
    private static final double[] NORMAL = {
        0.345584192064786,
        0.8216181435011584,
        0.33043707618338714,
        -1.303157231604361,
        0.9053558666731177,
        0.4463745723640113,
        -0.5369532353602852,
        0.5811181041963531,
        0.36457239618607573,
        0.294132496655526,
        0.02842224131579679,
        0.5467129866124469,
        -0.7364540870016669,
        -0.16290994799305278,
        -0.48211931267997826,
        0.5988462126346276,
        0.03972210748165899,
        -0.2924567509650886
    };

    private final TokenSpace space;
    private final double[] probability;

    /**
     * @param space K, h and w, with one code at each place
     * @param weights of all states, at least 0, to be divided by their sum
     */
    public Joint(TokenSpace space, double[] weights) {
        double states = Math.pow(space.codes(), space.size());
        if (weights.length != states) {
            throw new IllegalArgumentException(
                    "weights must be of all " + (long) states + " states, got " + weights.length);
        }
        double sum = Arrays.stream(weights).sum();
        this.space = space;
        this.probability = Arrays.stream(weights).map(weight -> weight / sum).toArray();
    }

    /**
     * Potts's model on a grid of 2×3: neighbours like to be of one code, p(x) ∝ exp(Σ_i f_i(x_i) + 1.2 · #{i ~ j: x_i = x_j}) with
     * fields f of deviation 0.4.
     *
     * @param codes 2 or 3
     */
    public static Joint potts(int codes) {
        TokenSpace space = new TokenSpace(codes, 2, 3);
        double[] weights = new double[(int) Math.pow(codes, 6)];
        for (int state = 0; state < weights.length; state++) {
            int[] x = codes(state, codes, 6);
            double energy = 0;
            for (int place = 0; place < 6; place++) {
                energy += 0.4 * NORMAL[place * codes + x[place]];
                energy += place % 3 < 2 && x[place] == x[place + 1] ? 1.2 : 0;
                energy += place < 3 && x[place] == x[place + 3] ? 1.2 : 0;
            }
            weights[state] = Math.exp(energy);
        }
        return new Joint(space, weights);
    }

    /** K, h and w */
    public TokenSpace space() {
        return space;
    }

    /** K */
    public int codes() {
        return space.codes();
    }

    /** L */
    public int length() {
        return (int) space.length();
    }

    /** How many grids there are, K^L. */
    public int states() {
        return probability.length;
    }

    /** p(state) */
    public double probability(int state) {
        return probability[state];
    }

    /** p of all states, [K^L] */
    public double[] probabilities() {
        return probability.clone();
    }

    /** The codes of a state, [L]. */
    public int[] codes(int state) {
        return codes(state, codes(), length());
    }

    private static int[] codes(int state, int base, int length) {
        int[] codes = new int[length];
        int rest = state;
        for (int place = length - 1; place >= 0; place--) {
            codes[place] = rest % base;
            rest /= base;
        }
        return codes;
    }

    /**
     * Half the sum of |q - p| over states: 0 for the joint itself, 1 for what never happens in it.
     *
     * @param law q of all states, [K^L]
     */
    public double totalVariation(double[] law) {
        double distance = 0;
        for (int state = 0; state < probability.length; state++) {
            distance += Math.abs(law[state] - probability[state]);
        }
        return distance / 2;
    }

    /** The law of independent tokens with the marginal distributions of this one, [K^L]. */
    public double[] independent() {
        double[][] marginal = new double[length()][codes()];
        for (int state = 0; state < probability.length; state++) {
            int[] x = codes(state);
            for (int place = 0; place < x.length; place++) {
                marginal[place][x[place]] += probability[state];
            }
        }
        double[] law = new double[probability.length];
        for (int state = 0; state < law.length; state++) {
            int[] x = codes(state);
            law[state] = 1;
            for (int place = 0; place < x.length; place++) {
                law[state] *= marginal[place][x[place]];
            }
        }
        return law;
    }
}
