package dev.smalti.draw;

import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.StringViewOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A draw from a categorical distribution by the inverse of its distribution function: the first code k at which p_1 + ... + p_k
 * exceeds u, with one uniform number for K codes. In float64: u is a multiple of 2⁻⁵³, so that a code as rare as that is still
 * drawn, and sums of many codes keep their tails.
 */
public final class Categorical {
    /** What {@link #drawOrNone} gives in place of a code. */
    public static final long NONE = -1;

    /** From so many codes on {@link #drawOfMany} is worth its while. */
    public static final long MANY = 4096;

    /** From so many codes on {@link #drawWeighted} is. */
    public static final long SOME = 256;

    private static final long BLOCK = 128;
    private static final long PIECE = 1 << 21; // numbers, 8 MiB of float32: less is more calls, more leaves the caches
    private static final long PIECE_ON_GPU = 1 << 26;

    private static final double BELOW_ONE = Math.nextDown(1.0);

    private Categorical() {}

    /**
     * Never a code of probability 0.
     *
     * @param logProbabilities up to a number of each row, float64 [M, K], -∞ where a code is left out
     * @param u uniform numbers in [0, 1), float64 [M]
     * @return int64 [M]
     * @throws ArithmeticException if a row has a probability that is no number, or none above 0
     */
    public static Tensor draw(Tensor logProbabilities, Tensor u) {
        Tensor sums = sums(logProbabilities);
        if (!last(sums).isfinite().all().item_bool()) {
            throw noNumbers();
        }
        return search(sums, u);
    }

    /** The same, but {@link #NONE} for a row that {@link #draw} would throw at: nothing is read, so a GPU isn't waited for. */
    public static Tensor drawOrNone(Tensor logProbabilities, Tensor u) {
        Tensor sums = sums(logProbabilities);
        Tensor flawed = last(sums).isfinite().logical_not().squeeze(1); // [M]
        return search(sums, u).masked_fill(flawed, new Scalar(NONE));
    }

    /**
     * The same law of very many codes at a fraction of the cost: exponentials and the sums of blocks of {@value #BLOCK} codes are
     * float32, and the block and the code in it are found in float64. Each code is drawn with its probability but for a
     * relative error of about 10⁻⁶, however rare it is. {@link #NONE} as of {@link #drawOrNone}.
     *
     * @param logits up to a number of each row, of any floating type [M, K]
     * @param temperature that divides them
     * @param u uniform numbers in [0, 1), float64 [M]
     * @param more of one more code, numbered K: from ln Σ exp of the row, float64 [m, 1], to what would stand in its column, the
     *     same; null for none
     * @return int64 [M]
     */
    public static Tensor drawOfMany(Tensor logits, double temperature, Tensor u, UnaryOperator<Tensor> more) {
        return inPieces(logits, (some, from) -> ofMany(some, temperature, u.narrow(0, from, some.size(0)), more));
    }

    /** Some rows after the others, each piece from the number of its first. [M, K] -> [M] */
    private static Tensor inPieces(Tensor logits, BiFunction<Tensor, Long, Tensor> draw) {
        long rows = logits.size(0);
        long together = Math.max(1, (logits.is_cuda() ? PIECE_ON_GPU : PIECE) / logits.size(1));
        List<Tensor> drawn = new ArrayList<>();
        for (long begin = 0; begin < rows; begin += together) {
            long from = begin;
            Tensor some = logits.narrow(0, from, Math.min(together, rows - from));
            drawn.add(Scope.keep(() -> draw.apply(some, from)));
        }
        return drawn.size() == 1 ? drawn.get(0) : Tensors.cat(drawn);
    }

