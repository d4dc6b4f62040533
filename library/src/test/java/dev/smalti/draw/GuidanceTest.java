package dev.smalti.draw;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.draw.GuidanceSettings.Interval;
import dev.smalti.network.Denoiser;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

class GuidanceTest {
    private static final int CLASSES = 4;

    /** The logits of a position are its token, and ten times its grid's label; remembers what it was asked. */
    private static final class Recorder implements Denoiser {
        private final List<long[]> tokens = new ArrayList<>();
        private final List<long[]> labels = new ArrayList<>();
        private final List<long[]> positions = new ArrayList<>();

        @Override
        public Tensor logits(Tensor xt, Tensor time, Tensor label, Tensor at) {
            tokens.add(Tensors.toLongs(xt));
            labels.add(Tensors.toLongs(label));
            positions.add(Tensors.toLongs(at));
            Tensor token = xt.flatten().index_select(0, at);
            Tensor classOf = label.index_select(0, at.floor_divide(new Scalar(xt.size(1))));
            return Tensors.cat(
                            1, token.unsqueeze(1), classOf.mul(new Scalar(10)).unsqueeze(1))
                    .to(ScalarType.Float);
        }
    }

    private final Recorder inner = new Recorder();

    @Test
    void asks_once_for_the_grids_alone_when_the_weight_is_0() {
        assertThat(logits(0)).containsExactly(6, 30, 7, 30, 9, 10);
        assertThat(inner.tokens).singleElement().isEqualTo(new long[] {5, 6, 7, 8, 9, 7});
        assertThat(inner.labels).singleElement().isEqualTo(new long[] {3, 1});
        assertThat(inner.positions).singleElement().isEqualTo(new long[] {1, 2, 4});
    }

    @Test
    void asks_once_for_twice_the_grids_the_second_half_without_class() {
        logits(1.5);
        assertThat(inner.tokens).singleElement().isEqualTo(new long[] {5, 6, 7, 8, 9, 7, 5, 6, 7, 8, 9, 7});
        assertThat(inner.labels).singleElement().isEqualTo(new long[] {3, 1, CLASSES, CLASSES});
        assertThat(inner.positions).singleElement().isEqualTo(new long[] {1, 2, 4, 7, 8, 10});
    }

    /** (1 + w) ℓ_c - w ℓ_u with w = 1.5: tokens stay, labels become 10 (2.5 c - 1.5 · 4). */
    @Test
    void leans_away_from_what_holds_without_class() {
        assertThat(logits(1.5)).containsExactly(new double[] {6, 15, 7, 15, 9, -35}, within(1e-5));
    }

    @Test
    void without_positions_all_of_them_are_asked_for_and_vectors_may_stand_for_tokens() {
        Denoiser sums = (xt, time, label, at) -> {
            assertThat(at).isNull();
            return xt.sum(2L).add(label.unsqueeze(1)).view(-1, 1); // [B, L, D], [B] -> [B·L, 1]
        };
        Guidance guided = new Guidance(sums, CLASSES, 1);
        Scope.free(() -> {
            Tensor z = Tensors.floats(1, 2, 3, 4, 5, 6, 7, 8).view(2, 2, 2);
            assertThat(Tensors.toDoubles(guided.logits(z, null, Tensors.longs(3, 1), null)))
                    .containsExactly(3 + 2 * 3 - 4, 7 + 2 * 3 - 4, 11 + 2 - 4, 15 + 2 - 4);
        });
    }

    private double[] logits(double weight) {
        return Scope.value(() -> {
            Tensor xt = Tensors.longs(5, 6, 7, 8, 9, 7).view(2, 3);
            // positions 1 and 2 are of the first grid, 4 of the second
            return Tensors.toDoubles(
                    new Guidance(inner, CLASSES, weight).logits(xt, null, Tensors.longs(3, 1), Tensors.longs(1, 2, 4)));
        });
    }

    @Test
    void is_constant_or_grows_from_nothing_to_the_full_weight() {
        assertThat(GuidanceSchedule.CONSTANT.share(0)).isEqualTo(1);
        assertThat(GuidanceSchedule.CONSTANT.share(1)).isEqualTo(1);
        assertThat(GuidanceSchedule.LINEAR.share(0)).isZero();
        assertThat(GuidanceSchedule.LINEAR.share(0.25)).isEqualTo(0.25);
        assertThat(GuidanceSchedule.LINEAR.share(1)).isEqualTo(1);
        assertThat(GuidanceSchedule.COSINE.share(0)).isZero();
        assertThat(GuidanceSchedule.COSINE.share(1.0 / 3)).isCloseTo(0.25, within(1e-12));
        assertThat(GuidanceSchedule.COSINE.share(0.5)).isCloseTo(0.5, within(1e-12));
        assertThat(GuidanceSchedule.COSINE.share(1)).isCloseTo(1, within(1e-12));
    }

