package dev.smalti.job;

import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import dev.smalti.tokenizer.Tokenizer;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;

/**
 * How well a tokenizer gives images back: PSNR in dB, of 8-bit images, the mean over images; the share of codes that were
 * used at all, and their perplexity, exp of the entropy of their frequencies.
 */
final class Reconstruction {
    private final long[] uses;
    private double decibels;
    private long images;

    Reconstruction(int codes) {
        uses = new long[codes];
    }

    /** [B, 3, H, W] in [-1, 1], int64 [B, h, w] */
    void add(Tokenizer tokenizer, Precision precision, Tensor pixels, Tensor codes) {
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                Tensor decoded = precision.run(pixels.device(), () -> tokenizer.decode(codes));
                Tensor error = levels(pixels).sub(levels(decoded)).pow(new Scalar(2));
                for (double each : Tensors.toDoubles(error.mean(1, 2, 3))) {
                    decibels += 10 * Math.log10(255.0 * 255.0 / Math.max(each, 1e-10));
                    images++;
                }
                for (long code : Tensors.toLongs(codes)) {
                    uses[(int) code]++;
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
        long all = 0;
        long used = 0;
        for (long each : uses) {
            all += each;
            used += each > 0 ? 1 : 0;
        }
        double entropy = 0;
        for (long each : uses) {
            if (each > 0) {
                double p = (double) each / all;
                entropy -= p * Math.log(p);
            }
        }
        Map<String, Double> measures = new LinkedHashMap<>();
        measures.put("psnr", decibels / images);
        measures.put("codebook_usage", (double) used / uses.length);
        measures.put("perplexity", Math.exp(entropy));
        return measures;
    }
}
