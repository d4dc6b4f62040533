package dev.smalti.evaluate;

import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;

/**
 * How a tokenizer uses its codebook over a whole set of images: the share of the K codes that were used at all, and their
 * perplexity, exp H of their frequencies, from 1 to K. Where a place has several codes, both are of all of these together,
 * and of each alone.
 */
final class CodeUses {
    private final TokenSpace space;
    private final long[][] uses; // [T][K]

    CodeUses(TokenSpace space) {
        this.space = space;
        this.uses = new long[space.depth()][space.codes()];
    }

    /** int64 [B, h, w] or [B, T, h, w] */
    void add(Tensor codes) {
        long[] all = Tensors.toLongs(codes);
        for (int i = 0; i < all.length; i++) {
            uses[(int) (i / space.length() % space.depth())][(int) all[i]]++;
        }
    }

    /** {@code codebook_usage} and {@code perplexity}; with {@code _1} to {@code _T} behind them those of each code alone. */
    Map<String, Double> measures() {
        Map<String, Double> measures = new LinkedHashMap<>();
        long[] together = new long[space.codes()];
        for (long[] step : uses) {
            Arrays.setAll(together, code -> together[code] + step[code]);
        }
        measures.put("codebook_usage", usage(together));
        measures.put("perplexity", perplexity(together));
        for (int t = 1; space.depth() > 1 && t <= space.depth(); t++) {
            measures.put("codebook_usage_" + t, usage(uses[t - 1]));
            measures.put("perplexity_" + t, perplexity(uses[t - 1]));
        }
        return measures;
    }

    private static double usage(long[] uses) {
        return (double) Arrays.stream(uses).filter(each -> each > 0).count() / uses.length;
    }

    private static double perplexity(long[] uses) {
        double all = Arrays.stream(uses).sum();
        double entropy = 0;
        for (long each : uses) {
            if (each > 0) {
                entropy -= each / all * Math.log(each / all);
            }
        }
        return Math.exp(entropy);
    }
}
