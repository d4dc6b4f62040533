package dev.smalti.tokenizer.vqgan;

import org.bytedeco.pytorch.Tensor;

/** A distance between images as seen, added to the absolute error; {@link #NONE} until one is chosen. */
@FunctionalInterface
public interface PerceptualLoss {
    PerceptualLoss NONE = (images, reconstruction) -> null;

    /** [B, 3, H, W] twice -> [B, 1, 1, 1], broadcast over the absolute error; or null for none. */
    Tensor distance(Tensor images, Tensor reconstruction);
}
