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
        return Scope.keep(() -> {
            Tensor bytes = AbstractTensor.create(rgb, false, labels.length, size, size, 3); // unsigned
            Tensor pixels = bytes.permute(0, 3, 1, 2) // [B, 3, H, W]
                    .contiguous()
                    .to(torch.ScalarType.Float)
                    .div_(new Scalar(127.5f))
                    .sub_(new Scalar(1f));
            return new Images(pixels, AbstractTensor.create(labels, labels.length));
        });
    }
}
