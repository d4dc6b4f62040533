package dev.smalti.tokenizer.quantize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.network.Parameters;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.tokenizer.quantize.CodebookConfiguration.Choice;
import dev.smalti.tokenizer.quantize.CodebookConfiguration.Update;
import dev.smalti.tokenizer.quantize.VectorQuantizer.Quantized;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ProjectedQuantizerTest {
    private static final int K = 5;
    private static final int D = 3;

    private final Parameters parameters = new Parameters(new Seed(1), Devices.cpu());
    private final Quantizer quantizer = new CodebookConfiguration(K, D, Choice.PROJECTION, null).build(parameters);

    @AfterEach
    void close() {
        parameters.close();
    }

    private static Tensor map(long batch, int seed) {
        return Tensors.zeros(batch, D, 2, 2).normal_(0, 1, new Seed(seed).optional());
    }

    private double[] logits(double[] vector) {
        double[] weight = Tensors.toDoubles(parameters.weights().get("proj.weight"));
        double[] logits = Tensors.toDoubles(parameters.weights().get("proj.bias"));
        for (int k = 0; k < K; k++) {
            for (int d = 0; d < D; d++) {
                logits[k] += weight[k * D + d] * vector[d];
            }
        }
        return logits;
    }

    private static double[] softmax(double[] logits) {
        double[] p = new double[logits.length];
        double sum = 0;
        for (int k = 0; k < p.length; k++) {
            p[k] = Math.exp(logits[k]);
            sum += p[k];
        }
        for (int k = 0; k < p.length; k++) {
            p[k] /= sum;
        }
        return p;
    }

    private static double[] vector(Tensor map, int y, int x) {
        return Scope.value(() ->
                Tensors.toDoubles(map.select(0, 0).select(1, y).select(1, x).contiguous()));
    }

    private static int largest(double[] values) {
        int best = 0;
        for (int k = 1; k < values.length; k++) {
            best = values[k] > values[best] ? k : best;
        }
        return best;
    }

    @Test
    void takes_the_code_of_the_largest_logit() {
        Scope.free(() -> {
            Tensor z = map(1, 2);
            long[] codes = Tensors.toLongs(quantizer.encode(z, new long[1]));
            Quantized quantized = quantizer.quantize(z, new Seed(0));
            assertThat(Tensors.toLongs(quantized.codes())).isEqualTo(codes);
            assertThat(Tensors.toDoubles(quantized.vectors()))
                    .containsExactly(Tensors.toDoubles(quantizer.lookUp(quantized.codes())), within(1e-6));
            double divergence = 0;
            for (int place = 0; place < 4; place++) {
                double[] logits = logits(vector(z, place / 2, place % 2));
                assertThat(codes[place]).isEqualTo(largest(logits));
                for (double q : softmax(logits)) {
                    divergence += q * Math.log(q * K + 1e-10) / 4;
                }
            }
            assertThat(quantized.loss().item_double()).isCloseTo(5e-4 * divergence, within(1e-8));
        });
    }

    /** Σ_k y_k e_k: to the codes the gradient of what was chosen, to the map that of the softmax. */
    @Test
    void passes_the_gradient_of_the_softmax() {
        Scope.free(() -> {
            Tensor z = map(1, 2).set_requires_grad(true);
            Tensor towards = map(1, 3);
            quantizer.quantize(z, new Seed(0)).vectors().mul(towards).sum().backward();
            double[] codes = Tensors.toDoubles(quantizer.codebook());
            double[] weight = Tensors.toDoubles(parameters.weights().get("proj.weight"));
            for (int place = 0; place < 4; place++) {
                double[] p = softmax(logits(vector(z.detach(), place / 2, place % 2)));
                double[] wanted = vector(towards, place / 2, place % 2);
                double[] value = new double[K]; // of each code to the loss
                double mean = 0;
                for (int k = 0; k < K; k++) {
                    for (int d = 0; d < D; d++) {
                        value[k] += codes[k * D + d] * wanted[d];
                    }
                    mean += p[k] * value[k];
                }
                double[] found = vector(z.grad(), place / 2, place % 2);
                for (int d = 0; d < D; d++) {
                    double gradient = 0;
                    for (int k = 0; k < K; k++) {
                        gradient += p[k] * (value[k] - mean) * weight[k * D + d];
                    }
                    assertThat(found[d]).isCloseTo(gradient, within(1e-5));
                }
            }
        });
    }

    /** Of one vector at many places the codes are drawn as its softmax says, for that is what the noise is. */
    @Test
    void draws_codes_in_training_as_often_as_the_softmax_says() {
        Scope.free(() -> {
            int places = 40_000;
            Tensor z = map(1, 5).select(2, 0).select(2, 0).view(1, D, 1, 1).expand(1, D, 200, places / 200);
            parameters.training(true);
            long[] codes = Tensors.toLongs(
                    quantizer.quantize(z.contiguous(), new Seed(6)).codes());
            double[] p = softmax(Scope.value(
                    () -> logits(Tensors.toDoubles(z.select(2, 0).select(2, 0).contiguous()))));
            double[] share = new double[K];
            for (long code : codes) {
                share[(int) code] += 1.0 / places;
            }
            for (int k = 0; k < K; k++) {
                assertThat(share[k])
                        .as("share of code " + k)
                        .isCloseTo(p[k], within(4 * Math.sqrt(p[k] * (1 - p[k]) / places)));
            }
        });
    }

    @Test
    void refuses_what_belongs_to_other_choices() {
        assertThatThrownBy(() -> new CodebookConfiguration(K, D, Choice.PROJECTION, 0.1))
                .hasMessageContaining("entropy");
        assertThatThrownBy(() -> new CodebookConfiguration(
                        K, D, Update.GRADIENT, null, null, null, null, Choice.COSINE, null, 0.1))
                .hasMessage("kl needs choice: projection");
        assertThatThrownBy(() -> new CodebookConfiguration(
                        K, D, Update.MOVING_AVERAGE, null, null, null, null, Choice.COSINE, null, null))
                .hasMessage("choice: cosine needs update: gradient");
    }
}