    private static Tensor ofMany(Tensor logits, double temperature, Tensor u, UnaryOperator<Tensor> more) {
        long codes = logits.size(1);
        Tensor plain = cooled(logits, temperature); // [m, K]
        Tensor most = plain.amax(new long[] {-1}, true); // [m, 1]
        Tensor p = exponentials(plain, most);
        Tensor blocks = p.view(p.size(0), -1, BLOCK); // [m, K / 128, 128]
        Tensor sums = blocks.sum(-1).to(ScalarType.Double).cumsum(-1); // [m, K / 128]
        Tensor total = last(sums); // [m, 1]
        Tensor whole = more == null
                ? total
                : total.add(more.apply(total.log().add(most)).sub(most).exp());
        Tensor reached = reached(u, whole); // [m, 1]
        Tensor block = found(sums, torch.minimum(reached, total.mul(new Scalar(BELOW_ONE))))
                .clamp_max(new Scalar(sums.size(1) - 1)); // of sums that are no numbers, it is none
        Tensor own = inside(blocks, block).cumsum(-1); // [m, 128]
        Tensor within = found(own, reached(share(sums, block, reached), last(own)));
        Tensor code = block.mul(new Scalar(BLOCK)).add(within);
        if (more != null) {
            code = torch.where(reached.ge(total), new Scalar(codes), code);
        }
        return code.masked_fill(whole.isfinite().logical_not(), new Scalar(NONE))
                .squeeze(1);
    }

    /**
     * Weights of the codes of m rows that are made of their probabilities p: {@code scale}·p_k + {@code floor} of every code k but one,
     * {@code own} of that. All at least 0, so that nothing cancels; float64 [m].
     */
    public record Weights(Tensor scale, Tensor floor, Tensor own) {}

    /** What rows weigh. */
    @FunctionalInterface
    public interface Weighing {
        /**
         * Of some rows.
         *
         * @param from number of the first
         * @param own probability of the one code of each, float64 [m]
         */
        Weights apply(long from, Tensor own);
    }

    /**
     * Draws codes by weights that are made of the probabilities, at the cost and with the precision of {@link #drawOfMany}.
     *
     * @param logits up to a number of each row, of any floating type [M, K]
     * @param temperature that divides them
     * @param u uniform numbers in [0, 1), float64 [M]
     * @param code the one of each row that has a weight of its own, int64 [M], 0..K-1
     * @return int64 [M]; {@link #NONE} where weights are no numbers, or none above 0
     */
    public static Tensor drawWeighted(Tensor logits, double temperature, Tensor u, Tensor code, Weighing weights) {
        return inPieces(
                logits,
                (some, from) -> weighted(
                        some,
                        temperature,
                        u.narrow(0, from, some.size(0)),
                        code.narrow(0, from, some.size(0)).unsqueeze(1),
                        own -> weights.apply(from, own)));
    }

    private static Tensor weighted(
            Tensor logits, double temperature, Tensor u, Tensor code, Function<Tensor, Weights> weights) {
        long codes = logits.size(1);
        Tensor plain = cooled(logits, temperature); // [m, K]
        Tensor p = exponentials(plain, plain.amax(new long[] {-1}, true)); // [m, K'], K' a multiple of 128
        Tensor blocks = p.view(p.size(0), -1, BLOCK); // [m, K' / 128, 128]
        long many = blocks.size(1);
        Tensor sums = blocks.sum(-1).to(ScalarType.Double); // [m, K' / 128]
        Tensor total = sums.sum(-1).unsqueeze(1); // [m, 1]
        Tensor alone = p.gather(1, code).to(ScalarType.Double); // [m, 1]
        Weights all = weights.apply(alone.div(total).squeeze(1));
        Tensor scale = all.scale().unsqueeze(1).div(total);
        Tensor floor = all.floor().unsqueeze(1);
        Tensor own = all.own().unsqueeze(1);
        Tensor width = torch.full(
                new long[] {many}, new Scalar((double) BLOCK), Tensors.options(ScalarType.Double, p.device()));
        width.narrow(0, many - 1, 1).fill_(new Scalar((double) (codes - (many - 1) * BLOCK)));
        Tensor until = sums.mul(scale)
                .add(floor.mul(width))
                .scatter_add(
                        1,
                        code.floor_divide(new Scalar(BLOCK)),
                        own.sub(scale.mul(alone)).sub(floor))
                .clamp_min(new Scalar(0.0)) // but for rounding
                .cumsum(-1); // [m, K' / 128]
        Tensor whole = last(until);
        Tensor reached = reached(u, whole); // [m, 1]
        Tensor block = found(until, reached).clamp_max(new Scalar(many - 1)); // of sums that are no numbers, it is none
        Tensor place = torch.arange(new Scalar(BLOCK), Tensors.options(ScalarType.Long, p.device()))
                .add(block.mul(new Scalar(BLOCK))); // [m, 128]
        Tensor within = torch.where(
                        place.eq(code), own, inside(blocks, block).mul(scale).add(floor))
                .masked_fill(place.ge(new Scalar(codes)), new Scalar(0.0))
                .cumsum(-1);
        Tensor drawn =
                block.mul(new Scalar(BLOCK)).add(found(within, reached(share(until, block, reached), last(within))));
        return drawn.masked_fill(
                        whole.isfinite().logical_and(whole.gt(new Scalar(0.0))).logical_not(), new Scalar(NONE))
                .squeeze(1);
    }

