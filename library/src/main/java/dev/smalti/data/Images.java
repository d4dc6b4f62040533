package dev.smalti.data;

import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * A batch for a model.
 *
 * @param pixels float32 [B, 3, H, W], from -1 (black) to 1
 * @param labels int64 [B]; -1 where there are no classes
 */
public record Images(Tensor pixels, Tensor labels) {
    /** RGB bytes [B, size, size, 3] -> a batch in the caller's scope. */
    static Images of(byte[] rgb, long[] labels, int size) {
        return Scope.keep(() -> new Images(pixels(rgb, labels.length, size, size), Tensors.longs(labels)));
    }

    /** RGB bytes [B, H, W, 3] -> float32 [B, 3, H, W], from -1 to 1. */
    static Tensor pixels(byte[] rgb, int count, int height, int width) {
        return Scope.keep(() -> Tensors.bytes(rgb)
                .view(count, height, width, 3)
                .permute(0, 3, 1, 2)
                .contiguous()
                .to(torch.ScalarType.Float)
                .div_(new Scalar(127.5f))
                .sub_(new Scalar(1f)));
    }
}
