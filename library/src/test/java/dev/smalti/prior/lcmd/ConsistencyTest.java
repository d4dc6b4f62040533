package dev.smalti.prior.lcmd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.network.DiffusionTransformerConfiguration;
import dev.smalti.prior.TokenBatch;
import dev.smalti.prior.lcmd.LcmdConfiguration.Consistency;
import dev.smalti.prior.lcmd.LcmdConfiguration.Dropping;
import dev.smalti.prior.lcmd.LcmdConfiguration.Embedding;
import dev.smalti.prior.lcmd.LcmdConfiguration.Origin;
import dev.smalti.prior.lcmd.LcmdConfiguration.Pair;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the consistency loss is, and where its minimum lies, which is why collapse is what it asks for. */
class ConsistencyTest {
    private static final int CODES = 5;
    private static final int LENGTH = 4;
    private static final int WIDTH = 16;
    private static final int GRIDS = 4000;

    /** Shifts of the noise. */
    @ParameterizedTest
    @ValueSource(doubles = {1, 0.5, 0.25})
    void the_exact_posterior_pays_for_consistency_along_the_flow_and_a_constant_guess_does_not(double shift) {
        Scope.free(() -> {
            Moments moments = moments(shift, Pair.FLOW);
            System.out.println("flow " + shift + " " + moments.cost + " " + moments.bias);
            System.out.println("data " + shift + " " + moments(shift, Pair.DATA).cost+ " " + moments(shift, Pair.DATA).bias);
        });
    }

    private record Moments(double cost, double bias) {}

    private static Moments moments(double shift, Pair pair) {
        Generator generator = new Seed(12).generator();
        Tensor directions = torch.randn(
                new long[] {CODES, WIDTH}, new GeneratorOptional(generator), Tensors.options(ScalarType.Double));
        Tensor norms = directions.square().sum(1).sqrt().unsqueeze(1);
        Tensor embeddings = directions.div(norms).mul(new Scalar(Math.sqrt(WIDTH)));
        ExactGuess exact = ExactGuess.of(CODES, LENGTH, embeddings, 20, 2.3);
        ShiftedCosine schedule = new ShiftedCosine(shift, null);
        Tensor t = Tensors.uniform(generator, GRIDS);
        NoiseLevel now = schedule.at(t);
        NoiseLevel less = schedule.at(t.mul(Tensors.uniform(generator, GRIDS)));
        Tensor state = exact.probabilities().multinomial(GRIDS, true, new GeneratorOptional(generator));
        Tensor clean = Embeddings.of(embeddings, exact.states().index_select(0, state)); // [B, L, D]
        Tensor z = now.noised(clean, normal(clean, generator));
        Tensor atNow = guess(exact, z, now); // [B, L, K]
        Tensor nearer = pair == Pair.FLOW
                ? now.ddim(z, atNow.matmul(embeddings), less)
                : now.ancestral(z, clean, less, normal(clean, generator));
        Tensor atLess = guess(exact, nearer, less);
        double cost = Lcmd.divergence(atLess.log(), atNow.log()).item_double();
        Tensor change = atLess.sub(atNow).flatten(1, -1); // [B, L K]
        Tensor known = atNow.flatten(1, -1).sub(atNow.flatten(1,-1).mean(0L)); 
        Tensor product = change.unsqueeze(2).mul(known.unsqueeze(1)); // [B, L K, L K]
        Tensor scores = product.mean(0L).div(product.std(0).div(new Scalar(Math.sqrt(GRIDS))));
        return new Moments(cost, scores.abs().max().item_double());
    }

    private static Tensor normal(Tensor like, Generator generator) {
        long[] shape = {like.size(0), like.size(1), like.size(2)};
        return torch.randn(shape, new GeneratorOptional(generator), Tensors.options(ScalarType.Double));
    }

    private static Tensor guess(ExactGuess exact, Tensor z, NoiseLevel level) {
        return exact.logits(z, level.lambda().mul(new Scalar(-0.5)), null, null).exp().view(-1, LENGTH, CODES);
    }
}
