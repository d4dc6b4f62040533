package dev.smalti.token;

import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Scope;
import org.bytedeco.pytorch.Tensor;

/** The vectors that a tokenizer's codes stand for: floats {@code [K, D]}, one row a code. */
public record Codebook(Tensor vectors) {
    /** @throws IllegalArgumentException if they aren't finite floats {@code [K, D]} */
    public Codebook {
        if (!vectors.is_floating_point()) {
            throw new IllegalArgumentException(
                    "codebook must have floats, got " + vectors.scalar_type().intern());
        }
        Dims.check("codebook", vectors, Dims.ANY, Dims.ANY);
        Tensor checked = vectors;
        if (!Scope.value(() -> checked.isfinite().all().item_bool())) {
            throw new IllegalArgumentException("codebook must be finite, but holds NaN or infinity");
        }
    }

    /** How many codes there are: K. */
    public long codes() {
        return vectors.size(0);
    }

    /** How long a vector is: D. */
    public long width() {
        return vectors.size(1);
    }
}
