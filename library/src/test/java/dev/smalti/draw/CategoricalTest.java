package dev.smalti.draw;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.draw.RandomStreams.Use;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

class CategoricalTest {
    private static final double NEVER = Double.NEGATIVE_INFINITY;

    @Test
    void seed_2_draws_codes_as_often_as_their_probabilities_say() {
        double[] p = {0.5, 0.3, 0.15, 0.0499, 0.0001};
        int draws = 50_000;
        long[] times = new long[p.length];
        Scope.free(() -> {
            Tensor u = RandomStreams.of(List.of(new Seed(2)))
                    .uniform(Use.CODES, 1, draws)
                    .flatten();
            for (long code :
                    Tensors.toLongs(Categorical.draw(Tensors.doubles(p).log().expand(draws, p.length), u))) {
                times[(int) code]++;
            }
        });
        double chi = 0;
        for (int i = 0; i < p.length; i++) {
            chi += (times[i] - draws * p[i]) * (times[i] - draws * p[i]) / (draws * p[i]);
        }
        assertThat(chi).as("chi-square, 4 degrees of freedom").isLessThan(23.5); // beyond it: 1e-4
    }

    /** Whatever is added to the logarithms of a row. */
    @Test
    void draws_the_code_in_whose_part_of_the_unit_interval_u_lies() {
        for (double more : new double[] {0, 1000, -1000}) {
            assertThat(draw(
                            new double[] {more + Math.log(0.2), more + Math.log(0.5), more + Math.log(0.3)},
                            0,
                            0.19,
                            0.21,
                            0.69,
                            0.71,
                            0.999999))
                    .containsExactly(0, 0, 1, 1, 2, 2);
        }
    }

    @Test
    void draws_a_code_of_probability_1e_9_just_in_its_own_billionth() {
        double[] log = {Math.log(1 - 1e-9), Math.log(1e-9)};
        assertThat(draw(log, 1 - 1.001e-9, 1 - 0.999e-9, Math.nextDown(1.0))).containsExactly(0, 1, 1);
        double[] turned = {Math.log(1e-9), Math.log(1 - 1e-9)};
        assertThat(draw(turned, 0, 0.999e-9, 1.001e-9)).containsExactly(0, 0, 1);
    }

    /** Also where the codes don't fill the last block, and beside one code more. */
    @Test
    void draws_of_many_codes_what_float64_draws() {
        for (int codes : new int[] {4096, 4100}) {
            Scope.free(() -> {
                Tensor logits = RandomStreams.of(List.of(new Seed(6))) // the same whatever other tests have drawn
                        .normal(Use.NOISE, 1, 200L * codes)
                        .view(200, codes)
                        .to(ScalarType.Float)
                        .mul(new Scalar(3.0));
                Tensor u = RandomStreams.of(List.of(new Seed(5)))
                        .uniform(Use.CODES, 1, 200)
                        .flatten();
                Tensor wide = logits.to(ScalarType.Double);
                assertThat(Tensors.toLongs(Categorical.drawOfMany(logits, 1, u, null)))
                        .isEqualTo(Tensors.toLongs(Categorical.draw(wide, u)));
                assertThat(Tensors.toLongs(Categorical.drawOfMany(logits, 2, u, null)))
                        .isEqualTo(Tensors.toLongs(Categorical.draw(wide.div(new Scalar(2.0)), u)));
                Tensor half = wide.logsumexp(new long[] {1}, true); // as likely as all others together
                assertThat(Tensors.toLongs(Categorical.drawOfMany(logits, 1, u, total -> total)))
                        .isEqualTo(Tensors.toLongs(Categorical.draw(Tensors.cat(1, wide, half), u)));
            });
        }
    }

    @Test
    void draws_of_many_codes_the_rare_ones_in_their_own_part_and_none_that_is_left_out() {
        float[] log = new float[4096];
        Arrays.fill(log, Float.NEGATIVE_INFINITY);
        log[7] = 0;
        log[8] = (float) Math.log(1e-9); // in the block of the likely one
        log[4000] = (float) Math.log(1e-12); // in one of its own
        Scope.free(() -> {
            Tensor u = Tensors.doubles(0, 0.5, 1 - 1.1e-9, 1 - 0.9e-9, 1 - 1.1e-12, 1 - 0.9e-12, Math.nextDown(1.0), 1);
            Tensor rows = Tensors.floats(log).expand(8, 4096);
            assertThat(Tensors.toLongs(Categorical.drawOfMany(rows, 1, u, null)))
                    .containsExactly(7, 7, 7, 8, 8, 4000, 4000, 4000);
            Tensor flawed = Tensors.floats(log).clone();
            flawed.select(0, 3).fill_(new Scalar(Double.NaN));
            assertThat(Tensors.toLongs(Categorical.drawOfMany(flawed.expand(8, 4096), 1, u, null)))
                    .containsOnly(Categorical.NONE);
        });
    }

