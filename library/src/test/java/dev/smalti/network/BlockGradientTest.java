package dev.smalti.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Against the gradient that autograd records of the same blocks. */
class BlockGradientTest {
    private static final long[] SHAPE = {3, 10, 24}; // B, L, D
    private static final long[] SOME = {2, 3, 11, 29, 7, 20, 0}; // of B·L rows

    @ParameterizedTest
    @CsvSource({"FP32,false,1e-4", "FP32,true,1e-4", "BF16,false,0.03", "BF16,true,0.03"})
    void gives_the_output_and_all_gradients_of_autograd(Precision precision, boolean causal, double tolerance) {
        try (Parameters parameters = new Parameters(new Seed(4), Devices.cpu())) {
            List<Block> blocks = blocks(parameters);
            parameters.training(true);
            Map<String, double[]> expected = gradients(parameters, blocks, causal, precision, false);
            Map<String, double[]> own = gradients(parameters, blocks, causal, precision, true);
            assertThat(own.keySet()).isEqualTo(expected.keySet()).contains("output", "input", "1.attn.qkv.weight");
            expected.forEach((name, values) ->
                    assertThat(distance(own.get(name), values)).as(name).isLessThan(tolerance));
        }
    }

    @ParameterizedTest
    @CsvSource({"FP32,false,1e-4", "FP32,true,1e-4", "BF16,false,0.03", "BF16,true,0.03"})
    void gives_those_of_some_rows_alone(Precision precision, boolean recompute, double tolerance) {
        try (Parameters parameters = new Parameters(new Seed(4), Devices.cpu())) {
            List<Block> blocks = blocks(parameters);
            parameters.training(true);
            parameters.recompute(recompute);
            Map<String, double[]> expected = gradients(parameters, blocks, false, precision, false, SOME);
            Map<String, double[]> own = gradients(parameters, blocks, false, precision, true, SOME);
            assertThat(own.get("output")).hasSize((int) (SOME.length * SHAPE[2]));
            expected.forEach((name, values) ->
                    assertThat(distance(own.get(name), values)).as(name).isLessThan(tolerance));
        }
    }

    @ParameterizedTest
    @CsvSource({"FP32", "BF16"})
    void gives_the_same_bit_for_bit_where_blocks_are_computed_again(Precision precision) {
        try (Parameters parameters = new Parameters(new Seed(4), Devices.cpu())) {
            List<Block> blocks = blocks(parameters);
            parameters.training(true);
            Map<String, double[]> kept = gradients(parameters, blocks, true, precision, true);
            parameters.recompute(true);
            Map<String, double[]> again = gradients(parameters, blocks, true, precision, true);
            kept.forEach((name, values) -> assertThat(again.get(name)).as(name).isEqualTo(values));
        }
    }

    @ParameterizedTest
    @CsvSource({"FP32,false", "BF16,false", "FP32,true", "BF16,true"})
    void frees_what_it_saved(Precision precision, boolean recompute) {
        try (Parameters parameters = new Parameters(new Seed(4), Devices.cpu())) {
            List<Block> blocks = blocks(parameters);
            parameters.training(true);
            parameters.recompute(recompute);
            gradients(parameters, blocks, false, precision, true);
            gradients(parameters, blocks, false, precision, true, SOME);
            long before = Pointer.totalCount();
            for (int i = 0; i < 5; i++) {
                gradients(parameters, blocks, false, precision, true);
                gradients(parameters, blocks, false, precision, true, SOME);
            }
            assertThat(Pointer.totalCount()).isLessThanOrEqualTo(before);
        }
    }

    @Test
    void keeps_what_it_needs_where_the_scope_of_the_forward_pass_has_ended() {
        try (Parameters parameters = new Parameters(new Seed(4), Devices.cpu())) {
            List<Block> blocks = blocks(parameters);
            Scope.free(() -> {
                Tensor x = Tensors.zeros(SHAPE).normal_(0, 1, new Seed(1).optional());
                x.set_requires_grad(true);
                Tensor y = Scope.keep(() ->
                        BlockGradient.forward(blocks, x.mul(new Scalar(2.0)), false, ScalarType.Float, true, null));
                System.gc();
                y.sum().backward();
                assertThat(Tensors.toDoubles(x.grad().abs().sum())[0]).isPositive();
            });
        }
    }

