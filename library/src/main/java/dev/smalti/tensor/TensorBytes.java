package dev.smalti.tensor;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.pytorch.Tensor;

/** A tensor's memory as Java sees it. */
public final class TensorBytes {
    private static final long PIECE = 1 << 30; // a buffer of Java's ends below 2 GiB

    private TensorBytes() {}

    /**
     * The memory of {@code tensor} in order, without copying: buffers of at most 1 GiB, one behind the other, none if
     * it has no elements. They are valid as long as the tensor is.
     *
     * @throws IllegalArgumentException if the tensor isn't contiguous and on the CPU
     */
    public static List<ByteBuffer> of(Tensor tensor) {
        return of(tensor, PIECE);
    }

    static List<ByteBuffer> of(Tensor tensor, long most) {
        if (!tensor.is_cpu() || !tensor.is_contiguous()) {
            throw new IllegalArgumentException("tensor must be contiguous and on the CPU, got " + tensor.device());
        }
        long bytes = tensor.numel() * tensor.element_size();
        List<ByteBuffer> pieces = new ArrayList<>();
        for (long begin = 0; begin < bytes; begin += most) {
            BytePointer memory = new BytePointer(tensor.data_ptr()).getPointer(begin); // position() would not move it
            pieces.add(memory.capacity(Math.min(most, bytes - begin)).asByteBuffer());
        }
        return pieces;
    }
}
