package dev.smalti.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.Arrays;
import java.util.function.Consumer;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

class CausalTransformerTest {
    private static final int K = 5;
    private static final int L = 6;
    private static final int LAYERS = 3;
    private static final int WIDTH = 12;
    private static final int GRIDS = 3;
    private static final long[] TOKENS = {4, 0, 1, 1, 2, 3, 0, 0, 0, 4, 4, 4, 3, 1, 2, 0, 4, 2};
    private static final long[] LABELS = {0, 1, 2};

    @Test
    void guesses_a_token_from_all_before_it_and_none_after() {
        with(0, network -> {
            double[] before = logits(network, TOKENS, LABELS);
            for (int changed = 0; changed < L; changed++) {
                long[] other = TOKENS.clone();
                other[L + changed] = (other[L + changed] + 1) % K;
                double[] after = logits(network, other, LABELS);
                for (int position = 0; position < GRIDS * L; position++) {
                    boolean sees = position / L == 1 && position % L > changed;
                    double[] one = Arrays.copyOfRange(before, position * K, position * K + K);
                    double[] two = Arrays.copyOfRange(after, position * K, position * K + K);
                    if (sees) {
                        assertThat(two)
                                .as("token %d sees %d", position, L + changed)
                                .isNotEqualTo(one);
                    } else {
                        assertThat(two)
                                .as("token %d without %d", position, L + changed)
                                .isEqualTo(one);
                    }
                }
            }
        });
    }

    @Test
    void sees_the_class_at_every_position() {
        with(0, network -> {
            double[] zero = logits(network, TOKENS, new long[] {0, 0, 0});
            double[] one = logits(network, TOKENS, new long[] {0, 0, 1});
            int last = 2 * L * K;
            assertThat(Arrays.copyOf(one, last)).isEqualTo(Arrays.copyOf(zero, last));
            for (int at = last; at < one.length; at += K) {
                assertThat(Arrays.copyOfRange(one, at, at + K)).isNotEqualTo(Arrays.copyOfRange(zero, at, at + K));
            }
        });
    }

    @Test
    void guesses_the_same_of_the_first_tokens_alone() {
        with(0, network -> {
            double[] all = logits(network, TOKENS, LABELS);
            for (int n = 1; n <= L; n++) {
                Tensor x = Tensors.longs(TOKENS).view(GRIDS, L).narrow(1, 0, n);
                double[] first = Tensors.toDoubles(network.logits(x, Tensors.longs(LABELS)));
                assertThat(first).hasSize(GRIDS * n * K);
                for (int grid = 0; grid < GRIDS; grid++) {
                    assertThat(Arrays.copyOfRange(first, grid * n * K, (grid + 1) * n * K))
                            .containsExactly(Arrays.copyOfRange(all, grid * L * K, (grid * L + n) * K), within(1e-5));
                }
            }
        });
    }

    @Test
    void guesses_the_same_token_by_token_with_keys_and_values_kept() {
        with(0, network -> assertThat(tokenByToken(network))
                .containsExactly(logits(network, TOKENS, LABELS), within(1e-5)));
    }

    /** The products in bfloat16, with 8 bits of precision, and what attention does then in place of the fused kernel. */
    @Test
    void guesses_nearly_the_same_in_bfloat16() {
        with(0, network -> {
            double[] exact = logits(network, TOKENS, LABELS);
            double largest = Arrays.stream(exact).map(Math::abs).max().orElseThrow();
            double[] together = Precision.BF16.run(Devices.cpu(), () -> logits(network, TOKENS, LABELS));
            double[] kept = Precision.BF16.run(Devices.cpu(), () -> {
                assertThat(Precision.products(Devices.cpu()).intern()).isEqualTo(ScalarType.BFloat16);
                return tokenByToken(network);
            });
            assertThat(together).isNotEqualTo(exact).containsExactly(exact, within(0.05 * largest));
            assertThat(kept).containsExactly(exact, within(0.05 * largest));
            assertThat(Precision.products(Devices.cpu()).intern()).isEqualTo(ScalarType.Float);
        });
    }

