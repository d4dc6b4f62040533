package dev.smalti.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.network.VqDiffusionTransformerConfiguration.Activation;
import dev.smalti.network.VqDiffusionTransformerConfiguration.Times;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.function.DoubleUnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * VQ-Diffusion's network in every combination that its released code can be configured to, against plain loops over numbers.
 * Their fixture has one of them: GELU2, convolutions, a table of times.
 */
class VqDiffusionByHandTest {
    private static final int T = 7;
    private static final int K = 5;
    private static final int H = 2;
    private static final int W = 3;
    private static final int D = 8;
    private static final int HEADS = 2;
    private static final int WIDE = 2 * D;
    private static final int LAYERS = 2;
    private static final int[] TOKENS = {5, 0, 1, 5, 2, 3};

    @ParameterizedTest
    @CsvSource({
        "GELU, false, LEARNT, 0",
        "GELU, false, SINUSOIDAL, 0",
        "GELU, true, LEARNT, 2",
        "GELU, true, SINUSOIDAL, 0",
        "GELU2, false, LEARNT, 0",
        "GELU2, false, SINUSOIDAL, 2",
        "GELU2, true, LEARNT, 0",
        "GELU2, true, SINUSOIDAL, 2"
    })
    void computes_what_the_loops_do(Activation activation, boolean convolution, Times times, int classes) {
        VqDiffusionTransformerConfiguration configuration = new VqDiffusionTransformerConfiguration(
                LAYERS, D, HEADS, convolution, WIDE / D, null, 0.5, null, null, null, activation, times);
        try (Parameters parameters = new Parameters(new Seed(4), Devices.cpu())) {
            VqDiffusionTransformer network =
                    new VqDiffusionTransformer(parameters, configuration, new NetworkShape(H, W, K + 1, K, classes, T));
            Scope.free(() -> {
                long[] tokens = Arrays.stream(TOKENS).asLongStream().toArray();
                for (int t = 0; t < T; t += 3) {
                    Tensor logits = network.logits(
                            Tensors.longs(tokens).view(1, -1),
                            Tensors.floats(t),
                            classes == 0 ? null : Tensors.longs(1),
                            null);
                    double[] expected = new ByHand(parameters, configuration, classes).logits(t);
                    assertThat(Tensors.toDoubles(logits)).containsExactly(expected, within(1e-4));
                }
            });
        }
    }

    /** The same with label 1. Letters: x and y [L][D]. */
    private static final class ByHand {
        private final Map<String, double[]> weights = new HashMap<>();
        private final VqDiffusionTransformerConfiguration configuration;
        private final int classes;

        ByHand(Parameters parameters, VqDiffusionTransformerConfiguration configuration, int classes) {
            parameters.weights().forEach((name, tensor) -> weights.put(name, Tensors.toDoubles(tensor)));
            this.configuration = configuration;
            this.classes = classes;
        }

        double[] logits(int t) {
            double[][] x = new double[TOKENS.length][];
            for (int i = 0; i < x.length; i++) {
                x[i] = plus(
                        row("content_emb.emb.weight", TOKENS[i]),
                        plus(row("content_emb.height_emb.weight", i / W), row("content_emb.width_emb.weight", i % W)));
            }
            for (int layer = 0; layer < LAYERS; layer++) {
                String block = "blocks." + layer + ".";
                double[] time = configuration.times() == Times.LEARNT ? row(block + "ln1.emb.weight", t) : sinusoids(t);
                double[][] mixed = attention(block + "attn.", adaptive(x, block + "ln1.", time));
                x = plus(x, mixed);
                double[][] normed = classes == 0
                        ? affine(x, block + "ln2.")
                        : adaptive(x, block + "ln2.", row(block + "ln2.emb.weight", 1));
                x = plus(x, configuration.convolution() ? convolutions(block, normed) : linears(block, normed));
            }
            return Arrays.stream(affine(x, "to_logits.0."))
                    .flatMapToDouble(each -> Arrays.stream(linear("to_logits.1.", each)))
                    .toArray();
        }

        private double[] row(String name, int which) {
            return Arrays.copyOfRange(weights.get(name), which * D, which * D + D);
        }

        /** sin, then cos, of t / T · 4000 at frequencies from 1 down to 1 / 10000. */
        private static double[] sinusoids(int t) {
            double[] all = new double[D];
            for (int j = 0; j < D / 2; j++) {
                double phase = 4000.0 * t / T * Math.pow(10000, -j / (D / 2 - 1.0));
                all[j] = Math.sin(phase);
                all[D / 2 + j] = Math.cos(phase);
            }
            return all;
        }

        private static double[] plus(double[] a, double[] b) {
            double[] sum = a.clone();
            for (int i = 0; i < sum.length; i++) {
                sum[i] += b[i];
            }
            return sum;
        }

        private static double[][] plus(double[][] a, double[][] b) {
            double[][] sum = new double[a.length][];
            for (int i = 0; i < sum.length; i++) {
                sum[i] = plus(a[i], b[i]);
            }
            return sum;
        }

