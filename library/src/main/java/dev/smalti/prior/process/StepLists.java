package dev.smalti.prior.process;

import java.util.ArrayList;
import java.util.List;

/**
 * Lists of times that cost the least likelihood in so many steps, by dynamic programming over what steps cost. Watson et al.
 * 2021, arXiv:2106.03802, section 3; Bond-Taylor et al. 2022, arXiv:2111.12701, section 4.2.1, name it for absorbing diffusion.
 */
public final class StepLists {
    private final double[] shares;
    private final double[][] cost; // [k][i], of the way from share i to 0 in k steps
    private final int[][] next; // [k][i], where the best way in k steps leads from share i

    /**
     * @param costs of {@code SearchableSteps.stepCosts}
     * @param most steps of a list, at most one fewer than there are shares
     */
    public StepLists(double[][] costs, double[] shares, int most) {
        this.shares = shares;
        int n = shares.length;
        if (most < 1 || most >= n) {
            throw new IllegalArgumentException(
                    "steps must be 1 to " + (n - 1) + ", one fewer than there are shares, got " + most);
        }
        this.cost = new double[most + 1][n];
        this.next = new int[most + 1][n];
        for (int k = 1; k <= most; k++) {
            for (int i = 0; i < n; i++) {
                cost[k][i] = k == 1 && i > 0 ? costs[i][0] : Double.POSITIVE_INFINITY;
                for (int j = 1; j < i && k > 1; j++) {
                    double sum = costs[i][j] + cost[k - 1][j];
                    if (sum < cost[k][i]) {
                        cost[k][i] = sum;
                        next[k][i] = j;
                    }
                }
            }
        }
    }

    /**
     * The times of the best list, from 1 down.
     *
     * @throws IllegalArgumentException if no list of so many steps has a finite cost
     */
    public List<Double> best(int steps) {
        if (!(cost[steps][shares.length - 1] < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException(
                    "no list of " + steps + " steps has a finite cost: the model may have fewer"
                            + " steps, or give probabilities that are no numbers");
        }
        List<Double> times = new ArrayList<>();
        int at = shares.length - 1;
        for (int k = steps; k >= 1; k--) {
            times.add(shares[at]);
            at = next[k][at];
        }
        return times;
    }

    /** Times as equal as the shares allow. */
    public List<Double> equal(int steps) {
        List<Double> times = new ArrayList<>();
        int last = shares.length - 1;
        for (int k = steps; k >= 1; k--) {
            times.add(shares[last * k / steps]);
        }
        return times;
    }
}