    @Test
    void drops_activations_in_training_only() {
        try (Parameters parameters = new Parameters(new Seed(2), Devices.cpu())) {
            CausalTransformer network = tiny(parameters, 0.5);
            Scope.free(() -> {
                double[] before = logits(network, TOKENS, LABELS);
                assertThat(logits(network, TOKENS, LABELS)).isEqualTo(before);
                parameters.training(true);
                assertThat(logits(network, TOKENS, LABELS)).isNotEqualTo(before);
            });
        }
    }

    /** All L tokens by themselves are as much work as one pass over the grid; a pass for each is about L/2 times that. */
    @Test
    void computes_no_more_token_by_token_than_all_at_once() {
        with(0, network -> {
            long layer = 2L * L * 12 * WIDTH * WIDTH + 4L * WIDTH * L * (L + 1) / 2;
            long pass = GRIDS * (LAYERS * layer + 2L * L * WIDTH * K);
            assertThat(work(() -> logits(network, TOKENS, LABELS)))
                    .as("one pass")
                    .isEqualTo(pass);
            assertThat(work(() -> tokenByToken(network))).as("token by token").isEqualTo(pass);
        });
    }

    @Test
    void computes_for_each_token_one_position_and_what_it_sees() {
        with(0, network -> {
            KeyValueCache cache = network.cache(GRIDS);
            for (int i = 0; i < L; i++) {
                Tensor previous =
                        i == 0 ? null : Tensors.longs(TOKENS).view(GRIDS, L).select(1, i - 1);
                long expected = GRIDS * (LAYERS * (2L * 12 * WIDTH * WIDTH + 4L * WIDTH * (i + 1)) + 2L * WIDTH * K);
                assertThat(work(() -> network.next(previous, Tensors.longs(LABELS), cache)))
                        .as("token " + i)
                        .isEqualTo(expected);
            }
        });
    }

    private static long work(Runnable body) {
        long before = Work.done();
        body.run();
        return Work.done() - before;
    }

    private static double[] logits(CausalTransformer network, long[] tokens, long[] labels) {
        return Tensors.toDoubles(network.logits(Tensors.longs(tokens).view(-1, L), Tensors.longs(labels)));
    }

    /** [B·L, K], as {@link #logits} */
    private static double[] tokenByToken(CausalTransformer network) {
        try (NoGradGuard guard = new NoGradGuard()) {
            KeyValueCache cache = network.cache(GRIDS);
            Tensor x = Tensors.longs(TOKENS).view(GRIDS, L);
            Tensor[] steps = new Tensor[L];
            for (int i = 0; i < L; i++) {
                Tensor previous = i == 0 ? null : x.select(1, i - 1);
                steps[i] = network.next(previous, Tensors.longs(LABELS), cache).unsqueeze(1); // [B, 1, K]
            }
            return Tensors.toDoubles(Tensors.cat(1, steps));
        }
    }

    private static void with(double dropout, Consumer<CausalTransformer> body) {
        try (Parameters parameters = new Parameters(new Seed(2), Devices.cpu())) {
            CausalTransformer network = tiny(parameters, dropout);
            Scope.free(() -> {
                try (NoGradGuard guard = new NoGradGuard()) {
                    body.accept(network);
                }
            });
        }
    }

    private static CausalTransformer tiny(Parameters parameters, double dropout) {
        CausalTransformer network = new CausalTransformer(
                parameters,
                new TransformerConfiguration(LAYERS, WIDTH, 3, dropout),
                new NetworkShape(2, 3, K, K, 2, 0));
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                parameters.weights().forEach((name, weight) -> {
                    if (!name.contains("ln")) {
                        weight.normal_(0, 0.5, new Seed(3).child(name).optional());
                    }
                });
            }
        });
        return network;
    }
}
