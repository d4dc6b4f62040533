package dev.smalti.draw;

/**
 * How a step looks ahead: its codes are drawn of p + λ(p - p'), cut at 0 and normalised, where p is the guess of now and p' that
 * of an earlier time, so that it stands for the guesses of the whole step.
 */
public sealed interface Extrapolation {
    /** Codes are drawn of the guess of now. */
    Extrapolation NONE = new None();

    /** Codes are drawn of the guess of now. */
    record None() implements Extrapolation {}

    /**
     * p' is the guess of the step before, so that no further call of the network is needed: as DPM-Solver++ 2M among solvers of
     * diffusion (Lu et al. 2022, arXiv:2211.01095). The first step is plain.
     *
     * @param lambda λ, above 0; half the length of a step over that of the last is of second order
     */
    record Multistep(double lambda) implements Extrapolation {
        /** @throws IllegalArgumentException if λ is not above 0 */
        public Multistep {
            if (!(lambda > 0) || Double.isInfinite(lambda)) {
                throw new IllegalArgumentException("extrapolate must be above 0, got " + lambda);
            }
        }
    }

    /**
     * The θ-trapezoidal method: a plain leap over a part θ of the step, and from there one with the guess of there extrapolated
     * from that of the start, with λ = 1/(2θ(1 - θ)) - 1. Two calls of the network a step. Ren et al. 2025, arXiv:2502.00234,
     * algorithm 2.
     *
     * @param theta θ, in (0, 1); 1/2 usually
     */
    record Trapezoidal(double theta) implements Extrapolation {
        /** @throws IllegalArgumentException if θ is no such number */
        public Trapezoidal {
            if (!(theta > 0 && theta < 1)) {
                throw new IllegalArgumentException("trapezoidal must be above 0 and below 1, got " + theta);
            }
        }
    }

    /**
     * Times before each step and after the last, with those in between.
     *
     * @param times descending
     */
    default double[] times(double[] times) {
        if (!(this instanceof Trapezoidal method)) {
            return times;
        }
        double[] all = new double[2 * times.length - 1];
        for (int i = 0; i < times.length - 1; i++) {
            all[2 * i] = times[i];
            all[2 * i + 1] = times[i] - method.theta() * (times[i] - times[i + 1]);
        }
        all[all.length - 1] = times[times.length - 1];
        return all;
    }

    /**
     * λ of a step between these times; 0 for a plain one.
     *
     * @param number 1..
     */
    default double lambda(int number) {
        if (this instanceof Multistep method) {
            return number == 1 ? 0 : method.lambda();
        }
        if (this instanceof Trapezoidal method) {
            double theta = method.theta();
            return number % 2 == 1 ? 0 : 1 / (2 * theta * (1 - theta)) - 1;
        }
        return 0;
    }
}
