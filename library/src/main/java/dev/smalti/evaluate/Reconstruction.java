package dev.smalti.evaluate;

import dev.smalti.metric.PeakSignalToNoise;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.token.TokenSpace;
import dev.smalti.tokenizer.Tokenizer;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;

/**
 * How well a tokenizer gives images back: PSNR in dB, of 8-bit images, the mean over images; and how it {@link CodeUses uses
 * its codes}.
 */
public final class Reconstruction {
    private final CodeUses uses;
    private double decibels;
    private long images;

    public Reconstruction(TokenSpace space) {
        this.uses = new CodeUses(space);
    }

    /** [B, 3, H, W] in [-1, 1], int64 [B, h, w] or [B, T, h, w] */
    public void add(Tokenizer tokenizer, Precision precision, Tensor pixels, Tensor codes) {
        Scope.free(() -> add(pixels, codes, decoded(tokenizer, precision, pixels, codes)));
    }

    /** The same, with what comes {@linkplain #decoded back} of the images. */
    public void add(Tensor pixels, Tensor codes, Tensor decoded) {
        Scope.free(() -> {
            for (double each : PeakSignalToNoise.of(levels(pixels), decoded, 255)) {
                decibels += each;
                images++;
            }
            uses.add(codes);
        });
    }

    /**
     * What comes back of images, in 8 bits. [B, 3, H, W] in [-1, 1] and their codes -> whole numbers in 0..255, [B, 3, H, W]
     */
    public static Tensor decoded(Tokenizer tokenizer, Precision precision, Tensor pixels, Tensor codes) {
        return Scope.keep(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                return levels(precision.run(pixels.device(), () -> tokenizer.decode(codes)));
            }
        });
    }

    /** [-1, 1] to whole numbers in 0..255 */
    static Tensor levels(Tensor pixels) {
        return Scope.keep(() -> pixels.mul(new Scalar(127.5))
                .add(new Scalar(127.5))
                .round()
                .clamp(new ScalarOptional(new Scalar(0.0)), new ScalarOptional(new Scalar(255.0))));
    }

    public Map<String, Double> measures() {
        Map<String, Double> measures = new LinkedHashMap<>();
        measures.put("psnr", decibels / images);
        measures.putAll(uses.measures());
        return measures;
    }
}
