package dev.smalti.draw;

import java.util.Locale;

/** What draws codes anew that have been drawn already, as a remedy for places that were drawn without knowing of each other. */
public sealed interface Corrector {
    /** Nothing. */
    Corrector NONE = new None();

    /** A corrector by name, for command lines and plans. */
    enum Kind {
        /** {@link Gibbs}. */
        GIBBS,
        /** {@link Psi}. */
        PSI,
        /** {@link Remask} by {@link Remask.Kind#CAP}. */
        REMASK_CAP,
        /** {@link Remask} by {@link Remask.Kind#RESCALE}. */
        REMASK_RESCALE,
        /** {@link Remask} by {@link Remask.Kind#LOOP}. */
        REMASK_LOOP;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }
    }

    /**
     * One by name; of the others that belong to it some may be null, for 1, {@link When#END}, κ of 0.9 and η of 0.02.
     *
     * @throws IllegalArgumentException naming what belongs to another corrector, or is out of range
     */
    static Corrector of(Kind kind, Integer sweeps, Integer places, When when, Double kappa, Double eta) {
        String name = kind == null ? "none" : kind.toString();
        boolean gibbs = kind == Kind.GIBBS;
        boolean psi = kind == Kind.PSI;
        alien(name, "sweeps", gibbs ? null : sweeps, "gibbs");
        alien(name, "places", gibbs ? null : places, "gibbs");
        alien(name, "when", gibbs ? null : when, "gibbs");
        alien(name, "kappa", psi ? null : kappa, "psi");
        alien(name, "eta", gibbs || psi || kind == null ? eta : null, "remask-cap, remask-rescale and remask-loop");
        if (kind == null) {
            return NONE;
        }
        double remasked = eta == null ? 0.02 : eta;
        return switch (kind) {
            case GIBBS ->
                new Gibbs(sweeps == null ? 1 : sweeps, places == null ? 1 : places, when == null ? When.END : when);
            case PSI -> new Psi(kappa == null ? 0.9 : kappa);
            case REMASK_CAP -> new Remask(Remask.Kind.CAP, remasked);
            case REMASK_RESCALE -> new Remask(Remask.Kind.RESCALE, remasked);
            case REMASK_LOOP -> new Remask(Remask.Kind.LOOP, remasked);
        };
    }

    private static void alien(String kind, String key, Object value, String owner) {
        if (value != null) {
            throw new IllegalArgumentException(key + " of a corrector belongs to " + owner
                    + " and must be left out for " + kind + ", got " + value);
        }
    }

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
     * @param kappa κ, in [0, 1]; 1 draws anew nothing
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
            /** Steps in the middle of the draw stay at one share of masked tokens, and cap σ at η there. These are steps of its own: of those
             * that were wished the number alone counts, and there are three at least. */
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
