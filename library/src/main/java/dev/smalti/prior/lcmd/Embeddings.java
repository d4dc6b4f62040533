package dev.smalti.prior.lcmd;

import dev.smalti.network.Parameters;
import dev.smalti.prior.lcmd.LcmdConfiguration.Embedding;
import dev.smalti.prior.lcmd.LcmdConfiguration.Origin;
import dev.smalti.tensor.Scope;
import dev.smalti.token.Codebook;
import dev.smalti.token.TokenFile;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** The vectors e that codes stand for, and the one that a dropped token is replaced by. K codes, D dimensions. */
final class Embeddings {
    private final Embedding configuration;
    private final Tensor weight;
    private final Tensor mask;

    /**
     * Registers its tensors in {@code parameters}; a codebook's is a buffer.
     *
     * @param dropping whether there is a mask
     */
    Embeddings(Parameters parameters, Embedding configuration, long codes, boolean dropping) {
        this.configuration = configuration;
        long width = configuration.dimension();
        this.weight = configuration.origin() == Origin.CODEBOOK
                ? parameters.buffer("weight", codes, width)
                : parameters.normal("weight", configuration.deviation(), codes, width);
        this.mask = dropping ? parameters.normal("mask", configuration.deviation(), width) : null;
    }

    /** e [K, D] */
    Tensor vectors() {
        return configuration.origin() == Origin.NORMALISED ? normalised(weight) : weight;
    }

    /** Whether others are the very same vectors. */
    boolean same(Embeddings other) {
        return Scope.value(
                () -> vectors().to(ScalarType.Float).equal(other.vectors().to(ScalarType.Float)));
    }

    /** Rows of norm √D. */
    private static Tensor normalised(Tensor rows) {
        Tensor norm = rows.square()
                .sum(new long[] {-1}, true, new ScalarTypeOptional())
                .sqrt()
                .clamp_min(new Scalar(1e-12));
        return rows.mul(norm.reciprocal().mul(new Scalar(Math.sqrt(rows.size(-1)))));
    }

    /** e(x), [K, D], int64 [B, L] -> [B, L, D] */
    static Tensor of(Tensor vectors, Tensor x) {
        return torch.embedding(vectors, x);
    }

    /** The vector of the mask, if there is one, where {@code dropped}, bool [B, L] or null. [B, L, D] -> [B, L, D] */
    Tensor dropped(Tensor e, Tensor dropped) {
        if (mask == null || dropped == null) {
            return e;
        }
        Tensor own = configuration.origin() == Origin.LEARNT ? mask : normalised(mask);
        return torch.where(dropped.unsqueeze(2), own, e);
    }

    /**
     * Takes the vectors of the tokens' codebook, if so configured, scaled by one number to a root mean square norm of √D.
     *
     * @throws IllegalArgumentException if the tokens have no codebook, or one of another width
     */
    void prepare(TokenFile tokens) {
        if (configuration.origin() != Origin.CODEBOOK) {
            return;
        }
        Codebook codebook = tokens.codebook()
                .orElseThrow(() -> new IllegalArgumentException(
                        "embedding.origin codebook needs a token file with a codebook, and this one has none: encode"
                                + " with a tokenizer, or take origin learnt or normalised"));
        if (codebook.width() != configuration.dimension()) {
            throw new IllegalArgumentException("embedding.dimension must be the " + codebook.width()
                    + " of the token file's codebook, got " + configuration.dimension());
        }
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                Tensor vectors = codebook.vectors();
                Tensor scale = vectors.square().mean().sqrt().clamp_min(new Scalar(1e-12));
                weight.copy_(vectors.div(scale));
            }
        });
    }
}