    /** What a block has. float32 [m, K / 128, 128], int64 [m, 1] -> float64 [m, 128] */
    private static Tensor inside(Tensor blocks, Tensor block) {
        return blocks.gather(1, block.unsqueeze(2).expand(-1, 1, BLOCK))
                .squeeze(1)
                .to(ScalarType.Double);
    }

    /** How far through its block is reached. [m, K / 128], [m, 1], [m, 1] -> [m] */
    private static Tensor share(Tensor until, Tensor block, Tensor reached) {
        Tensor before =
                torch.constant_pad_nd(until, new long[] {1, 0}, new Scalar(0.0)).gather(1, block);
        return reached.sub(before).div(until.gather(1, block).sub(before)).squeeze(1);
    }

    private static Tensor cooled(Tensor logits, double temperature) {
        Tensor plain = logits.to(ScalarType.Float);
        return temperature == 1 ? plain : plain.div(new Scalar(temperature));
    }

    /** e^(logit - the greatest of the row), and zeros up to whole blocks. float32 [m, K] -> [m, K'] */
    private static Tensor exponentials(Tensor logits, Tensor most) {
        long codes = logits.size(1);
        Tensor p = logits.sub(most).exp_();
        return codes % BLOCK == 0
                ? p
                : torch.constant_pad_nd(p, new long[] {0, BLOCK - codes % BLOCK}, new Scalar(0.0));
    }

    /** Of probabilities that are no numbers. */
    public static ArithmeticException noNumbers() {
        return new ArithmeticException(
                "probabilities must be numbers, and some that the network gives are none: its weights"
                        + " may have diverged, or its precision may be too low for them (take fp32)");
    }

    /** Of the probabilities of the codes up to each, in units of the greatest. [M, K] */
    private static Tensor sums(Tensor logProbabilities) {
        Tensor most = logProbabilities.amax(new long[] {-1}, true); // [M, 1]
        return logProbabilities.sub(most).exp().cumsum(-1);
    }

    private static Tensor last(Tensor sums) {
        return sums.narrow(1, sums.size(1) - 1, 1);
    }

    private static Tensor search(Tensor sums, Tensor u) {
        return found(sums, reached(u, last(sums))).squeeze(1);
    }

    /** u of the way to the total, below it. [M], [M, 1] -> [M, 1] */
    private static Tensor reached(Tensor u, Tensor total) {
        Tensor reached = u.clamp_max(new Scalar(BELOW_ONE)).unsqueeze(1).mul(total);
        return torch.minimum(reached, total.mul(new Scalar(BELOW_ONE)));
    }

    /** The first place at which the sums exceed what is reached. [M, K], [M, 1] -> [M, 1] */
    private static Tensor found(Tensor sums, Tensor reached) {
        return torch.searchsorted(
                sums, reached, false, true /* the first above */, new StringViewOptional(), new TensorOptional());
    }
}
