package dev.smalti.corruption;

import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import dev.smalti.testing.CorruptionContract;
import java.util.List;
import org.junit.jupiter.api.Test;

class MaskAndReplaceContractTest extends CorruptionContract {
    @Override
    protected Corruption corruption() {
        return new MaskAndReplace(SPACE);
    }

    /** The second as the released schedule, which replaces one token in a million. */
    @Override
    protected List<Loss> losses() {
        return List.of(
                new Loss(1, 0),
                new Loss(0.75, 0.249999),
                new Loss(0.4, 0.5),
                new Loss(0.1, 0.8),
                new Loss(0, 0.9),
                new Loss(0, 1));
    }

    @Test
    void forgets_what_was_kept_when_it_is_lost() {
        Scope.free(() -> {
            Level lost = level(new Loss(0.1, 0.8), K).lost();
            double[] row = {0.05, 0.05, 0.05, 0.05, 0.8};
            double[][] found = rows(Tensors.toDoubles(corruption().logMarginal(Tensors.longs(0, 1, 2, 3), lost)));
            near(found, new double[][] {row, row, row, row}, "rows");
        });
    }
}
