package dev.smalti.token;

import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import java.util.Optional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The alphabet and shape of a token grid: {@code codes} different codes (K, at least 2), {@code height} rows and
 * {@code width} columns, and at each place {@code depth} codes (T, of a tokenizer of several steps; usually 1).
 */
public record TokenSpace(int codes, int height, int width, int depth) {
    /** @throws IllegalArgumentException naming the number that is too small or too large */
    public TokenSpace {
        if (codes < 2 || codes == Integer.MAX_VALUE) {
            throw new IllegalArgumentException(
                    Phrase.of("a token space must have 2 to %d codes, got %d").with(Integer.MAX_VALUE - 1, codes));
        }
        if (height < 1 || width < 1) {
            throw new IllegalArgumentException(
                    Phrase.of("a token grid must have at least one row and one column, got %d × %d")
                            .with(height, width));
        }
        if (depth < 1) {
            throw new IllegalArgumentException(
                    Phrase.of("a token grid must have at least one code at each place, got %d")
                            .with(depth));
        }
    }

    /** One code at each place. */
    public TokenSpace(int codes, int height, int width) {
        this(codes, height, width, 1);
    }

    /** How many places a grid has: L = h · w. */
    public long length() {
        return (long) height * width;
    }

    /** How many codes a grid has: T · L. */
    public long size() {
        return depth * length();
    }

    /** Codes as grids. Any shape of B·T·L -> [B, h, w], or [B, T, h, w] where there are several at each place. */
    public Tensor grids(Tensor codes) {
        return depth == 1 ? codes.view(-1, height, width) : codes.view(-1, depth, height, width);
    }

    /** The same alphabet on grids of another size. */
    public TokenSpace sized(int height, int width) {
        return new TokenSpace(codes, height, width, depth);
    }

    /** {@code 8x8 tokens of 512 codes}, {@code 8x8x6 tokens of 512 codes} */
    public String text() {
        return grid() + " tokens of " + codes + " codes";
    }

    /** {@code 8x8}, {@code 8x8x6} for six codes at each place */
    public String grid() {
        return height + "x" + width + (depth == 1 ? "" : "x" + depth);
    }

    /** The mask token, one behind the last code: K. */
    public long mask() {
        return codes;
    }

    /**
     * Returns {@code codes}, integers of any shape and type, if all are codes of this space; the mask is not.
     *
     * @param source where they come from, for the message: "fruits.safetensors"
     * @throws IllegalArgumentException naming the first that isn't, and its place
     */
    public Tensor check(String source, Tensor codes) {
        problem(codes).ifPresent(problem -> {
            throw new IllegalArgumentException(problem + " of " + source);
        });
        return codes;
    }

    /**
     * The same, but codes on a GPU are taken as they are: to look at them is to wait for it, in every step of a draw. They come
     * from what was checked.
     */
    public Tensor checkAtHand(String source, Tensor codes) {
        return codes.is_cuda() ? codes : check(source, codes);
    }

    /** What is wrong with {@code codes}, if anything: "codes must be below 1024, got 1024 at [3, 17]". */
    Optional<String> problem(Tensor codes) {
        return problem("codes", codes, this.codes, 0);
    }

    /**
     * What is wrong with integers that should be from 0 to {@code count - 1}.
     *
     * @param before rows of the same tensor that lie before these, for the message
     */
    static Optional<String> problem(String name, Tensor values, long count, long before) {
        ScalarType type = values.scalar_type().intern();
        if (!torch.isIntegralType(type, false)) {
            return Optional.of(Phrase.of("%s must be integers, got %s").with(name, type));
        }
        if (values.numel() == 0) {
            return Optional.empty();
        }
        return Scope.value(() -> {
            T_TensorTensor_T range = values.aminmax();
            boolean good =
                    range.get0().item().toLong() >= 0 && range.get1().item().toLong() < count;
            return good ? Optional.empty() : Optional.of(first(name, values, count, before));
        });
    }

    private static String first(String name, Tensor values, long count, long before) {
        Tensor wide = values.to(ScalarType.Long).reshape(-1); // comparing int8 with 1024 would wrap the 1024
        Tensor bad = wide.lt(new Scalar(0L)).logical_or(wide.ge(new Scalar(count)));
        long index = bad.to(ScalarType.Byte).argmax().item_long(); // the first of equals
        long value = wide.select(0, index).item_long();
        String rule = value < 0 ? "0 or more" : "below " + count;
        long[] place = place(index, Dims.of(values));
        if (place.length > 0) {
            place[0] += before;
        }
        return Phrase.of("%s must be %s, got %d at %s").with(name, rule, value, Dims.text(place));
    }

    private static long[] place(long index, long[] shape) {
        long[] place = new long[shape.length];
        for (int i = shape.length - 1; i >= 0; i--) {
            place[i] = index % shape[i];
            index /= shape[i];
        }
        return place;
    }
}
