package dev.smalti.prior.absorbing;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.draw.Canvas;
import dev.smalti.draw.Looking;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.StepWatcher;
import dev.smalti.network.TransformerConfiguration;
import dev.smalti.prior.Prior;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.List;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Grids that each go on to their own next step are those whose steps are taken one by one. */
class AbsorbingTurnsTest {
    private static final int GRIDS = 5;
    private static final int CLASSES = 3;

    static Stream<Sampling> samplings() {
        return Stream.of(
                Sampling.USUAL,
                Sampling.USUAL.steps(5),
                Sampling.USUAL.steps(1),
                Sampling.USUAL.steps(7).guidance(1.5),
                Sampling.USUAL.canvas(new Canvas(6, 5)),
                Sampling.USUAL.canvas(new Canvas(6, 5)).looking(Looking.RANDOM),
                Sampling.USUAL.canvas(new Canvas(6, 5)).looking(Looking.RANDOM).guidance(0.5));
    }

    @ParameterizedTest
    @MethodSource("samplings")
    void draws_the_same(Sampling sampling) {
        TransformerConfiguration network = new TransformerConfiguration(2, 16, 2, 0.0, 0.5);
        for (int masks : new int[] {1, 3}) {
            try (Prior prior = new AbsorbingConfiguration(network, null, null, null, null, null, masks, null, null)
                    .build(new TokenSpace(7, 4, 4), CLASSES, new Seed(1), Devices.cpu())) {
                assertThat(draw(prior, sampling, StepWatcher.NONE))
                        .isEqualTo(draw(prior, sampling, (done, of, xt) -> assertThat(xt)
                                .isNotNull()));
            }
        }
    }

    private static long[] draw(Prior prior, Sampling sampling, StepWatcher watcher) {
        return Scope.value(() -> {
            List<Seed> seeds =
                    LongStream.range(0, GRIDS).mapToObj(new Seed(2)::child).toList();
            return Tensors.toLongs(prior.sample(prior.draw(sampling, RandomStreams.of(seeds))
                    .labels(Tensors.longs(0, 1, 2, CLASSES, 0))
                    .watcher(watcher)));
        });
    }
}
