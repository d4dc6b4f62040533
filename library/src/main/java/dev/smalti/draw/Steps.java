package dev.smalti.draw;

import java.util.List;

/** In how many steps a grid is drawn, or at which shares of noise each of them begins. */
public sealed interface Steps {
    /** As many as the method usually takes. */
    Steps USUAL = new Usual();

    /** As many as the method usually takes. */
    record Usual() implements Steps {}

    /**
     * Steps of one length.
     *
     * @param count T', at least 1
     */
    record Equal(int count) implements Steps {
        /** @throws IllegalArgumentException if there is none */
        public Equal {
            if (count < 1) {
                throw new IllegalArgumentException(
                        "steps must be at least 1 (or 0 for the usual number), got " + count);
            }
        }
    }

    /**
     * Steps that begin at shares of noise of their own, as {@link dev.smalti.prior.process.StepLists} finds them.
     *
     * @param times the share of the noise before each step, from 1 down, above 0 and falling
     */
    record Listed(List<Double> times) implements Steps {
        /** @throws IllegalArgumentException if the times do not begin with 1, or do not fall */
        public Listed {
            times = List.copyOf(times);
            double before = Double.POSITIVE_INFINITY;
            for (double time : times) {
                if (!(time > 0 && time < before)) {
                    throw new IllegalArgumentException("times must be above 0 and fall, got " + times);
                }
                before = time;
            }
            if (times.isEmpty() || times.get(0) != 1) {
                throw new IllegalArgumentException("times must begin with 1, got " + times);
            }
        }
    }

    /**
     * As many as the method usually takes, but no more than so many of one length where it can draw in fewer.
     *
     * @param most at least 1
     */
    record AtMost(int most) implements Steps {
        /** @throws IllegalArgumentException if there is none */
        public AtMost {
            if (most < 1) {
                throw new IllegalArgumentException("steps must be at least 1, got " + most);
            }
        }
    }

    /** So many of one length; the usual number for 0. */
    static Steps of(int count) {
        return count == 0 ? USUAL : new Equal(count);
    }

    /** T' where a number is asked for; 0 for the usual number or the most of it. */
    default int count() {
        if (this instanceof Equal equal) {
            return equal.count();
        }
        return this instanceof Listed listed ? listed.times().size() : 0;
    }

    /**
     * How many there are.
     *
     * @param usual of a method that can draw in fewer
     */
    default int number(int usual) {
        if (this instanceof AtMost few) {
            return Math.min(usual, few.most());
        }
        return count() == 0 ? usual : count();
    }

    /**
     * The share of the noise before each step and after the last one.
     *
     * @param usual the steps of a method where none are wished, at least 1
     * @return descending from 1 to 0; one more than there are steps
     */
    default double[] shares(int usual) {
        int count = number(usual);
        double[] shares = new double[count + 1];
        for (int i = 0; i < count; i++) {
            shares[i] = this instanceof Listed listed ? listed.times().get(i) : (double) (count - i) / count;
        }
        return shares;
    }
}
