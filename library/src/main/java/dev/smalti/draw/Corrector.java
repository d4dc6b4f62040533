package dev.smalti.draw;

/** What draws codes anew that have been drawn already, as a remedy for places that were drawn without knowing of each other. */
public sealed interface Corrector {
    /** Nothing. */
    Corrector NONE = new None();

    /** Nothing. */
    record None() implements Corrector {}

    /** When a draw is corrected. */
    enum When {
        /** After the last step. */
        END,
        /** After every step but the last. */
        BETWEEN
    }

    /**
     * Some places at random are drawn anew as the others say: where codes are replaced by noise, of α ℓ + (1 - α)/K with ℓ the
     * guess of the others alone (arXiv:2605.22765); where they are masked, they are masked again and revealed. With one
     * place at a time and the exact network the distribution stays.
     *
     * @param sweeps how often, a call of the network each; at least 1
     * @param places how many at once; at least 1
     */
    record Gibbs(int sweeps, int places, When when) implements Corrector {
        /** @throws IllegalArgumentException naming what is below 1 */
        public Gibbs {
            if (sweeps < 1 || places < 1) {
                throw new IllegalArgumentException((sweeps < 1 ? "sweeps" : "places")
                        + " of a corrector must be at least 1, got " + (sweeps < 1 ? sweeps : places));
            }
        }
    }

    /**
     * Each step draws of κ q(s | t) + (1 - κ) q(s | 0): partly as usual, partly of a guess that is lost anew.
     * arXiv:2602.21185.
     *
     * @param kappa κ, in [0, 1]; 1 changes nothing
     */
    record Psi(double kappa) implements Corrector {
        /** @throws IllegalArgumentException if κ is no share */
        public Psi {
            if (!(kappa >= 0 && kappa <= 1)) {
                throw new IllegalArgumentException("kappa must be in 0..1, got " + kappa);
            }
        }
    }

    /**
     * Each step masks tokens again with probability σ, of at most σ_max = min(1, (1 - α_s)/α_t), and reveals as many more. Wang et
     * al. 2025, arXiv:2503.00307.
     *
     * @param kind what σ is
     * @param eta η, in [0, 1]
     */
    record Remask(Kind kind, double eta) implements Corrector {
        /** What σ is. */
        public enum Kind {
            /** min(η, σ_max). */
            CAP,
            /** η σ_max. */
            RESCALE,
            /** Steps in the middle of the draw stay at one share of masked tokens, and cap σ at η there. */
            LOOP
        }

        /** @throws IllegalArgumentException if η is no share */
        public Remask {
            if (!(eta >= 0 && eta <= 1)) {
                throw new IllegalArgumentException("eta must be in 0..1, got " + eta);
            }
        }
    }
}
