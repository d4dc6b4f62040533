package dev.smalti.tensor;

import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The element types that a safetensors file may hold here, under the names that the format gives them. Unsigned integers of
 * more than a byte, for which libtorch has hardly a function, are read as the next wider type, and not written.
 */
enum ElementType {
    F64(ScalarType.Double, 8),
    F32(ScalarType.Float, 4),
    F16(ScalarType.Half, 2),
    BF16(ScalarType.BFloat16, 2),
    I64(ScalarType.Long, 8),
    I32(ScalarType.Int, 4),
    I16(ScalarType.Short, 2),
    I8(ScalarType.Char, 1),
    U8(ScalarType.Byte, 1),
    BOOL(ScalarType.Bool, 1),
    U64(ScalarType.Long, 8),
    U32(ScalarType.Int, 4),
    U16(ScalarType.Short, 2);

    final ScalarType scalar; // of as many bits
    final int bytes;

    ElementType(ScalarType scalar, int bytes) {
        this.scalar = scalar;
        this.bytes = bytes;
    }

    static Optional<ElementType> named(String name) {
        return Arrays.stream(values()).filter(type -> type.name().equals(name)).findFirst();
    }

    /** The type under which a tensor is written. */
    static Optional<ElementType> of(ScalarType scalar) {
        return Arrays.stream(values())
                .filter(type -> type.written() && type.scalar == scalar)
                .findFirst();
    }

    /** All that are read. */
    static String known() {
        return Arrays.stream(values()).map(Enum::name).collect(Collectors.joining(", "));
    }

    /** All that are written. */
    static String writable() {
        return Arrays.stream(values())
                .filter(ElementType::written)
                .map(Enum::name)
                .collect(Collectors.joining(", "));
    }

    private boolean written() {
        return this != U64 && this != U32 && this != U16;
    }

    /** The type into which bytes are read before {@link #value}. */
    ScalarType raw() {
        return this == BOOL ? ScalarType.Byte : scalar;
    }

    /**
     * What a tensor of {@link #raw} bits means.
     *
     * @throws IllegalArgumentException if a number is 2^63 or more
     */
    Tensor value(Tensor bits) {
        return switch (this) {
            case BOOL -> bits.to(ScalarType.Bool); // any byte but 0 means true
            case U16 -> bits.to(ScalarType.Int).bitwise_and(new Scalar(0xffff));
            case U32 -> bits.to(ScalarType.Long).bitwise_and(new Scalar(0xffff_ffffL));
            case U64 -> {
                if (bits.numel() > 0 && bits.min().item_long() < 0) {
                    throw new IllegalArgumentException("must have unsigned numbers below 2^63, has larger ones");
                }
                yield bits;
            }
            default -> bits;
        };
    }
}
