package dev.smalti.prior.autoregressive;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.draw.Guidance;
import dev.smalti.draw.LogitFilter;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.network.CausalLlamaConfiguration;
import dev.smalti.network.CausalNetworkConfiguration;
import dev.smalti.network.TransformerConfiguration;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.List;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Draws with keys and values kept, against whole passes over what is drawn so far, with the same random numbers, in float32. */
class CachedDrawsTest {
    private static final int K = 7;
    private static final int L = 12;
    private static final int CLASSES = 2;

    static Stream<CausalNetworkConfiguration> networks() {
        return Stream.of(
                new TransformerConfiguration(3, 32, 4, null),
                new CausalLlamaConfiguration(3, 32, 4),
                new CausalLlamaConfiguration(3, 32, 4, 2, null, null, null));
    }

    @ParameterizedTest
    @MethodSource("networks")
    void are_the_same_tokens(CausalNetworkConfiguration network) {
        try (AutoregressiveTransformer prior = new AutoregressiveTransformer(
                        new AutoregressiveConfiguration(network, null, null),
                        new TokenSpace(K, 3, 4),
                        CLASSES,
                        new Seed(1),
                        Devices.cpu());
                NoGradGuard guard = new NoGradGuard()) {
            prior.parameters()
                    .weights()
                    .forEach((name, weight) -> Scope.free(
                            () -> weight.normal_(0, 0.3, new Seed(1).child(name).optional())));
            List<Seed> seeds =
                    LongStream.range(0, 50).mapToObj(new Seed(5)::child).toList();
            Tensor label =
                    Tensors.longs(LongStream.range(0, 50).map(i -> i % CLASSES).toArray());
            for (double guidance : new double[] {0, 0.5}) {
                long[] drawn = Scope.value(() -> Tensors.toLongs(
                        prior.sample(prior.draw(Sampling.USUAL.guidance(guidance), RandomStreams.of(seeds))
                                .labels(label))));
                long[] again = Scope.value(() -> Tensors.toLongs(wholePasses(prior, label, seeds, guidance)));
                assertThat(drawn).as("guidance %s", guidance).isEqualTo(again);
                assertThat(LongStream.of(drawn).distinct().count()).isEqualTo(K);
            }
        }
    }

    private static Tensor wholePasses(
            AutoregressiveTransformer prior, Tensor label, List<Seed> seeds, double guidance) {
        RandomStreams numbers = RandomStreams.of(seeds);
        Tensor none = Tensors.filled(CLASSES, seeds.size());
        Tensor x = Tensors.filled(0, seeds.size(), L);
        for (int i = 0; i < L; i++) {
            Tensor at = Tensors.longs(
                    LongStream.iterate(i, each -> each + L).limit(seeds.size()).toArray());
            Tensor with = prior.denoiser().logits(x, null, label, at);
            Tensor without = prior.denoiser().logits(x, null, none, at);
            Tensor mixed = guidance == 0 ? with : Guidance.mix(with, without, guidance);
            Tensor token = numbers.pick(i + 1, at, L, LogitFilter.NONE.logProbabilities(mixed));
            x = x.flatten().index_copy(0, at, token).view(-1, L);
        }
        return x;
    }
}
