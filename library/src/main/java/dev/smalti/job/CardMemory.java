package dev.smalti.job;

import dev.smalti.network.LearntNetwork;
import dev.smalti.prior.LossMemory;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.token.TokenSpace;
import dev.smalti.train.TrainingConfiguration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.IntStream;

/**
 * What training a prior in bfloat16 takes of a card's memory: calculated, since a CPU keeps other things than a card does.
 *
 * @param fixed bytes of weights, gradients, the optimizer's moments and averages, and of the weights in bfloat16
 * @param grid bytes that the network's blocks and its logits keep of a grid for the backward pass
 * @param recomputed the same where blocks are computed again ({@code training.recompute})
 * @param batch grids of a step
 * @param parts into which the recipe has it split ({@code training.accumulation})
 * @param recompute whether the recipe has blocks computed again
 */
public record CardMemory(long fixed, long grid, long recomputed, int batch, int parts, boolean recompute) {
    /** Sizes of cards, in GB. */
    public static final List<Integer> CARDS = List.of(24, 40, 80);

    private static final int WEIGHT = 18; // float32: weight, gradient, two moments; bfloat16: the weight again
    private static final int FLOAT = 4;
    private static final int KEPT = 80; // bytes of a block for each channel of a token
    private static final int ENTERING = 4; // the same of what enters it alone
    private static final int ONE_BLOCK = 160; // the most that a block takes while it is computed again
    private static final long LIBRARIES = 1_000_000_000L;
    private static final double USABLE = 0.93;

    /**
     * Reckons it.
     *
     * @param weights numbers that are trained
     * @return null where the network isn't made of blocks
     */
    static CardMemory of(PriorConfiguration prior, TokenSpace space, long weights, TrainingConfiguration training) {
        LearntNetwork network = prior.network();
        if (network == null || network.layers() == 0) {
            return null;
        }
        LossMemory loss = prior.lossMemory();
        long blocks = (long) network.width() * network.layers();
        long logits = (long) loss.logitBytes() * space.codes();
        long kept = loss.passes() * (KEPT * blocks + logits);
        long again = loss.passes() * (ENTERING * blocks + logits) + (long) ONE_BLOCK * network.width();
        return new CardMemory(
                weights * (WEIGHT + (training.averaging() > 0 ? FLOAT : 0) + (loss.teacher() ? FLOAT : 0)),
                space.length() * kept,
                space.length() * again,
                training.batch(),
                training.accumulation(),
                training.recompute());
    }

    /** Bytes of a step as the recipe has it. */
    public long bytes() {
        return bytes(parts, recompute);
    }

    private long bytes(int parts, boolean recompute) {
        return fixed + (long) Math.ceil((double) batch / parts) * (recompute ? recomputed : grid);
    }

    /** The fewest parts, a power of two, in which a batch fits; empty where not even a single grid does. */
    public OptionalInt parts(int gigabytes, boolean recompute) {
        return IntStream.iterate(1, each -> each / 2 < batch, each -> 2 * each)
                .filter(each -> bytes(each, recompute) <= room(gigabytes))
                .findFirst();
    }

    /** Bytes of a card of that size that a training may take. */
    static long room(int gigabytes) {
        return Math.round(USABLE * gigabytes * 1e9) - LIBRARIES;
    }

    /** By name, for a JSON object. */
    Map<String, Object> facts() {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("bytes", bytes());
        facts.put("fixed_bytes", fixed);
        facts.put("grid_bytes", grid);
        facts.put("grid_bytes_recomputed", recomputed);
        facts.put("accumulation", parts);
        facts.put("recompute", recompute);
        List<Map<String, Object>> cards = new ArrayList<>();
        for (int card : CARDS) {
            Map<String, Object> each = new LinkedHashMap<>();
            each.put("gigabytes", card);
            each.put("accumulation", orNull(parts(card, false)));
            each.put("accumulation_recomputed", orNull(parts(card, true)));
            cards.add(each);
        }
        facts.put("cards", cards);
        return facts;
    }

    private static Integer orNull(OptionalInt number) {
        return number.isPresent() ? number.getAsInt() : null;
    }
}
