package dev.smalti.tokenizer;

import org.bytedeco.pytorch.Tensor;

/** A distance between images as a frozen network sees them, which a tokenizer in training adds to that of their pixels. */
public interface PerceptualLoss extends AutoCloseable {
    /**
     * Of images in [-1, 1]; float32, differentiable for the reconstruction, and without a gradient for the network. [B, 3,
     * H, W] twice -> [B]
     */
    Tensor distance(Tensor images, Tensor reconstruction);

    @Override
    void close();
}
