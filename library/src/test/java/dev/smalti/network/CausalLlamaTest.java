package dev.smalti.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CausalLlamaTest {
    private static final int K = 5;
    private static final int L = 6;
    private static final int GRIDS = 3;
    private static final int HEADS = 4;
    private static final long[] TOKENS = {4, 0, 1, 1, 2, 3, 0, 0, 0, 4, 4, 4, 3, 1, 2, 0, 4, 2};
    private static final long[] LABELS = {0, 1, 2};

    /** With 16,384 codes and 1,000 classes; the names of the released sizes say as many. */
    @ParameterizedTest
    @CsvSource({"12, 768, 12, 111", "24, 1024, 16, 343", "36, 1280, 20, 775", "48, 1536, 24, 1411", "24, 3200, 32, 3097"
    })
    void has_the_weights_of_the_published_sizes(int layers, int width, int heads, long millions) {
        long one = weights(1, width, heads);
        long layer = weights(2, width, heads) - one;
        assertThat(Math.round((one + (layers - 1) * layer) / 1e6)).isEqualTo(millions);
    }

    private static long weights(int layers, int width, int heads) {
        return Blueprint.sketch(device -> {
                    try (Parameters parameters = new Parameters(new Seed(1), device)) {
                        new CausalLlamaConfiguration(layers, width, heads)
                                .causal(parameters, new NetworkShape(16, 16, 16384, 16384, 1000, 0));
                        return parameters.blueprint();
                    }
                })
                .orElseThrow()
                .shapes()
                .values()
                .stream()
                .mapToLong(shape -> Arrays.stream(shape).reduce(1, (a, b) -> a * b))
                .sum();
    }

    @Test
    void guesses_a_token_from_all_before_it_and_none_after() {
        with(HEADS, 0, network -> {
            double[] before = logits(network, TOKENS, LABELS);
            for (int changed = 0; changed < L; changed++) {
                long[] other = TOKENS.clone();
                other[L + changed] = (other[L + changed] + 1) % K;
                double[] after = logits(network, other, LABELS);
                for (int position = 0; position < GRIDS * L; position++) {
                    boolean sees = position / L == 1 && position % L > changed;
                    double[] one = Arrays.copyOfRange(before, position * K, position * K + K);
                    double[] two = Arrays.copyOfRange(after, position * K, position * K + K);
                    assertThat(Arrays.equals(one, two))
                            .as("token %d apart from %d", position, L + changed)
                            .isEqualTo(!sees);
                }
            }
        });
    }

    @Test
    void sees_the_class_at_every_position() {
        with(HEADS, 0, network -> {
            double[] zero = logits(network, TOKENS, new long[] {0, 0, 0});
            double[] one = logits(network, TOKENS, new long[] {0, 0, 1});
            int last = 2 * L * K;
            assertThat(Arrays.copyOf(one, last)).isEqualTo(Arrays.copyOf(zero, last));
            for (int at = last; at < one.length; at += K) {
                assertThat(Arrays.copyOfRange(one, at, at + K)).isNotEqualTo(Arrays.copyOfRange(zero, at, at + K));
            }
        });
    }

    @ParameterizedTest
    @ValueSource(ints = {4, 2, 1})
    void guesses_the_same_token_by_token_with_keys_and_values_kept(int keyValueHeads) {
        with(keyValueHeads, 0, network -> assertThat(tokenByToken(network))
                .containsExactly(logits(network, TOKENS, LABELS), within(1e-5)));
    }

    @Test
    void guesses_nearly_the_same_in_bfloat16() {
        with(HEADS, 0, network -> {
            double[] exact = logits(network, TOKENS, LABELS);
            double largest = Arrays.stream(exact).map(Math::abs).max().orElseThrow();
            double[] together = Precision.BF16.run(Devices.cpu(), () -> logits(network, TOKENS, LABELS));
            double[] kept = Precision.BF16.run(Devices.cpu(), () -> tokenByToken(network));
            assertThat(together).isNotEqualTo(exact).containsExactly(exact, within(0.05 * largest));
            assertThat(kept).containsExactly(exact, within(0.05 * largest));
        });
    }

    @Test
    void does_the_work_of_one_pass_for_all_tokens_by_themselves() {
        with(2, 0, network -> assertThat(work(() -> tokenByToken(network)))
                .isEqualTo(work(() -> logits(network, TOKENS, LABELS))));
    }

    @Test
    void needs_no_class_where_there_is_none() {
        try (Parameters parameters = new Parameters(new Seed(2), Devices.cpu())) {
            CausalNetwork network = tiny(parameters, HEADS, 0, 0);
            Scope.free(() -> {
                Tensor x = Tensors.longs(TOKENS).view(-1, L);
                double[] all = Tensors.toDoubles(network.logits(x, null)); // [B·L, K]
                double[] first = Tensors.toDoubles(network.next(null, null, network.cache(1)));
                assertThat(first).containsExactly(Arrays.copyOf(all, K), within(1e-6));
            });
        }
    }

    @Test
    void drops_activations_in_training_only() {
        with(HEADS, 0.5, network -> assertThat(logits(network, TOKENS, LABELS))
                .isEqualTo(logits(network, TOKENS, LABELS)));
        try (Parameters parameters = new Parameters(new Seed(2), Devices.cpu())) {
            CausalNetwork network = tiny(parameters, HEADS, 0.5, 2);
            parameters.training(true);
            Scope.free(() -> assertThat(logits(network, TOKENS, LABELS)).isNotEqualTo(logits(network, TOKENS, LABELS)));
        }
    }

    @Test
    void starts_at_zero() {
        Scope.free(() -> {
            try (Parameters parameters = new Parameters(new Seed(1), Devices.cpu())) {
                CausalNetwork network =
                        new CausalLlamaConfiguration(1, 16, 2).causal(parameters, new NetworkShape(2, 3, K, K, 2, 0));
                assertThat(logits(network, TOKENS, LABELS)).containsOnly(0);
            }
        });
    }

    @Test
    void refuses_sizes_that_make_no_network() {
        assertThatThrownBy(() -> new CausalLlamaConfiguration(1, 12, 2))
                .hasMessage("width / heads must be a multiple of 4, got 6");
        assertThatThrownBy(() -> new CausalLlamaConfiguration(1, 32, 4, 3, null, null, null))
                .hasMessage("key_value_heads must be a divisor of heads, got 3 and 4");
        assertThatThrownBy(() -> new CausalLlamaConfiguration(1, 32, 4, null, 0, null, null))
                .hasMessage("feed_forward must be at least 1, got 0");
    }

    private static long work(Runnable body) {
        long before = Work.done();
        body.run();
        return Work.done() - before;
    }

    private static double[] logits(CausalNetwork network, long[] tokens, long[] labels) {
        return Tensors.toDoubles(network.logits(Tensors.longs(tokens).view(-1, L), Tensors.longs(labels)));
    }

    /** [B·L, K], as {@link #logits} */
    private static double[] tokenByToken(CausalNetwork network) {
        KeyValueCache cache = network.cache(GRIDS);
        Tensor x = Tensors.longs(TOKENS).view(GRIDS, L);
        Tensor[] steps = new Tensor[L];
        for (int i = 0; i < L; i++) {
            Tensor previous = i == 0 ? null : x.select(1, i - 1);
            steps[i] = network.next(previous, Tensors.longs(LABELS), cache).unsqueeze(1); // [B, 1, K]
        }
        return Tensors.toDoubles(Tensors.cat(1, steps));
    }

    private static void with(int keyValueHeads, double dropout, Consumer<CausalNetwork> body) {
        try (Parameters parameters = new Parameters(new Seed(2), Devices.cpu())) {
            CausalNetwork network = tiny(parameters, keyValueHeads, dropout, 2);
            Scope.free(() -> {
                try (NoGradGuard guard = new NoGradGuard()) {
                    body.accept(network);
                }
            });
        }
    }

    private static CausalNetwork tiny(Parameters parameters, int keyValueHeads, double dropout, int classes) {
        CausalNetwork network = new CausalLlamaConfiguration(3, 32, HEADS, keyValueHeads, 24, dropout, null)
                .causal(parameters, new NetworkShape(2, 3, K, K, classes, 0));
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                parameters.weights().forEach((name, weight) -> {
                    if (!name.contains("norm")) {
                        weight.normal_(0, 0.3, new Seed(3).child(name).optional());
                    }
                });
            }
        });
        return network;
    }
}