    /** Of whole blocks and others, with weights of many sizes, the same code by float64. */
    @Test
    void draws_by_weights_what_float64_draws() {
        for (int codes : new int[] {256, 300, 1024}) {
            for (double[] made :
                    new double[][] {{1, 0, 0}, {1, 0, 3}, {0.5, 1e-3, 1e-9}, {1e-12, 1e-9, 0}, {0, 0, 2}}) {
                Scope.free(() -> {
                    int rows = 400;
                    RandomStreams random = RandomStreams.of(List.of(new Seed(7)));
                    Tensor logits = random.normal(Use.NOISE, 1, (long) rows * codes)
                            .view(rows, codes)
                            .to(ScalarType.Float)
                            .mul(new Scalar(4.0));
                    Tensor u = random.uniform(Use.CODES, 1, rows).flatten();
                    u.select(0, 0).fill_(new Scalar(0.0));
                    u.select(0, 1).fill_(new Scalar(Math.nextDown(1.0)));
                    Tensor code = random.uniform(Use.CODES, 2, rows)
                            .flatten()
                            .mul(new Scalar((double) codes))
                            .to(ScalarType.Long);
                    Tensor each = torch.full_like(u, new Scalar(1.0));
                    Tensor drawn = Categorical.drawWeighted(
                            logits,
                            0.5,
                            u,
                            code,
                            (from, own) -> new Categorical.Weights(
                                    torch.full_like(own, new Scalar(made[0])),
                                    torch.full_like(own, new Scalar(made[1])),
                                    torch.full_like(own, new Scalar(made[2]))));
                    Tensor weights = torch.softmax(logits.to(ScalarType.Double).mul(new Scalar(2.0)), 1)
                            .mul(new Scalar(made[0]))
                            .add(new Scalar(made[1]))
                            .scatter(1, code.unsqueeze(1), each.unsqueeze(1).mul(new Scalar(made[2])));
                    assertThat(Tensors.toLongs(drawn))
                            .as("%d codes, %s", codes, Arrays.toString(made))
                            .isEqualTo(Tensors.toLongs(Categorical.draw(weights.log(), u)));
                });
            }
        }
    }

    @Test
    void draws_nothing_by_weights_that_are_none() {
        Scope.free(() -> {
            Tensor logits = torch.zeros(2, 256);
            Tensor u = Tensors.doubles(0.3, 0.6);
            for (double weight : new double[] {0, Double.NaN, Double.POSITIVE_INFINITY}) {
                Tensor drawn = Categorical.drawWeighted(logits, 1, u, Tensors.longs(3, 4), (from, own) -> {
                    Tensor each = torch.full_like(own, new Scalar(weight));
                    return new Categorical.Weights(each, each, each);
                });
                assertThat(Tensors.toLongs(drawn)).containsOnly(Categorical.NONE);
            }
        });
    }

    @Test
    void gives_none_rather_than_throw_where_nothing_may_be_read() {
        Scope.free(() -> {
            Tensor log =
                    Tensors.doubles(0, 0, Double.NaN, 0, NEVER, NEVER, NEVER, 0).view(4, 2);
            Tensor u = Tensors.doubles(0.7, 0.7, 0.7, 0.7);
            assertThat(Tensors.toLongs(Categorical.drawOrNone(log, u)))
                    .containsExactly(1, Categorical.NONE, Categorical.NONE, 1);
            assertThatThrownBy(() -> Categorical.draw(log, u)).hasMessageContaining("probabilities must be numbers");
        });
    }

    @Test
    void never_draws_what_is_left_out() {
        double[] log = {NEVER, Math.log(1e-30), NEVER, Math.log(2e-30), NEVER};
        assertThat(draw(log, 0, 0.3, 0.34, Math.nextDown(1.0), 1)).containsExactly(1, 1, 3, 3, 3);
    }

    /** Sums of so many codes in float32 would lose the last ones. */
    @Test
    void keeps_the_tail_of_many_codes() {
        int codes = 1 << 20;
        double[] log = new double[codes];
        assertThat(draw(log, 0, 0.5, 1 - 0.5 / codes, Math.nextDown(1.0)))
                .containsExactly(0, codes / 2, codes - 1, codes - 1);
    }

    @Test
    void refuses_probabilities_that_are_no_numbers() {
        for (double[] log : new double[][] {{0, Double.NaN}, {NEVER, NEVER}, {0, Double.POSITIVE_INFINITY}}) {
            assertThatThrownBy(() -> draw(log, 0.5))
                    .isInstanceOf(ArithmeticException.class)
                    .hasMessageContaining("probabilities must be numbers");
        }
    }

    private static long[] draw(double[] log, double... u) {
        return Scope.value(() -> Tensors.toLongs(
                Categorical.draw(Tensors.doubles(log).expand(u.length, log.length), Tensors.doubles(u))));
    }
}
