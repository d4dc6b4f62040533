package dev.smalti.prior.rdpm;

import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.Accumulation;
import dev.smalti.token.Codebook;
import dev.smalti.token.TokenFile;
import dev.smalti.token.TokenSpace;
import java.util.Optional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/** Tokens with random code vectors of width 4, and a convolution over what is taken off at each step. */
final class NoisyTokens {
    private NoisyTokens() {}

    static TokenFile of(TokenSpace space) {
        return Scope.value(() -> TokenFile.of(space.grids(Tensors.filled(0, 3 * space.size())), space.codes())
                .codebook(new Codebook(normal("codebook", space.codes(), 4)))
                .noiseSeeds(Tensors.longs(5, 6, 7))
                .accumulation(new Accumulation(
                        Tensors.ones(space.depth()),
                        Optional.of(normal("convolution", 4, 4, 3, 3).mul(new Scalar(0.2))),
                        Optional.of(normal("bias", 4))))
                .build());
    }

    private static Tensor normal(String use, long... shape) {
        return Tensors.zeros(shape).normal_(0, 1, new Seed(2).child(use).optional());
    }
}
