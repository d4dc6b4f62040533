package dev.smalti.prior.process;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.network.TransformerConfiguration;
import dev.smalti.prior.MaskedPrior;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.prior.TokenBatch;
import dev.smalti.prior.absorbing.AbsorbingConfiguration;
import dev.smalti.prior.maskgit.MaskGitConfiguration;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.testing.OneBatch;
import dev.smalti.token.TokenSpace;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Two players, one of which draws for the other. */
class DistillationLeakTest {
    private static final int CLASSES = 2;

    private static MaskedPrior prior(String kind, long seed, int masks) {
        TransformerConfiguration network = new TransformerConfiguration(2, 16, 2, null);
        PriorConfiguration configuration = kind.equals("maskgit")
                ? new MaskGitConfiguration(network, null, null, null, null, null, null, null, null, masks, null)
                : new AbsorbingConfiguration(network, null, null, null, null, null, masks, null, null);
        return (MaskedPrior) configuration.build(new TokenSpace(5, 2, 3), CLASSES, new Seed(seed), Devices.cpu());
    }

    @ParameterizedTest
    @ValueSource(strings = {"absorbing", "maskgit"})
    void keeps_the_handle_count_over_100_steps_and_trains_both_networks_but_the_teacher(String kind) {
        DistillationConfiguration configuration = new DistillationConfiguration(2, 1.0, null, 0.5, 2.0, null);
        try (MaskedPrior teacher = prior(kind, 1, 1);
                MaskedPrior auxiliary = prior(kind, 1, 1);
                MaskedPrior student = prior(kind, 2, 4)) {
            Distillation distillation = new Distillation(configuration, student, teacher, auxiliary);
            distillation.begin(new Seed(3));
            Map<String, Double> taught = sums(teacher);
            Map<String, Double> own = sums(student);
            try (OneBatch<TokenBatch> run = new OneBatch<>(
                    distillation.objectives(),
                    true,
                    () -> new TokenBatch(Tensors.filled(0, 8, 6), Tensors.longs(0, 1, 0, 1, 0, 1, 0, 1)),
                    8,
                    1e-3)) {
                run.steps(5);
                System.gc(); // what other tests left must not go in between
                long before = Pointer.totalCount();
                run.steps(100);
                System.gc();
                assertThat(Pointer.totalCount()).isLessThanOrEqualTo(before);
            }
            assertThat(sums(teacher)).isEqualTo(taught);
            assertThat(sums(student)).isNotEqualTo(own);
            assertThat(sums(auxiliary)).isNotEqualTo(taught);
        }
    }

    private static Map<String, Double> sums(MaskedPrior prior) {
        Map<String, Double> sums = new TreeMap<>();
        for (Map.Entry<String, Tensor> each : prior.parameters().all().entrySet()) {
            sums.put(each.getKey(), each.getValue().sum().item_double());
        }
        return sums;
    }
}
