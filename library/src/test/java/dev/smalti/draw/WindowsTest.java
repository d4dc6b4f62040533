package dev.smalti.draw;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.network.Denoiser;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WindowsTest {
    private static final int HEIGHT = 2;
    private static final int WIDTH = 3;
    private static final int CODES = 4;

    /** What a position's logits are depends on all tokens of the window, on the place in it, on time and class. */
    private static double value(double[] window, int place, double time, double label, int code) {
        double sum = 0;
        for (int i = 0; i < window.length; i++) {
            sum += window[i] * Math.sin(1.3 * i + 0.7 * place + code);
        }
        return sum + time * Math.cos(place + 2.0 * code) + label * Math.cos(3 * code);
    }

    /** Gives {@link #value} and remembers what it was asked. */
    private static final class Recorder implements Denoiser {
        private final List<Long> rows = new ArrayList<>();
        private final List<long[]> positions = new ArrayList<>();

        @Override
        public Tensor logits(Tensor xt, Tensor time, Tensor label, Tensor at) {
            rows.add(xt.size(0));
            double[] x = Tensors.toDoubles(xt.dim() == 3 ? xt.sum(2L) : xt);
            int length = Math.toIntExact(xt.size(1));
            assertThat(length).isEqualTo(HEIGHT * WIDTH);
            long[] asked = at == null ? LongStream.range(0, x.length).toArray() : Tensors.toLongs(at);
            positions.add(asked);
            assertThat(asked).isSorted().doesNotHaveDuplicates();
            double[] times = time == null ? new double[(int) xt.size(0)] : Tensors.toDoubles(time);
            double[] labels = label == null ? new double[(int) xt.size(0)] : Tensors.toDoubles(label);
            assertThat(times).hasSize((int) xt.size(0));
            assertThat(labels).hasSize((int) xt.size(0));
            float[] values = new float[asked.length * CODES];
            for (int m = 0; m < asked.length; m++) {
                int row = (int) asked[m] / length;
                double[] window = Arrays.copyOfRange(x, row * length, (row + 1) * length);
                for (int k = 0; k < CODES; k++) {
                    values[m * CODES + k] = (float) value(window, (int) asked[m] % length, times[row], labels[row], k);
                }
            }
            return Tensors.floats(values).view(-1, CODES);
        }

        long allRows() {
            return rows.stream().mapToLong(Long::longValue).sum();
        }
    }

    /** Runs every window in turn and takes the means, in plain Java. [B][L'] -> [B·L'][K] */
    private static double[][] bruteForce(
            double[][] x, double[] time, double[] label, Canvas canvas, int stride, boolean scores) {
        int area = canvas.height() * canvas.width();
        double[][] sum = new double[x.length * area][CODES];
        int[] seen = new int[x.length * area];
        for (int b = 0; b < x.length; b++) {
            for (int top : starts(canvas.height() - HEIGHT, stride)) {
                for (int left : starts(canvas.width() - WIDTH, stride)) {
                    double[] window = new double[HEIGHT * WIDTH];
                    for (int i = 0; i < window.length; i++) {
                        window[i] = x[b][(top + i / WIDTH) * canvas.width() + left + i % WIDTH];
                    }
                    for (int i = 0; i < window.length; i++) {
                        int at = b * area + (top + i / WIDTH) * canvas.width() + left + i % WIDTH;
                        double[] p = new double[CODES];
                        for (int k = 0; k < CODES; k++) {
                            p[k] = Math.exp(value(window, i, time[b], label[b], k));
                        }
                        double total = scores ? 1 : Arrays.stream(p).sum();
                        for (int k = 0; k < CODES; k++) {
                            sum[at][k] += p[k] / total;
                        }
                        seen[at]++;
                    }
                }
            }
        }
        for (int i = 0; i < sum.length; i++) {
            for (int k = 0; k < CODES; k++) {
                sum[i][k] = Math.log(sum[i][k] / seen[i]);
            }
        }
        return sum;
    }

    private static TreeSet<Integer> starts(int last, int stride) {
        TreeSet<Integer> starts = new TreeSet<>(List.of(last));
        for (int start = 0; start < last; start += stride) {
            starts.add(start);
        }
        return starts;
    }

    @ParameterizedTest
    @CsvSource({"5, 7, 1, 1", "5, 7, 2, 2", "4, 6, 2, 2", "2, 8, 2, 2", "3, 3, 1, 1", "5, 4, 0, 1", "2, 4, 1, 1"})
    void means_are_those_of_all_windows_one_by_one(int height, int width, int stride, int effective) {
        Canvas canvas = new Canvas(height, width, stride);
        double[][] x = random(3, height * width);
        double[] time = {0.5, -1, 2};
        double[] label = {2, 0, 1};
        for (boolean scores : new boolean[] {false, true}) {
            Windows windows = new Windows(new Recorder(), HEIGHT, WIDTH, canvas, scores);
            double[][] expected = bruteForce(x, time, label, canvas, effective, scores);
            Scope.free(() -> {
                Tensor given = windows.logits(tokens(x), floats(time), Tensors.longs(2, 0, 1), null);
                assertThat(new long[] {given.size(0), given.size(1)}).containsExactly(3L * height * width, CODES);
                assertClose(given, expected, LongStream.range(0, 3L * height * width));
                long[] at = {0, 4, height * width - 1L, height * width, 2L * height * width + 3};
                Tensor some = windows.logits(tokens(x), floats(time), Tensors.longs(2, 0, 1), Tensors.longs(at));
                assertClose(some, expected, Arrays.stream(at));
            });
        }
    }

    /** So a code that is drawn through a random window has the law of the mean of all windows. */
    @Test
    void the_mean_over_all_that_random_windows_may_be_is_the_mean_of_all_windows() {
        Canvas canvas = new Canvas(5, 6);
        int area = 30;
        double[][] x = random(2, area);
        double[] time = {0.5, -1};
        double[] label = {2, 0};
        double[][] expected = bruteForce(x, time, label, canvas, 1, false);
        int most = 12; // a multiple of 1, 2, 3, 4 and 6, the numbers of windows that contain a place
        Windows strided = new Windows(new Recorder(), HEIGHT, WIDTH, canvas, false);
        Scope.free(() -> {
            Tensor sum = Tensors.zeros(2L * area, CODES).to(ScalarType.Double);
            for (int i = 0; i < most; i++) {
                Recorder inner = new Recorder();
                Windows random = new Windows(inner, HEIGHT, WIDTH, canvas, false)
                        .random(Tensors.doubles(filled(2 * area, (i + 0.5) / most))
                                .view(2, area));
                Tensor each = random.logits(tokens(x), floats(time), Tensors.longs(2, 0), null);
                assertThat(inner.positions.stream().mapToInt(at -> at.length).sum())
                        .as("places seen, each through one window")
                        .isEqualTo(2 * area);
                sum = sum.add(each.to(ScalarType.Double).exp());
            }
            assertClose(sum.div(new Scalar((double) most)).log(), expected, LongStream.range(0, 2L * area));
            assertThat(strided.of(Tensors.longs(1))).isSameAs(strided);
        });
    }

    @Test
    void random_windows_belong_to_their_grids_and_both_halves_of_guidance_see_the_same() {
        Canvas canvas = new Canvas(4, 5);
        double[][] x = random(3, 20);
        Scope.free(() -> {
            Tensor u = torch.rand(new long[] {3, 20}, new Seed(5).optional(), Tensors.options(ScalarType.Double));
            Windows all = new Windows(new Recorder(), HEIGHT, WIDTH, canvas, false).random(u);
            Tensor every =
                    all.logits(tokens(x), null, Tensors.longs(1, 2, 0), null).view(3, 20, CODES);
            Tensor some = all.of(Tensors.longs(2, 0))
                    .logits(tokens(new double[][] {x[2], x[0]}), null, Tensors.longs(0, 1), null);
            assertThat(Tensors.toDoubles(some))
                    .isEqualTo(Tensors.toDoubles(every.index_select(0, Tensors.longs(2, 0))));
            Guidance guidance = new Guidance(all, 1, 2);
            Tensor with = all.logits(tokens(x), null, Tensors.longs(2, 2, 2), null);
            Tensor against = all.logits(tokens(x), null, Tensors.longs(1, 1, 1), null);
            Tensor guided = guidance.logits(tokens(x), null, Tensors.longs(2, 2, 2), null);
            assertThat(Tensors.toDoubles(guided))
                    .containsExactly(Tensors.toDoubles(Guidance.mix(with, against, 2)), within(1e-5));
        });
    }

    @Test
    void probabilities_add_up_to_one_and_equal_log_scores_stay_as_they_are() {
        Scope.free(() -> {
            Windows logits = new Windows(new Recorder(), HEIGHT, WIDTH, new Canvas(4, 5), false);
            Tensor p = logits.logits(tokens(random(1, 20)), null, null, null).exp();
            assertThat(Tensors.toDoubles(p.sum(1L))).containsExactly(filled(20, 1), within(1e-5));
            Denoiser seven = (xt, time, label, at) -> Tensors.filled(7, at.size(0), CODES);
            Windows scores = new Windows(seven, HEIGHT, WIDTH, new Canvas(4, 5), true);
            assertThat(Tensors.toDoubles(scores.logits(tokens(random(1, 20)), null, null, null)))
                    .containsExactly(filled(20 * CODES, 7), within(1e-5));
        });
    }

    @Test
    void a_canvas_of_the_size_of_training_is_the_network_itself() {
        double[][] x = random(2, HEIGHT * WIDTH);
        for (boolean scores : new boolean[] {false, true}) {
            Scope.free(() -> {
                Recorder inner = new Recorder();
                Windows windows = new Windows(inner, HEIGHT, WIDTH, new Canvas(HEIGHT, WIDTH, 1), scores);
                Tensor at = Tensors.longs(1, 3, 8);
                assertThat(Tensors.toDoubles(windows.logits(tokens(x), null, Tensors.longs(1, 2), at)))
                        .isEqualTo(Tensors.toDoubles(inner.logits(tokens(x), null, Tensors.longs(1, 2), at)));
                assertThat(Tensors.toDoubles(windows.logits(tokens(x), null, null, null)))
                        .isEqualTo(Tensors.toDoubles(inner.logits(tokens(x), null, null, null)));
            });
        }
    }

    /** Windows start at 0 and 1 down, at 0, 2 and 3 across. */
    @Test
    void runs_only_windows_that_contain_what_is_asked_for_and_asks_no_more_of_them() {
        Recorder inner = new Recorder();
        Windows windows = new Windows(inner, HEIGHT, WIDTH, new Canvas(3, 6, 2), false);
        Scope.free(() -> {
            // of the second grid the place (0, 0), which one window contains, and (1, 3), which 2 · 2 do
            Tensor given = windows.logits(tokens(random(3, 18)), null, null, Tensors.longs(18, 27));
            assertThat(given.size(0)).isEqualTo(2);
        });
        assertThat(inner.rows).containsExactly(5L);
        // windows from (0, 0), (0, 2), (0, 3), (1, 2), (1, 3)
        assertThat(inner.positions).singleElement().isEqualTo(new long[] {0, 6 + 4, 12 + 3, 18 + 1, 24});
    }

    @Test
    void a_call_of_the_network_has_a_bounded_number_of_windows_however_large_the_canvas() {
        Recorder inner = new Recorder();
        Canvas canvas = new Canvas(12, 11, 1);
        double[][] x = random(3, 12 * 11);
        Scope.free(() -> {
            Windows windows = new Windows(inner, HEIGHT, WIDTH, canvas, false);
            Tensor given = windows.logits(tokens(x), null, null, null);
            assertClose(
                    given,
                    bruteForce(x, new double[3], new double[3], canvas, 1, false),
                    LongStream.range(0, 3 * 12 * 11));
        });
        long all = 3 * 11 * 9;
        assertThat(inner.allRows()).isEqualTo(all);
        assertThat(inner.rows).hasSize((int) ((all + Windows.TOGETHER - 1) / Windows.TOGETHER));
        assertThat(inner.rows).allSatisfy(rows -> assertThat(rows).isLessThanOrEqualTo(Windows.TOGETHER));
    }

    @Test
    void vectors_may_stand_for_tokens() {
        double[][] x = random(2, 20);
        Scope.free(() -> {
            Windows windows = new Windows(new Recorder(), HEIGHT, WIDTH, new Canvas(4, 5), false);
            Tensor tokens = tokens(x).to(ScalarType.Float);
            Tensor vectors = Tensors.cat(2, tokens.unsqueeze(2), Tensors.zeros(2, 20, 2)); // [B, L', 3]
            assertThat(Tensors.toDoubles(windows.logits(vectors, null, null, null)))
                    .isEqualTo(Tensors.toDoubles(windows.logits(tokens(x), null, null, null)));
        });
    }

    @Test
    void nothing_is_lost_that_single_precision_would_lose() {
        Denoiser steep = (xt, time, label, at) ->
                Tensors.cat(1, Tensors.zeros(at.size(0), 1), Tensors.filled(-300, at.size(0), 1));
        Windows windows = new Windows(steep, HEIGHT, WIDTH, new Canvas(2, 5), false);
        Scope.free(() -> assertThat(
                        Tensors.toDoubles(windows.logits(Tensors.filled(0, 1, 10), null, null, Tensors.longs(2))))
                .containsExactly(new double[] {0, -300}, within(1e-3)));
    }

    @Test
    void nothing_asked_for_is_nothing_answered() {
        Recorder inner = new Recorder();
        Windows windows = new Windows(inner, HEIGHT, WIDTH, new Canvas(4, 5), false);
        Scope.free(() -> {
            Tensor none = windows.logits(tokens(random(2, 20)), null, null, Tensors.longs());
            assertThat(new long[] {none.size(0), none.size(1)}).containsExactly(0, CODES);
        });
        assertThat(inner.allRows()).isEqualTo(1);
    }

    @Test
    void guidance_goes_around_it() {
        double[][] x = random(2, 20);
        Canvas canvas = new Canvas(4, 5);
        Guidance guidance = new Guidance(new Windows(new Recorder(), HEIGHT, WIDTH, canvas, false), 3, 2);
        double[][] with = bruteForce(x, new double[2], new double[] {1, 2}, canvas, 1, false);
        double[][] without = bruteForce(x, new double[2], new double[] {3, 3}, canvas, 1, false);
        double[][] expected = IntStream.range(0, 40)
                .mapToObj(i -> IntStream.range(0, CODES)
                        .mapToDouble(k -> 3 * with[i][k] - 2 * without[i][k])
                        .toArray())
                .toArray(double[][]::new);
        Scope.free(() -> assertClose(
                guidance.logits(tokens(x), null, Tensors.longs(1, 2), Tensors.longs(0, 13, 39)),
                expected,
                LongStream.of(0, 13, 39)));
    }

    @Test
    void refuses_canvases_smaller_than_the_grids_of_training() {
        assertThatThrownBy(() -> new Windows(new Recorder(), 8, 6, new Canvas(16, 5), false))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("8 × 6", "16 × 5");
        assertThatThrownBy(() -> new Windows(new Recorder(), 8, 6, new Canvas(7, 12), false))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("8 × 6", "7 × 12");
    }

    @Test
    void refuses_strides_that_leave_holes() {
        assertThatThrownBy(() -> new Windows(new Recorder(), 8, 6, new Canvas(16, 16, 7), false))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("stride must be at most 6", "8 × 6", "7");
    }

    @Test
    void refuses_grids_of_another_size_than_the_canvas() {
        Windows windows = new Windows(new Recorder(), HEIGHT, WIDTH, new Canvas(4, 5), false);
        Scope.free(() -> assertThatThrownBy(() -> windows.logits(Tensors.filled(0, 2, 6), null, null, null))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("4 × 5", "20", "6"));
    }

    private static double[][] random(int grids, int length) {
        Random random = new Random(7);
        return IntStream.range(0, grids)
                .mapToObj(b -> IntStream.range(0, length)
                        .mapToDouble(i -> random.nextInt(5))
                        .toArray())
                .toArray(double[][]::new);
    }

    private static double[] filled(int length, double value) {
        double[] values = new double[length];
        Arrays.fill(values, value);
        return values;
    }

    private static Tensor tokens(double[][] x) {
        return Tensors.longs(Arrays.stream(x)
                        .flatMapToDouble(Arrays::stream)
                        .mapToLong(value -> (long) value)
                        .toArray())
                .view(x.length, -1);
    }

    private static Tensor floats(double[] values) {
        float[] floats = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            floats[i] = (float) values[i];
        }
        return Tensors.floats(floats);
    }

    private static void assertClose(Tensor given, double[][] expected, LongStream at) {
        double[] all = at.mapToObj(i -> expected[(int) i])
                .flatMapToDouble(Arrays::stream)
                .toArray();
        assertThat(Tensors.toDoubles(given)).containsExactly(all, within(1e-4));
    }
}
