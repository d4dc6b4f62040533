package dev.smalti.distributed;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.List;
import java.util.stream.DoubleStream;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

class WholeBatchTest {
    private static final Seed SEED = new Seed(3);

    @Test
    void what_is_agreed_on_is_what_the_first_has() throws Exception {
        List<double[]> dead = ThreadGroups.run(3, rank -> {
            Tensor own = Tensors.longs(0, 1, 2).eq(new Scalar((long) rank));
            return Tensors.toDoubles(WholeBatch.agreed(own));
        });
        assertThat(dead).allSatisfy(each -> assertThat(each).containsExactly(1, 0, 0));
    }

    @Test
    void members_draw_together_what_one_draws() throws Exception {
        double[] whole = Scope.value(() -> Tensors.toDoubles(WholeBatch.uniform(SEED.generator(), 6, 2)));
        assertThat(joined(ThreadGroups.run(3, rank -> Tensors.toDoubles(WholeBatch.uniform(SEED.generator(), 2, 2)))))
                .containsExactly(whole);
    }

    @Test
    void members_of_different_numbers_draw_together_what_one_draws() throws Exception {
        double[] whole = Scope.value(() -> Tensors.toDoubles(Tensors.uniform(SEED.generator(), 5)));
        long[] counts = {2, 0, 3};
        assertThat(joined(ThreadGroups.run(3, rank -> {
                    Generator generator = SEED.generator();
                    return Tensors.toDoubles(WholeBatch.ofUneven(counts[rank], all -> Tensors.uniform(generator, all)));
                })))
                .containsExactly(whole);
    }

    @Test
    void rows_of_all_are_the_same_to_all() throws Exception {
        List<double[]> found = ThreadGroups.run(2, rank -> {
            Tensor own = Tensors.floats(10 * rank, 10 * rank + 1, 10 * rank + 2).view(3, 1);
            assertThat(Tensors.toDoubles(WholeBatch.all(own))).containsExactly(0, 1, 2, 10, 11, 12);
            return Tensors.toDoubles(WholeBatch.rows(own, Tensors.longs(5, 0, 3, 3)));
        });
        assertThat(found).allSatisfy(each -> assertThat(each).containsExactly(12, 0, 10, 10));
    }

    /** Of f(mean x) with f the square, for which the gradient of each x is 2 mean / n. */
    @Test
    void a_function_of_a_mean_has_the_gradient_of_the_whole_once_gradients_are_averaged() throws Exception {
        double[] x = {1, 5, 2, -4};
        List<double[]> gradients = ThreadGroups.run(2, rank -> {
            Tensor own = Tensors.doubles(x[2 * rank], x[2 * rank + 1]).set_requires_grad(true);
            Tensor mean = WholeBatch.mean(own.mean());
            assertThat(mean.item_double()).isEqualTo(1);
            mean.mul(mean).backward();
            return Tensors.toDoubles(own.grad().div(new Scalar(2.0)));
        });
        assertThat(joined(gradients)).containsExactly(0.5, 0.5, 0.5, 0.5);
    }

    @Test
    void whoever_is_alone_is_not_changed() {
        Scope.free(() -> {
            Tensor own = Tensors.longs(LongStream.range(0, 4).toArray());
            assertThat(WholeBatch.all(own)).isSameAs(own);
            assertThat(WholeBatch.sum(own)).isSameAs(own);
            assertThat(WholeBatch.mean(own)).isSameAs(own);
            assertThat(WholeBatch.items(4)).isEqualTo(4);
            assertThat(WholeBatch.first(4)).isZero();
        });
    }

    private static double[] joined(List<double[]> parts) {
        return parts.stream().flatMapToDouble(DoubleStream::of).toArray();
    }
}
