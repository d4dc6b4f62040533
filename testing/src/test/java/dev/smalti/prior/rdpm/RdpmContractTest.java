package dev.smalti.prior.rdpm;

import dev.smalti.network.LlamaTransformerConfiguration;
import dev.smalti.prior.Prior;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.testing.PriorContract;
import dev.smalti.token.Accumulation;
import dev.smalti.token.Codebook;
import dev.smalti.token.TokenFile;
import dev.smalti.token.TokenSpace;
import java.util.Optional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

class RdpmContractTest extends PriorContract {
    private static final TokenSpace SPACE = new TokenSpace(5, 2, 3, 3);

    @Override
    protected TokenSpace space() {
        return SPACE;
    }

    @Override
    protected void prepare(Prior prior) {
        try (TokenFile tokens = tokens()) {
            prior.prepare(tokens);
        }
    }

    /** With random code vectors of width 4, and a convolution over what is taken off at each step. */
    private static TokenFile tokens() {
        return Scope.value(() -> TokenFile.of(SPACE.grids(Tensors.filled(0, 3 * SPACE.size())), SPACE.codes())
                .codebook(new Codebook(normal("codebook", SPACE.codes(), 4)))
                .noiseSeeds(Tensors.longs(5, 6, 7))
                .accumulation(new Accumulation(
                        Tensors.ones(SPACE.depth()),
                        Optional.of(normal("convolution", 4, 4, 3, 3).mul(new Scalar(0.2))),
                        Optional.of(normal("bias", 4))))
                .build());
    }

    private static Tensor normal(String use, long... shape) {
        return Tensors.zeros(shape).normal_(0, 1, new Seed(2).child(use).optional());
    }

    @Override
    protected PriorConfiguration configuration() {
        return new RdpmConfiguration(new LlamaTransformerConfiguration(2, 32, 2), 4, null, 0, null, null, null);
    }

    @Override
    protected double learningRate() {
        return 3e-3;
    }

    @Override
    protected int stepsByHeart() {
        return 400;
    }

    @Override
    protected boolean stepsCanBeSearched() {
        return false;
    }
}
