package dev.smalti.prior.rdpm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.network.LayerNorm;
import dev.smalti.network.Parameters;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.DiffusionNoise;
import dev.smalti.tokenizer.quantize.CodebookConfiguration;
import dev.smalti.tokenizer.residual.ResidualConfiguration;
import dev.smalti.tokenizer.residual.ResidualQuantizer;
import dev.smalti.tokenizer.vqgan.AdversarialConfiguration;
import dev.smalti.tokenizer.vqgan.VqganConfiguration;
import java.util.List;
import java.util.function.BiFunction;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;

class NearestCodeTest {
    private static final int D = 3;
    private static final int K = 7;
    private static final int T = 5;

    @Test
    void a_sure_guess_of_the_map_names_the_code_that_the_tokenizer_takes() {
        try (Parameters parameters = new Parameters(new Seed(1), Devices.cpu())) {
            NearestCode nearest = new NearestCode(parameters.child("guesses"), 1, D);
            Tensor table = parameters.weights().get("guesses.vectors"); // [1, D]
            namesTheCodes(nearest, (v, alpha) -> {
                Tensor one = v.narrow(2, 0, 1);
                return Tensors.cat(2, v.sub(table), torch.full_like(one, new Scalar(6.0)), one);
            });
        }
    }

    @Test
    void the_tied_layer_names_them_for_its_share_of_the_map() {
        Scalar g = new Scalar(3.0);
        namesTheCodes(new TiedCode(D), (v, alpha) -> {
            Tensor share = v.mul(new Scalar(alpha)).mul(g);
            return Tensors.cat(2, share, torch.full_like(v.narrow(2, 0, 1), g));
        });
    }

    /** @param numbers what the network must say of the map v, [R, L, D], and α_t */
    private static void namesTheCodes(CodeHead head, BiFunction<Tensor, Double, Tensor> numbers) {
        ResidualConfiguration configuration = new ResidualConfiguration(
                autoencoder(), T, null, null, null, null, false /* no convolution */, null, null, null, null);
        try (Parameters parameters = new Parameters(new Seed(1), Devices.cpu());
                NoGradGuard guard = new NoGradGuard()) {
            ResidualQuantizer quantizer = new ResidualQuantizer(parameters, configuration);
            Scope.free(() -> {
                Tensor book = quantizer.codebook();
                book.copy_(RdpmTest.random(2, K, D));
                Tensor z = RdpmTest.random(3, 2, D, 2, 2);
                long[] seeds = {11, 12};
                Tensor codes = quantizer.encode(z, seeds); // [2, T, 2, 2]
                Tensor v = LayerNorm.normalise(z.flatten(2, -1).transpose(1, 2).contiguous(), D); // [2, 4, D]
                Tensor sum = torch.zeros_like(v);
                for (int t = 1; t <= T; t++) {
                    double alpha = Math.pow(0.75, T - t);
                    Tensor noise = DiffusionNoise.of(seeds, new long[] {t, t}, D, 2, 2)
                            .flatten(2, -1)
                            .transpose(1, 2);
                    Tensor share = Tensors.floats((float) alpha, (float) alpha).view(2, 1, 1);
                    Tensor found = head.logits(numbers.apply(v, alpha), share, noise, sum, book)
                            .argmax(new LongOptional(2), false);
                    Tensor taken = codes.select(1, t - 1L).flatten(1, -1);
                    assertThat(Tensors.toLongs(found)).as("step %d", t).isEqualTo(Tensors.toLongs(taken));
                    sum = sum.add(torch.embedding(book, taken));
                }
            });
        }
    }

    @Test
    void the_tied_layer_adds_nothing_before_it_has_learnt() {
        Scope.free(() -> assertThat(new TiedCode(D)
                        .logits(
                                Tensors.zeros(1, 1, D + 1),
                                Tensors.floats(0.6f).view(1, 1, 1),
                                RdpmTest.random(6, 1, 1, D),
                                RdpmTest.random(7, 1, 1, D),
                                RdpmTest.random(5, K, D))
                        .abs()
                        .max()
                        .item_double())
                .isZero());
    }

    @Test
    void several_guesses_are_mixed_by_their_weights() {
        try (Parameters parameters = new Parameters(new Seed(1), Devices.cpu());
                NoGradGuard guard = new NoGradGuard()) {
            NearestCode nearest = new NearestCode(parameters, 2, D);
            Scope.free(() -> {
                Tensor numbers = RdpmTest.random(4, 1, 1, 2 * (D + 2));
                Tensor book = RdpmTest.random(5, K, D);
                Tensor noise = RdpmTest.random(6, 1, 1, D);
                Tensor sum = RdpmTest.random(7, 1, 1, D);
                double[] found = Tensors.toDoubles(
                        nearest.logits(numbers, Tensors.floats(0.6f).view(1, 1, 1), noise, sum, book)
                                .exp());
                double[] n = Tensors.toDoubles(numbers);
                double[] table = Tensors.toDoubles(parameters.weights().get("vectors"));
                double[] e = Tensors.toDoubles(book);
                double[] z = Tensors.toDoubles(sum);
                double[] eps = Tensors.toDoubles(noise);
                double[] expected = new double[K];
                double weights = Math.exp(n[2 * D + 2]) + Math.exp(n[2 * D + 3]);
                for (int m = 0; m < 2; m++) {
                    double[] near = new double[K];
                    double all = 0;
                    for (int k = 0; k < K; k++) {
                        double distance = 0;
                        for (int i = 0; i < D; i++) {
                            double v = table[m * D + i] + n[m * D + i];
                            distance += Math.pow(0.6 * (v - z[i]) + 0.8 * eps[i] - e[k * D + i], 2);
                        }
                        near[k] = Math.exp(-Math.exp(n[2 * D + m]) * distance / 2);
                        all += near[k];
                    }
                    for (int k = 0; k < K; k++) {
                        expected[k] += Math.exp(n[2 * D + 2 + m]) / weights * near[k] / all;
                    }
                }
                assertThat(found).containsExactly(expected, within(1e-5));
            });
        }
    }

    private static VqganConfiguration autoencoder() {
        return new VqganConfiguration(
                8,
                4,
                List.of(1, 1, 1),
                1,
                null,
                null,
                null,
                null,
                null,
                null,
                new CodebookConfiguration(K, D, null, new CodebookConfiguration.Gradient(false)),
                new AdversarialConfiguration(0, 0.0, null, null, null, null, null),
                false,
                null,
                null);
    }
}
