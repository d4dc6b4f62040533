package dev.smalti.tokenizer.quantize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.network.Parameters;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.tokenizer.quantize.CodebookConfiguration.Update;
import dev.smalti.tokenizer.quantize.VectorQuantizer.Quantized;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class VectorQuantizerTest {
    private static final int K = 6;
    private static final int D = 3;
    private static final int B = 2;
    private static final int H = 2;
    private static final int W = 4;
    private static final int N = B * H * W;

    private final Parameters parameters = new Parameters(new Seed(1), Devices.cpu());

    @AfterEach
    void close() {
        parameters.close();
    }

    @Test
    void seed_2_chooses_the_nearest_code_of_every_vector() {
        VectorQuantizer quantizer = gradient(false);
        Scope.free(() -> {
            Tensor z = map(2);
            Quantized quantized = quantizer.quantize(z, new Seed(0));
            long[] expected = nearest(vectors(z), codes(quantizer));
            assertThat(new HashSet<>(Arrays.stream(expected).boxed().toList())).hasSizeGreaterThan(2);
            assertThat(Tensors.toLongs(quantized.codes())).isEqualTo(expected);
            assertThat(Dims.of(quantized.codes())).containsExactly(B, H, W);
            assertThat(Tensors.toLongs(quantizer.encode(z))).isEqualTo(expected);
            double[][] found = vectors(quantized.vectors());
            for (int n = 0; n < N; n++) {
                assertThat(found[n]).containsExactly(codes(quantizer)[(int) expected[n]], within(1e-6));
            }
            assertThat(Tensors.toDoubles(quantizer.lookUp(quantized.codes())))
                    .containsExactly(Tensors.toDoubles(quantized.vectors()), within(1e-6));
        });
    }

    @Test
    void passes_the_gradient_of_the_codes_straight_through_to_the_map() {
        VectorQuantizer quantizer = gradient(false);
        Scope.free(() -> {
            Tensor z = map(2).set_requires_grad(true);
            Tensor weight = map(3);
            quantizer.quantize(z, new Seed(0)).vectors().mul(weight).sum().backward();
            assertThat(Tensors.toDoubles(z.grad())).containsExactly(Tensors.toDoubles(weight), within(1e-6));
            assertThat(quantizer.codebook().grad().defined())
                    .as("a gradient of the codes")
                    .isFalse();
        });
    }

    /** beta·mean (sg e - z)² + mean (e - sg z)². */
    @Test
    void pulls_the_map_to_the_codes_with_beta_and_the_codes_to_the_map_with_1() {
        checkGradients(gradient(false), 0.25, 1);
    }

    /** As released: beta on the other term. */
    @Test
    void pulls_the_codes_with_beta_and_the_map_with_1_in_the_legacy_form() {
        checkGradients(gradient(true), 1, 0.25);
    }

    @Test
    void only_commits_where_codes_are_moving_averages() {
        checkGradients(movingAverage(0.9, 0), 0.25, 0);
    }

    private void checkGradients(VectorQuantizer quantizer, double ofMap, double ofCodes) {
        Scope.free(() -> {
            Tensor z = map(2).set_requires_grad(true);
            Quantized quantized = quantizer.quantize(z, new Seed(0));
            quantized.loss().backward();
            double[][] vectors = vectors(z);
            double[][] codes = codes(quantizer);
            long[] index = nearest(vectors, codes);
            double squares = 0;
            double[][] codeGradient = new double[K][D];
            double[][] mapGradient = new double[N][D];
            for (int n = 0; n < N; n++) {
                int k = (int) index[n];
                for (int d = 0; d < D; d++) {
                    double difference = vectors[n][d] - codes[k][d];
                    squares += difference * difference / (N * D);
                    mapGradient[n][d] = ofMap * 2 * difference / (N * D);
                    codeGradient[k][d] -= ofCodes * 2 * difference / (N * D);
                }
            }
            assertThat(quantized.loss().item_double()).isCloseTo((ofMap + ofCodes) * squares, within(1e-6));
            double[][] found = vectors(z.grad());
            for (int n = 0; n < N; n++) {
                assertThat(found[n]).containsExactly(mapGradient[n], within(1e-6));
            }
            if (ofCodes > 0) {
                double[] flat = Tensors.toDoubles(quantizer.codebook().grad());
                for (int k = 0; k < K; k++) {
                    assertThat(Arrays.copyOfRange(flat, k * D, k * D + D))
                            .containsExactly(codeGradient[k], within(1e-6));
                }
            }
        });
    }

    /** By finite differences of the loss with the choice of codes held: the map's gradient is that of the first term. */
    @Test
    void has_the_commitment_gradient_of_finite_differences() {
        VectorQuantizer quantizer = movingAverage(0.9, 0);
        Scope.free(() -> {
            Tensor z = map(2).set_requires_grad(true);
            quantizer.quantize(z, new Seed(0)).loss().backward();
            double[] gradient = Tensors.toDoubles(z.grad());
            try (NoGradGuard guard = new NoGradGuard()) {
                for (int i : new int[] {0, 7, 20, 47}) {
                    double step = 1e-2;
                    double above = lossWith(quantizer, i, step);
                    double below = lossWith(quantizer, i, -step);
                    assertThat((above - below) / 2 / step).isCloseTo(gradient[i], within(2e-4));
                }
            }
        });
    }

    private static double lossWith(VectorQuantizer quantizer, int place, double change) {
        float[] values = Tensors.toFloats(map(2));
        values[place] += (float) change;
        return quantizer
                .quantize(Tensors.floats(values).view(B, D, H, W), new Seed(0))
                .loss()
                .item_double();
    }

    @Test
    void moves_codes_to_the_moving_average_of_their_vectors() {
        double decay = 0.9;
        VectorQuantizer quantizer = movingAverage(decay, 0);
        double[][] codes = codes(quantizer);
        double[] uses = new double[K];
        double[][] sums = new double[K][D];
        parameters.training(true);
        for (int step = 0; step < 3; step++) {
            int seed = 10 + step;
            double[][] vectors = Scope.value(() -> vectors(map(seed)));
            long[] index = nearest(vectors, codes);
            long[] found = Scope.value(() ->
                    Tensors.toLongs(quantizer.quantize(map(seed), new Seed(0)).codes()));
            assertThat(found).isEqualTo(index);
            codes = averaged(uses, sums, vectors, index, decay);
            double[][] now = codes(quantizer);
            for (int k = 0; k < K; k++) {
                assertThat(now[k]).as("code " + k).containsExactly(codes[k], within(1e-3));
            }
        }
        assertThat(Tensors.toDoubles(parameters.buffers().get("uses"))).containsExactly(uses, within(1e-5));
    }

    /** n_k <- γ n_k + (1-γ)|S_k|, m_k <- γ m_k + (1-γ) Σ z, e_k = m_k / ñ_k, ñ_k = (n_k + ε)/(n + Kε)·n, ε = 1e-5. */
    private static double[][] averaged(double[] uses, double[][] sums, double[][] vectors, long[] index, double decay) {
        for (int k = 0; k < K; k++) {
            uses[k] *= decay;
            for (int d = 0; d < D; d++) {
                sums[k][d] *= decay;
            }
        }
        for (int n = 0; n < vectors.length; n++) {
            int k = (int) index[n];
            uses[k] += 1 - decay;
            for (int d = 0; d < D; d++) {
                sums[k][d] += (1 - decay) * vectors[n][d];
            }
        }
        double all = Arrays.stream(uses).sum();
        double[][] codes = new double[K][D];
        for (int k = 0; k < K; k++) {
            for (int d = 0; d < D; d++) {
                codes[k][d] = sums[k][d] / ((uses[k] + 1e-5) / (all + K * 1e-5) * all);
            }
        }
        return codes;
    }

    @Test
    void moves_all_codes_onto_vectors_of_the_first_batch() {
        VectorQuantizer quantizer = movingAverage(0.99, 0.05);
        parameters.training(true);
        Scope.free(() -> {
            Tensor z = map(4);
            Set<List<Double>> vectors = new HashSet<>();
            for (double[] vector : vectors(z)) {
                vectors.add(Arrays.stream(vector).boxed().toList());
            }
            Quantized quantized = quantizer.quantize(z, new Seed(9));
            for (double[] chosen : vectors(quantizer.lookUp(quantized.codes()))) {
                assertThat(chosen).doesNotContain(Double.NaN);
            }
            // each vector's code, as it was chosen, lay on a vector of the batch
            for (double[] chosen : vectors(quantized.vectors())) {
                assertThat(vectors).anyMatch(vector -> distance(vector, chosen) < 1e-10);
            }
        });
    }

    @Test
    void revives_only_codes_that_nothing_chooses() {
        VectorQuantizer quantizer = movingAverage(0.99, 0.05);
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                // codes far apart on the first axis; the map lies on those of 0, 1 and 2 only
                quantizer.codebook().zero_();
                quantizer.codebook().select(1, 0).copy_(Tensors.floats(0, 10, 20, 30, 40, 50));
                parameters.buffers().get("uses").fill_(scalar((double) N / K));
                parameters.buffers().get("uses").select(0, 4).fill_(scalar(0));
                parameters.buffers().get("sums").copy_(quantizer.codebook().mul(scalar((double) N / K)));
            }
            parameters.training(true);
            Tensor z = Tensors.zeros(B, D, H, W);
            z.select(1, 0)
                    .copy_(Tensors.floats(0, 10, 20, 0, 10, 20, 0, 10, 20, 0, 10, 20, 0, 10, 20, 0)
                            .view(B, H, W));
            quantizer.quantize(z, new Seed(3));
            double[][] codes = codes(quantizer);
            assertThat(codes[3][0]).as("unused, but not for long").isCloseTo(30, within(0.1));
            assertThat(codes[4][0]).as("dead, now on the batch").isBetween(-0.1, 20.1);
            assertThat(codes[0][0]).isCloseTo(0, within(0.1));
            assertThat(codes[2][0]).isCloseTo(20, within(0.1));
        });
    }

    @Test
    void changes_nothing_outside_training() {
        VectorQuantizer quantizer = movingAverage(0.9, 0.05);
        parameters.training(false);
        Map<String, Tensor> all = parameters.all();
        Scope.free(() -> {
            List<double[]> before =
                    all.values().stream().map(Tensors::toDoubles).toList();
            quantizer.quantize(map(4), new Seed(9));
            quantizer.encode(map(5));
            List<double[]> after = all.values().stream().map(Tensors::toDoubles).toList();
            assertThat(after).usingRecursiveComparison().isEqualTo(before);
        });
    }

    private VectorQuantizer gradient(boolean legacy) {
        VectorQuantizer quantizer = new VectorQuantizer(
                parameters, new CodebookConfiguration(K, D, null, new CodebookConfiguration.Gradient(legacy)));
        spread(quantizer);
        return quantizer;
    }

    private VectorQuantizer movingAverage(double decay, double reviveBelow) {
        VectorQuantizer quantizer = new VectorQuantizer(
                parameters, new CodebookConfiguration(K, D, Update.MOVING_AVERAGE, null, null, decay, reviveBelow));
        spread(quantizer);
        return quantizer;
    }

    /** New codes lie within 1/K of zero; these are as far out as the maps. */
    private static void spread(VectorQuantizer quantizer) {
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                quantizer.codebook().normal_(0, 1, new Seed(6).optional());
            }
        });
    }

    private static Tensor map(long seed) {
        return Tensors.zeros(B, D, H, W).normal_(0, 1, new Seed(seed).optional());
    }

    private static double[][] codes(VectorQuantizer quantizer) {
        return rows(Tensors.toDoubles(quantizer.codebook()));
    }

    /** [B, D, h, w] -> N vectors */
    private static double[][] vectors(Tensor map) {
        return Scope.value(() -> rows(Tensors.toDoubles(map.permute(0, 2, 3, 1).contiguous())));
    }

    private static double[][] rows(double[] flat) {
        double[][] rows = new double[flat.length / D][];
        for (int i = 0; i < rows.length; i++) {
            rows[i] = Arrays.copyOfRange(flat, i * D, i * D + D);
        }
        return rows;
    }

    private static long[] nearest(double[][] vectors, double[][] codes) {
        return Arrays.stream(vectors)
                .mapToLong(vector -> {
                    int best = 0;
                    for (int k = 1; k < K; k++) {
                        best = distance(codes[k], vector) < distance(codes[best], vector) ? k : best;
                    }
                    return best;
                })
                .toArray();
    }

    private static double distance(double[] a, double[] b) {
        double sum = 0;
        for (int d = 0; d < D; d++) {
            sum += (a[d] - b[d]) * (a[d] - b[d]);
        }
        return sum;
    }

    private static double distance(List<Double> a, double[] b) {
        return distance(a.stream().mapToDouble(Double::doubleValue).toArray(), b);
    }

    private static Scalar scalar(double value) {
        return new Scalar(value);
    }
}
