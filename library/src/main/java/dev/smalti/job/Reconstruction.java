package dev.smalti.job;

import dev.smalti.metric.PeakSignalToNoise;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import dev.smalti.tokenizer.Tokenizer;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;

/**
 * How well a tokenizer gives images back: PSNR in dB, of 8-bit images, the mean over images; the share of codes that were
 * used at all, and their perplexity, exp of the entropy of their frequencies; these two also for each of several codes at
 * one place.
 */
final class Reconstruction {
    private final TokenSpace space;
    private final long[][] uses; // [T][K]
    private double decibels;
    private long images;

    Reconstruction(TokenSpace space) {
        this.space = space;
        this.uses = new long[space.depth()][space.codes()];
    }

    /** [B, 3, H, W] in [-1, 1], int64 [B, h, w] or [B, T, h, w] */
    void add(Tokenizer tokenizer, Precision precision, Tensor pixels, Tensor codes) {
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                Tensor decoded = precision.run(pixels.device(), () -> tokenizer.decode(codes));
                for (double each : PeakSignalToNoise.of(levels(pixels), levels(decoded), 255)) {
                    decibels += each;
                    images++;
                }
                long[] all = Tensors.toLongs(codes);
                for (int i = 0; i < all.length; i++) {
                    uses[(int) (i / space.length() % space.depth())][(int) all[i]]++;
                }
            }
        });
    }

    /** [-1, 1] to whole numbers in 0..255 */
    private static Tensor levels(Tensor pixels) {
        return pixels.mul(new Scalar(127.5))
                .add(new Scalar(127.5))
                .round()
                .clamp(new ScalarOptional(new Scalar(0.0)), new ScalarOptional(new Scalar(255.0)));
    }

    Map<String, Double> measures() {
        Map<String, Double> measures = new LinkedHashMap<>();
        measures.put("psnr", decibels / images);
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
