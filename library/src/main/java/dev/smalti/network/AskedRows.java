package dev.smalti.network;

import dev.smalti.tensor.Tensors;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Rows whose logits are asked for. In training on a CPU there are others behind them, so that their number is one of few: oneDNN makes
 * a program for each shape of a product that it hasn't met, some ten a step, which takes longer than those rows do.
 *
 * @param rows of the R rows that there are, each once, first those that are asked for; [M'], M' ≥ M
 * @param asked M
 */
record AskedRows(Tensor rows, long asked) {
    /** Numbers that M' may have: a dozen programs for each, of the 1,024 that oneDNN keeps. */
    private static final int NUMBERS = 32;

    /**
     * @param at of {@code all} rows, each once, [M]
     * @param all R
     */
    static AskedRows of(Tensor at, long all) {
        long asked = at.numel();
        long step = (all + NUMBERS - 1) / NUMBERS;
        long more = Math.min(all, (asked + step - 1) / step * step) - asked;
        if (more == 0 || at.is_cuda() || !GradMode.is_enabled()) {
            return new AskedRows(at, asked);
        }
        Tensor others = torch.ones(new long[] {all}, Tensors.options(ScalarType.Bool))
                .index_fill_(0, at, new Scalar(0L))
                .nonzero()
                .squeeze(1);
        return new AskedRows(Tensors.cat(0, at, others.narrow(0, 0, more)), asked);
    }

    /**
     * What a head makes of the rows that are asked for.
     *
     * @param x [R, D]
     * @param at [M]; null for all
     * @param head [M', D] -> [M', K]
     * @return [M, K]
     */
    static Tensor answers(Tensor x, Tensor at, UnaryOperator<Tensor> head) {
        if (at == null) {
            return head.apply(x);
        }
        AskedRows asked = of(at, x.size(0));
        return asked.answers(head.apply(x.index_select(0, asked.rows())));
    }

    /** [M', K] -> [M, K] */
    Tensor answers(Tensor logits) {
        return logits.size(0) == asked ? logits : logits.narrow(0, 0, asked);
    }
}
