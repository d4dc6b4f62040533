package dev.smalti.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.function.Function;
import java.util.stream.Stream;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Last layers in float32 while all around is bfloat16. */
class ExactLogitsTest {
    private static final int WIDTH = 16; // as many outputs as features, for a head that shows them
    private static final NetworkShape PLAIN = new NetworkShape(2, 3, WIDTH + 1, WIDTH, 2, 0);
    private static final NetworkShape EXACT = PLAIN.withExactLogits();
    private static final NetworkConfiguration DIT =
            new DiffusionTransformerConfiguration(2, WIDTH, 2, 8, null, true, null);
    private static final String DIT_HEAD = "output_layer.linear.weight";

    static Stream<Arguments> networks() {
        return Stream.of(
                Arguments.of(DIT, DIT_HEAD),
                Arguments.of(new TransformerConfiguration(2, WIDTH, 2, null), "head.weight"),
                Arguments.of(new LlamaTransformerConfiguration(2, WIDTH, 2, null, null, null), "head.weight"),
                Arguments.of(
                        new VqDiffusionTransformerConfiguration(2, WIDTH, 2, null, null, null, null),
                        "to_logits.1.weight"));
    }

    /** What {@code use} makes of logits [6·B, K] in bfloat16 without gradients; {@code head} null for random weights. */
    private static <T> T logits(
            NetworkConfiguration configuration, NetworkShape shape, String name, Tensor head, Function<Tensor, T> use) {
        try (Parameters parameters = new Parameters(new Seed(1), Devices.cpu())) {
            Denoiser network = configuration.build(parameters, shape);
            return Scope.value(() -> {
                try (NoGradGuard guard = new NoGradGuard()) {
                    randomise(parameters);
                    if (head != null) {
                        parameters.weights().get(name).copy_(head);
                    }
                    return use.apply(Precision.BF16.run(Devices.cpu(), () -> forward(network)));
                }
            });
        }
    }

    private static Tensor forward(Denoiser network) {
        Tensor x = Tensors.longs(0, 3, 16, 7, 9, 16, 16, 16, 16, 2, 2, 15).view(2, 6);
        return network.logits(x, Tensors.floats(0.5f, 2), Tensors.longs(0, 1), null);
    }

    private static void randomise(Parameters parameters) {
        parameters
                .weights()
                .forEach((name, weight) ->
                        weight.normal_(0, 0.4, new Seed(3).child(name).optional()));
    }

    private static double shareInBfloat16(Tensor logits) {
        return logits.to(ScalarType.BFloat16)
                .to(ScalarType.Float)
                .eq(logits)
                .to(ScalarType.Float)
                .mean()
                .item_double();
    }

    @ParameterizedTest
    @MethodSource("networks")
    void are_those_of_a_float32_head_on_the_same_features(NetworkConfiguration configuration, String name) {
        Scope.free(() -> {
            Tensor identity = torch.eye(WIDTH);
            Tensor head = torch.zeros(new long[] {WIDTH, WIDTH}).normal_(0, 2, new Seed(4).optional());
            double[] features = logits(configuration, EXACT, name, identity, Tensors::toDoubles); // with the bias
            double[] bias = logits(configuration, EXACT, name, torch.zeros_like(head), Tensors::toDoubles);
            Tensor own = Tensors.doubles(bias).view(-1, WIDTH);
            Tensor expected = Tensors.doubles(features)
                    .view(-1, WIDTH)
                    .sub(own)
                    .matmul(head.to(ScalarType.Double).t())
                    .add(own);
            logits(configuration, EXACT, name, head, logits -> {
                assertThat(logits.scalar_type().intern()).isEqualTo(ScalarType.Float);
                assertThat(shareInBfloat16(logits)).isLessThan(0.1);
                double most = expected.abs().max().item_double();
                assertThat(logits.sub(expected).abs().max().item_double()).isLessThan(2e-6 * most);
                return null;
            });
            logits(configuration, PLAIN, name, head, logits -> {
                assertThat(shareInBfloat16(logits)).as("without").isEqualTo(1);
                assertThat(logits.sub(expected).abs().max().item_double())
                        .as("without")
                        .isGreaterThan(1e-3);
                return null;
            });
        });
    }

    /** Its head is the embedding of its tokens. */
    @Test
    void are_float32_where_the_head_is_tied() {
        NetworkConfiguration halton = new HaltonTransformerConfiguration(2, WIDTH, 2, null, 1, 1, null);
        double exact = logits(halton, EXACT, null, null, ExactLogitsTest::shareInBfloat16);
        double plain = logits(halton, PLAIN, null, null, ExactLogitsTest::shareInBfloat16);
        assertThat(exact).isLessThan(0.1);
        assertThat(plain).isEqualTo(1);
    }

    @Test
    void have_gradients_in_float32() {
        try (Parameters parameters = new Parameters(new Seed(1), Devices.cpu())) {
            Denoiser network = DIT.build(parameters, EXACT);
            Scope.free(() -> {
                Tensor features;
                try (NoGradGuard guard = new NoGradGuard()) {
                    randomise(parameters);
                    Tensor head = parameters.weights().get(DIT_HEAD);
                    Tensor own = head.clone();
                    head.copy_(torch.eye(WIDTH));
                    parameters.weights().get("output_layer.linear.bias").zero_();
                    features = Precision.BF16
                            .run(Devices.cpu(), () -> forward(network))
                            .clone();
                    head.copy_(own);
                }
                parameters.requireGradients(true);
                parameters.training(true);
                Tensor g = torch.zeros(new long[] {12, WIDTH}).normal_(0, 1, new Seed(5).optional());
                Precision.BF16
                        .run(Devices.cpu(), () -> forward(network))
                        .mul(g)
                        .sum()
                        .backward();
                Tensor expected = g.t().to(ScalarType.Double).matmul(features.to(ScalarType.Double));
                Tensor found = parameters.weights().get(DIT_HEAD).grad();
                assertThat(shareInBfloat16(found)).isLessThan(0.1);
                assertThat(found.sub(expected).abs().max().item_double())
                        .isLessThan(1e-5 * expected.abs().max().item_double());
                Tensor below = parameters.weights().get("blocks.0.mlp.0.weight").grad();
                assertThat(below.abs().gt(new Scalar(0.0)).any().item_bool()).isTrue();
            });
        }
    }
}
