package dev.smalti.prior.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class StepListsTest {
    private static final double[] SHARES = {0, 0.2, 0.4, 0.6, 0.8, 1};

    @Test
    void the_best_list_costs_no_more_than_any_other() {
        Random random = new Random(3);
        double[][] costs = new double[6][6];
        for (int i = 1; i < 6; i++) {
            for (int j = 0; j < i; j++) {
                costs[i][j] = (i - j) * (i - j) * random.nextDouble();
            }
        }
        StepLists lists = new StepLists(costs, SHARES, 5);
        double least = Double.POSITIVE_INFINITY;
        for (int a = 4; a > 1; a--) {
            for (int b = a - 1; b > 0; b--) {
                least = Math.min(least, costs[5][a] + costs[a][b] + costs[b][0]);
            }
        }
        List<Double> best = lists.best(3);
        int a = (int) Math.round(best.get(1) * 5);
        int b = (int) Math.round(best.get(2) * 5);
        assertThat(best).hasSize(3).startsWith(1.0);
        assertThat(costs[5][a] + costs[a][b] + costs[b][0]).isCloseTo(least, within(1e-12));
        assertThat(lists.best(1)).containsExactly(1.0);
        assertThat(lists.best(5)).containsExactly(1.0, 0.8, 0.6, 0.4, 0.2);
        assertThat(lists.equal(2)).containsExactly(1.0, 0.4);
        assertThatThrownBy(() -> new StepLists(costs, SHARES, 6)).hasMessageContaining("steps must be 1 to 5");
    }
}
