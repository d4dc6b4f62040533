package dev.smalti.prior.maskgit;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.network.TransformerConfiguration;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.prior.PriorContract;
import dev.smalti.tensor.Seed;
import org.junit.jupiter.api.Test;

class MaskGitContractTest extends PriorContract {
    /** Without smoothing: what is learnt with it is no grid by heart. */
    @Override
    protected PriorConfiguration configuration() {
        return new MaskGitConfiguration(
                new TransformerConfiguration(2, 32, 4, null), null, null, null, 0.0, null, null, null, null);
    }

    @Override
    protected double learningRate() {
        return 3e-3;
    }

    @Override
    protected int stepsByHeart() {
        return 300;
    }

    @Override
    @Test
    protected void says_what_steps_cost_where_they_can_be_searched() {
        try (MaskGit prior = (MaskGit) build(CLASSES)) {
            assertThatThrownBy(() -> prior.stepCosts(null, new double[] {0, 1}, new Seed(1)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("can't be searched where the most confident tokens are revealed first");
        }
    }
}
