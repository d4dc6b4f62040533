package dev.smalti.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.List;
import java.util.stream.DoubleStream;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The networks that can read a vector at each position instead of a token. */
class VectorInputTest {
    private static final NetworkShape SHAPE = NetworkShape.ofVectors(2, 3, 5, 7, 2);

    static List<NetworkConfiguration> networks() {
        return List.of(
                new DiffusionTransformerConfiguration(2, 16, 2, 16, null, null, null),
                new VqDiffusionTransformerConfiguration(2, 16, 2, null, 2, null, 0.2),
                new TransformerConfiguration(2, 16, 2, null, 0.2),
                new LlamaTransformerConfiguration(2, 16, 2));
    }

    @ParameterizedTest
    @MethodSource("networks")
    void every_logit_depends_on_every_vector(NetworkConfiguration configuration) {
        Scope.free(() -> {
            try (Parameters parameters = new Parameters(new Seed(1), Devices.cpu())) {
                Denoiser network = configuration.build(parameters, SHAPE);
                wake(parameters);
                Tensor z = vectors(2).requires_grad_(true);
                Tensor logits = network.logits(z, Tensors.floats(-1f, 2f), Tensors.longs(0, 2), null); // [2·6, 7]
                assertThat(new long[] {logits.size(0), logits.size(1)}).containsExactly(12, 7);
                for (long position = 0; position < 6; position++) {
                    z.mutable_grad().reset();
                    logits.select(0, position)
                            .select(0, 3)
                            .backward(new Tensor(), new BoolOptional(true), false, new TensorArrayRefOptional());
                    Tensor own = z.grad().abs().sum(2L); // [2, 6]
                    assertThat(DoubleStream.of(Tensors.toDoubles(own.select(0, 0)))
                                    .boxed())
                            .as("what the first grid's position %d takes from it", position)
                            .allMatch(each -> each > 0);
                    assertThat(Tensors.toDoubles(own.select(0, 1))).containsOnly(0);
                }
            }
        });
    }

    @ParameterizedTest
    @MethodSource("networks")
    void has_a_linear_map_of_the_vectors_and_no_table_of_tokens(NetworkConfiguration configuration) {
        Scope.free(() -> {
            try (Parameters vectors = new Parameters(new Seed(1), Devices.cpu());
                    Parameters tokens = new Parameters(new Seed(1), Devices.cpu())) {
                configuration.build(vectors, SHAPE);
                configuration.build(tokens, new NetworkShape(2, 3, 8, 7, 2, 0));
                assertThat(vectors.count() - tokens.count()).isEqualTo(16 * 5 + 16 - 16 * 8);
            }
        });
    }

    /** Layers that start at zero let nothing through. */
    private static void wake(Parameters parameters) {
        try (NoGradGuard guard = new NoGradGuard()) {
            GeneratorOptional draw = new Seed(2).optional();
            parameters
                    .weights()
                    .values()
                    .forEach(weight -> weight.add_(weight.mul(new Scalar(0.0)).normal_(0, 0.1, draw)));
        }
    }

    private static Tensor vectors(long grids) {
        return Tensors.zeros(grids, 6, 5).normal_(0, 1, new Seed(3).optional());
    }
}
