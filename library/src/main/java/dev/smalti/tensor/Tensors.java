package dev.smalti.tensor;

import static org.bytedeco.pytorch.global.torch.ScalarType.Byte;
import static org.bytedeco.pytorch.global.torch.ScalarType.Double;
import static org.bytedeco.pytorch.global.torch.ScalarType.Float;
import static org.bytedeco.pytorch.global.torch.ScalarType.Long;

import java.util.List;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** New tensors from numbers and numbers from tensors, with the dtype and device spelt out. */
public final class Tensors {
    static {
        Native.load();
    }

    private Tensors() {}

    public static TensorOptions options(ScalarType dtype) {
        return new TensorOptions().dtype(new ScalarTypeOptional(dtype));
    }

    public static TensorOptions options(ScalarType dtype, Device device) {
        return options(dtype).device(new DeviceOptional(device));
    }

    public static Tensor zeros(long... shape) {
        return torch.zeros(shape, options(Float));
    }

    public static Tensor ones(long... shape) {
        return torch.ones(shape, options(Float));
    }

    /** {@code value} everywhere, int64. */
    public static Tensor filled(long value, long... shape) {
        return torch.full(shape, new Scalar(value), options(Long));
    }

    /** Uniform numbers in [0, 1), float64. */
    public static Tensor uniform(Generator generator, long... shape) {
        return torch.rand(shape, new GeneratorOptional(generator), options(Double));
    }

    /** Bytes without a sign, uint8 [n]. */
    public static Tensor bytes(byte... values) {
        Tensor tensor = torch.empty(new long[] {values.length}, options(Byte), null);
        if (values.length > 0) {
            tensor.data_ptr_byte().put(values, 0, values.length);
        }
        return tensor;
    }

    /** int64 [n] */
    public static Tensor longs(long... values) {
        Tensor tensor = torch.empty(new long[] {values.length}, options(Long), null);
        if (values.length > 0) {
            tensor.data_ptr_long().put(values, 0, values.length);
        }
        return tensor;
    }

    /** float32 [n] */
    public static Tensor floats(float... values) {
        Tensor tensor = torch.empty(new long[] {values.length}, options(Float), null);
        if (values.length > 0) {
            tensor.data_ptr_float().put(values, 0, values.length);
        }
        return tensor;
    }

    /** float64 [n] */
    public static Tensor doubles(double... values) {
        Tensor tensor = torch.empty(new long[] {values.length}, options(Double), null);
        if (values.length > 0) {
            tensor.data_ptr_double().put(values, 0, values.length);
        }
        return tensor;
    }

    /** The elements in row-major order, whatever the integer dtype or device. */
    public static long[] toLongs(Tensor tensor) {
        return Scope.value(() -> {
            long[] values = new long[Math.toIntExact(tensor.numel())];
            if (values.length > 0) {
                Tensor plain = tensor.cpu().to(Long).contiguous();
                new LongPointer(plain.data_ptr()).get(values);
            }
            return values;
        });
    }

    /** The elements in row-major order, whatever the dtype or device. */
    public static float[] toFloats(Tensor tensor) {
        return Scope.value(() -> {
            float[] values = new float[Math.toIntExact(tensor.numel())];
            if (values.length > 0) {
                Tensor plain = tensor.detach().cpu().to(Float).contiguous();
                new FloatPointer(plain.data_ptr()).get(values);
            }
            return values;
        });
    }

    /** The elements in row-major order, whatever the dtype or device. */
    public static double[] toDoubles(Tensor tensor) {
        return Scope.value(() -> {
            double[] values = new double[Math.toIntExact(tensor.numel())];
            if (values.length > 0) {
                Tensor plain = tensor.detach().cpu().to(Double).contiguous();
                new DoublePointer(plain.data_ptr()).get(values);
            }
            return values;
        });
    }

    /** Joins along the first dimension. */
    public static Tensor cat(List<Tensor> parts) {
        return cat(0, parts.toArray(Tensor[]::new));
    }

    /** Joins along {@code dimension}. */
    public static Tensor cat(long dimension, Tensor... parts) {
        return torch.cat(new TensorVector(parts), dimension);
    }

    /** The optional argument of libtorch's functions: empty for null. */
    public static TensorOptional optional(Tensor tensor) {
        return tensor == null ? new TensorOptional() : new TensorOptional(tensor);
    }
}
