package dev.smalti.data;

import dev.smalti.tensor.Scope;
import org.bytedeco.pytorch.AbstractTensor;
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
        return Scope.keep(
                () -> new Images(pixels(rgb, labels.length, size, size), AbstractTensor.create(labels, labels.length)));
    }

    /** RGB bytes [B, H, W, 3] -> float32 [B, 3, H, W], from -1 to 1. */
    static Tensor pixels(byte[] rgb, int count, int height, int width) {
        return Scope.keep(() -> AbstractTensor.create(rgb, false, count, height, width, 3) // unsigned
                .permute(0, 3, 1, 2)
                .contiguous()
                .to(torch.ScalarType.Float)
                .div_(new Scalar(127.5f))
                .sub_(new Scalar(1f)));
    }
}