        private double[] linear(String layer, double[] x) {
            double[] y = weights.get(layer + "bias").clone();
            double[] weight = weights.get(layer + "weight");
            for (int o = 0; o < y.length; o++) {
                for (int i = 0; i < x.length; i++) {
                    y[o] += weight[o * x.length + i] * x[i];
                }
            }
            return y;
        }

        private static double[] normed(double[] x) {
            double mean = Arrays.stream(x).average().orElseThrow();
            double variance = Arrays.stream(x)
                    .map(each -> (each - mean) * (each - mean))
                    .average()
                    .orElseThrow();
            return Arrays.stream(x)
                    .map(each -> (each - mean) / Math.sqrt(variance + 1e-5))
                    .toArray();
        }

        private double[][] affine(double[][] x, String norm) {
            double[][] y = new double[x.length][];
            for (int i = 0; i < x.length; i++) {
                y[i] = normed(x[i]);
                for (int d = 0; d < D; d++) {
                    y[i][d] = y[i][d] * weights.get(norm + "weight")[d] + weights.get(norm + "bias")[d];
                }
            }
            return y;
        }

        private double[][] adaptive(double[][] x, String norm, double[] told) {
            double[] both = linear(
                    norm + "linear.",
                    Arrays.stream(told)
                            .map(each -> each / (1 + Math.exp(-each)))
                            .toArray());
            double[][] y = new double[x.length][];
            for (int i = 0; i < x.length; i++) {
                y[i] = normed(x[i]);
                for (int d = 0; d < D; d++) {
                    y[i][d] = y[i][d] * (1 + both[d]) + both[D + d];
                }
            }
            return y;
        }

        private double[][] attention(String layer, double[][] x) {
            int length = x.length;
            int channels = D / HEADS;
            double[][] all =
                    Arrays.stream(x).map(each -> linear(layer + "qkv.", each)).toArray(double[][]::new);
            double[][] mixed = new double[length][D];
            for (int head = 0; head < HEADS; head++) {
                for (int i = 0; i < length; i++) {
                    double[] share = new double[length];
                    double total = 0;
                    for (int j = 0; j < length; j++) {
                        double score = 0;
                        for (int d = 0; d < channels; d++) {
                            score += all[i][head * channels + d] * all[j][D + head * channels + d];
                        }
                        share[j] = Math.exp(score / Math.sqrt(channels));
                        total += share[j];
                    }
                    for (int j = 0; j < length; j++) {
                        for (int d = 0; d < channels; d++) {
                            mixed[i][head * channels + d] += share[j] / total * all[j][2 * D + head * channels + d];
                        }
                    }
                }
            }
            return Arrays.stream(mixed)
                    .map(each -> linear(layer + "proj.", each))
                    .toArray(double[][]::new);
        }

        private double[][] linears(String block, double[][] x) {
            return Arrays.stream(x)
                    .map(each -> linear(
                            block + "mlp.2.",
                            Arrays.stream(linear(block + "mlp.0.", each))
                                    .map(activation())
                                    .toArray()))
                    .toArray(double[][]::new);
        }

        private double[][] convolutions(String block, double[][] x) {
            double[][] raised = convolve(block + "mlp.conv1.", x, WIDE);
            double[][] bent = Arrays.stream(raised)
                    .map(each -> Arrays.stream(each).map(activation()).toArray())
                    .toArray(double[][]::new);
            return convolve(block + "mlp.conv2.", bent, D);
        }

        /** 3 × 3, with zeros around the grid. */
        private double[][] convolve(String layer, double[][] x, int out) {
            int in = x[0].length;
            double[] weight = weights.get(layer + "weight"); // [out, in, 3, 3]
            double[][] y = new double[x.length][];
            for (int i = 0; i < x.length; i++) {
                y[i] = weights.get(layer + "bias").clone();
                for (int near = 0; near < 9; near++) {
                    int row = i / W + near / 3 - 1;
                    int column = i % W + near % 3 - 1;
                    boolean inside = row >= 0 && row < H && column >= 0 && column < W;
                    for (int o = 0; inside && o < out; o++) {
                        for (int c = 0; c < in; c++) {
                            y[i][o] += weight[(o * in + c) * 9 + near] * x[row * W + column][c];
                        }
                    }
                }
            }
            return y;
        }

        private DoubleUnaryOperator activation() {
            return configuration.activation() == Activation.GELU
                    ? x -> x / 2 * (1 + error(x / Math.sqrt(2)))
                    : x -> x / (1 + Math.exp(-1.702 * x));
        }

        /** erf, by its Taylor series; 1 or -1 far out. */
        private static double error(double x) {
            if (Math.abs(x) > 4) {
                return Math.signum(x);
            }
            double sum = 0;
            double power = x; // (-1)ⁿ x²ⁿ⁺¹ / n!
            for (int n = 0; n < 100; n++) {
                sum += power / (2 * n + 1);
                power *= -x * x / (n + 1);
            }
            return 2 / Math.sqrt(Math.PI) * sum;
        }
    }
}