    @Test
    void leaves_blocks_to_autograd_of_which_something_is_not_trained() {
        try (Parameters parameters = new Parameters(new Seed(4), Devices.cpu())) {
            List<Block> blocks = blocks(parameters);
            parameters.training(true);
            parameters.child(0).requireGradients(false);
            Scope.free(() -> {
                long rows = BlockGradient.LEAST / SHAPE[1] / SHAPE[2] + 1;
                Tensor x = Tensors.zeros(rows, SHAPE[1], SHAPE[2]).normal_(0, 1, new Seed(1).optional());
                x.set_requires_grad(true);
                Block.all(blocks, parameters, x, false).sum().backward();
                parameters
                        .weights()
                        .forEach((name, weight) ->
                                assertThat(weight.grad().defined()).as(name).isEqualTo(name.startsWith("1.")));
            });
        }
    }

    private static List<Block> blocks(Parameters parameters) {
        TransformerConfiguration configuration = new TransformerConfiguration(2, 24, 3, 0.0, 0.2);
        List<Block> blocks = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            blocks.add(new Block(parameters.child(i), configuration));
        }
        return blocks;
    }

    private static Map<String, double[]> gradients(
            Parameters parameters, List<Block> blocks, boolean causal, Precision precision, boolean own) {
        return gradients(parameters, blocks, causal, precision, own, null);
    }

    /**
     * Output, gradient of the input, and those of all weights of two losses together.
     *
     * @param some rows; null for all
     */
    private static Map<String, double[]> gradients(
            Parameters parameters, List<Block> blocks, boolean causal, Precision precision, boolean own, long[] some) {
        Map<String, double[]> all = new LinkedHashMap<>();
        for (int part = 0; part < 2; part++) {
            int seed = part;
            Scope.free(() -> {
                Tensor x = Tensors.zeros(SHAPE).normal_(0, 1, new Seed(seed).optional());
                x.set_requires_grad(true);
                Tensor at = some == null ? null : Tensors.longs(some);
                Tensor weights = Tensors.zeros(SHAPE).normal_(0, 1, new Seed(9).optional());
                Tensor inner = x.mul(weights); // a hook of a leaf would see what is added to it
                Tensor y = precision.run(
                        Devices.cpu(),
                        () -> own
                                ? BlockGradient.forward(
                                        blocks,
                                        inner,
                                        causal,
                                        Precision.products(Devices.cpu()),
                                        parameters.recompute(),
                                        at)
                                : rows(recorded(blocks, inner, causal), at));
                y.to(ScalarType.Float).mul(rows(weights, at)).mul(y).sum().backward();
                all.put("output", Tensors.toDoubles(y));
                all.put("input", Tensors.toDoubles(x.grad()));
            });
        }
        parameters
                .weights()
                .forEach((name, weight) -> Scope.free(() -> {
                    all.put(name, Tensors.toDoubles(weight.grad()));
                    weight.mutable_grad().reset();
                }));
        return all;
    }

    private static Tensor rows(Tensor x, Tensor at) {
        return at == null ? x : x.reshape(-1, SHAPE[2]).index_select(0, at);
    }

    private static Tensor recorded(List<Block> blocks, Tensor x, boolean causal) {
        Tensor y = x;
        for (Block block : blocks) {
            y = block.forward(y, causal);
        }
        return y;
    }

    /** |a - b| / |b| */
    private static double distance(double[] a, double[] b) {
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < b.length; i++) {
            difference += (a[i] - b[i]) * (a[i] - b[i]);
            norm += b[i] * b[i];
        }
        return Math.sqrt(difference / norm);
    }
}