    /** The logits are of eight bits; a mixture of them in bfloat16 is off by up to a step of it, which is 0.25 above 32. */
    @Test
    void mixes_logits_of_bfloat16_in_float32() {
        Scope.free(() -> {
            float[] with = new float[1000];
            float[] without = new float[1000];
            SplittableRandom random = new SplittableRandom(3);
            for (int i = 0; i < with.length; i++) {
                with[i] = (float) random.nextDouble(-20, 20);
                without[i] = (float) (with[i] + random.nextDouble(-2, 2));
            }
            Tensor c = Tensors.floats(with).to(ScalarType.BFloat16);
            Tensor u = Tensors.floats(without).to(ScalarType.BFloat16);
            double w = 2.3;
            Tensor exact = c.to(ScalarType.Double)
                    .mul(new Scalar(1 + w))
                    .sub(u.to(ScalarType.Double).mul(new Scalar(w)));
            Tensor coarse = c.mul(new Scalar(1 + w)).sub(u.mul(new Scalar(w)));
            assertThat(greatest(coarse, exact))
                    .as("error of mixing in bfloat16")
                    .isGreaterThan(0.1);
            Tensor mixed = Guidance.mix(c, u, w);
            assertThat(mixed.scalar_type().intern()).isEqualTo(ScalarType.Float);
            assertThat(greatest(mixed, exact)).as("error").isLessThan(1e-4);
        });
    }

    private static double greatest(Tensor a, Tensor b) {
        return a.to(ScalarType.Double).sub(b).abs().max().item_double();
    }

    /** 2.5 of the main network's 6, 30, 7, 30, 9, 10, less 1.5 of the other's, which are 2 more. */
    @Test
    void autoguidance_leads_away_from_another_network_of_the_same_classes() {
        Recorder other = new Recorder();
        Denoiser shifted =
                (xt, time, label, at) -> other.logits(xt, time, label, at).add(new Scalar(2.0));
        double[] guided = Scope.value(() -> Tensors.toDoubles(new Autoguidance(inner, shifted, 1.5)
                .logits(
                        Tensors.longs(5, 6, 7, 8, 9, 7).view(2, 3),
                        null,
                        Tensors.longs(3, 1),
                        Tensors.longs(1, 2, 4))));
        assertThat(guided).containsExactly(new double[] {3, 27, 4, 27, 6, 7}, within(1e-4));
        assertThat(other.labels).singleElement().isEqualTo(new long[] {3, 1});
        assertThat(other.tokens).singleElement().isEqualTo(inner.tokens.get(0));
    }

    @Test
    void autoguidance_does_not_ask_the_other_network_when_the_weight_is_0() {
        Denoiser never = (xt, time, label, at) -> {
            throw new AssertionError("asked");
        };
        double[] plain = Scope.value(() -> Tensors.toDoubles(new Autoguidance(inner, never, 0)
                .logits(
                        Tensors.longs(5, 6, 7, 8, 9, 7).view(2, 3),
                        null,
                        Tensors.longs(3, 1),
                        Tensors.longs(1, 2, 4))));
        assertThat(plain).containsExactly(6, 30, 7, 30, 9, 10);
    }

    /** ρ^s, and (1 - cos π ρ^s) / 2. */
    @Test
    void comes_later_with_a_higher_power() {
        GuidanceSettings linear = GuidanceSettings.NONE.weight(2).schedule(GuidanceSchedule.LINEAR);
        assertThat(linear.at(0.5, false)).isEqualTo(1);
        assertThat(linear.power(3).at(0.5, false)).isCloseTo(0.25, within(1e-12));
        assertThat(linear.power(0.5).at(0.25, false)).isCloseTo(1, within(1e-12));
        GuidanceSettings cosine = linear.schedule(GuidanceSchedule.COSINE).power(2);
        assertThat(cosine.at(Math.sqrt(1.0 / 3), false)).isCloseTo(0.5, within(1e-12));
        assertThat(cosine.at(1, false)).isCloseTo(2, within(1e-12));
        for (double bad : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
            assertThatThrownBy(() -> linear.power(bad))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("must be above 0, got " + bad);
        }
    }

    @Test
    void leads_away_from_one_thing() {
        GuidanceSettings label = new GuidanceSettings(1, GuidanceSchedule.CONSTANT, Interval.ALL, 3L);
        assertThatThrownBy(() -> label.guiding(GuidingModel.step(400)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("not from both")
                .hasMessageContaining("step 400");
        assertThatThrownBy(() -> new GuidingModel(null, null))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("another checkpoint");
    }
}
