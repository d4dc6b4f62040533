package dev.smalti.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class AskedRowsTest {
    private static final NetworkShape SHAPE = new NetworkShape(8, 8, 6, 5, 2, 0);
    private static final int ROWS = 2 * 64;

    static List<NetworkConfiguration> networks() {
        return List.of(
                new TransformerConfiguration(2, 16, 2, null, 0.2),
                new TransformerConfiguration(1, 1024, 2, null, 0.2), // whose gradient is written out
                new DiffusionTransformerConfiguration(2, 16, 2, 16, null, null, null),
                new VqDiffusionTransformerConfiguration(2, 16, 2, null, 2, null, 0.2),
                new LlamaTransformerConfiguration(2, 16, 2),
                new BesnierTransformerConfiguration(2, 16, 2));
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 31, 64, 700})
    void are_as_many_as_few_numbers_say(long all) {
        Set<Long> numbers = new HashSet<>();
        for (long asked = 1; asked <= all; asked++) {
            long count = asked;
            Scope.free(() -> {
                long[] at = LongStream.range(0, count).map(i -> all - 1 - i).toArray();
                AskedRows rows = AskedRows.of(Tensors.longs(at), all);
                double[] every = Tensors.toDoubles(rows.rows());
                numbers.add((long) every.length);
                assertThat(every)
                        .doesNotHaveDuplicates()
                        .startsWith(LongStream.of(at).asDoubleStream().toArray());
                assertThat(Arrays.stream(every)).allMatch(each -> each >= 0 && each < all);
                assertThat(rows.asked()).isEqualTo(count);
            });
        }
        assertThat(numbers).hasSizeLessThanOrEqualTo(32);
    }

    @Test
    void are_those_alone_where_no_gradient_is_recorded() {
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                Tensor at = Tensors.longs(5, 7);
                assertThat(AskedRows.of(at, 100).rows()).isSameAs(at);
            }
        });
    }

    @ParameterizedTest
    @MethodSource("networks")
    void change_neither_logits_nor_gradients(NetworkConfiguration configuration) {
        long[] at = {0, 3, 4, 60, 61, 63, 64, 90, 126};
        Map<String, double[]> some = gradients(configuration, at, true);
        Map<String, double[]> expected = gradients(configuration, at, false);
        assertThat(some.keySet()).isEqualTo(expected.keySet());
        expected.forEach((name, values) ->
                assertThat(some.get(name)).as(name).containsExactly(values, within(2e-3 * largest(values))));
    }

    private static double largest(double[] values) {
        return Math.max(1e-3, Arrays.stream(values).map(Math::abs).max().orElseThrow());
    }

    /** Of Σ w y² over the logits y at some rows, and the logits; asked for, or chosen from all. */
    private static Map<String, double[]> gradients(NetworkConfiguration configuration, long[] at, boolean asked) {
        Map<String, double[]> values = new LinkedHashMap<>();
        Scope.free(() -> {
            try (Parameters parameters = new Parameters(new Seed(1), Devices.cpu())) {
                Denoiser network = configuration.build(parameters, SHAPE);
                wake(parameters);
                parameters.training(true);
                Tensor xt = Tensors.longs(
                                LongStream.range(0, ROWS).map(i -> i * i % 6).toArray())
                        .view(2, 64);
                Tensor rows = Tensors.longs(at);
                Tensor time = Tensors.floats(1f, 2f);
                Tensor label = Tensors.longs(0, 2);
                Tensor logits = asked
                        ? network.logits(xt, time, label, rows)
                        : network.logits(xt, time, label, null).index_select(0, rows);
                values.put("logits", Tensors.toDoubles(logits));
                Tensor weights = Tensors.floats(1f, -2f, 3f, 0.5f, 1f);
                logits.mul(logits)
                        .mul(weights)
                        .sum()
                        .backward(new Tensor(), new BoolOptional(), false, new TensorArrayRefOptional());
                parameters.weights().forEach((name, weight) -> {
                    if (weight.grad().defined()) {
                        Tensor grad = weight.grad();
                        values.put(name, new double[] {
                            Tensors.toDoubles(grad.sum())[0],
                            Tensors.toDoubles(grad.mul(grad).sum().sqrt())[0],
                            Tensors.toDoubles(grad.view(-1)
                                    .mul(Tensors.uniform(new Seed(3).generator(), grad.numel()))
                                    .sum())[0]
                        });
                    }
                });
            }
        });
        return values;
    }

    /** Gates that begin at zero let nothing through. */
    private static void wake(Parameters parameters) {
        try (NoGradGuard guard = new NoGradGuard()) {
            parameters
                    .weights()
                    .forEach((name, weight) -> weight.add_(
                            weight.mul(new Scalar(0.0)).normal_(0, 0.05, new Seed(name.hashCode()).optional())));
        }
    }
}
