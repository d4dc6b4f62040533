package dev.smalti.prior.process;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.draw.Order;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.network.Parameters;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class MaskedWalkTest {
    private static final int K = 5;
    private static final int L = 12;

    @Test
    void seed_11_begins_the_order_of_halton_at_any_place() {
        long[] order = Halton.order(3, 4);
        Map<Integer, Long> begun = new TreeMap<>();
        Scope.free(() -> {
            GridDraw draw = draw(new TokenSpace(K, 3, 4), 11, 600);
            long[] rank = Tensors.toLongs(MaskedWalk.rank(draw, Order.HALTON, true));
            for (int grid = 0; grid < 600; grid++) {
                int moved = (int) rank[grid * L + (int) order[0]];
                for (int i = 0; i < L; i++) {
                    assertThat(rank[grid * L + (int) order[i]]).isEqualTo((i + moved) % L);
                }
                begun.merge(moved, 1L, Long::sum);
            }
        });
        // 50 each, with a standard deviation of 6.8
        assertThat(begun.values()).hasSize(L).allMatch(count -> Math.abs(count - 50) < 4 * 6.8);
    }

    @Test
    void seed_12_draws_all_orders_alike() {
        Map<List<Long>, Long> orders = Scope.value(() -> {
            GridDraw draw = draw(new TokenSpace(K, 1, 3), 12, 3000);
            long[] rank = Tensors.toLongs(MaskedWalk.rank(draw, Order.RANDOM, true));
            return IntStream.range(0, 3000)
                    .mapToObj(i -> List.of(rank[3 * i], rank[3 * i + 1], rank[3 * i + 2]))
                    .collect(Collectors.groupingBy(each -> each, Collectors.counting()));
        });
        // 500 each, with a standard deviation of 20.4
        assertThat(orders.values()).hasSize(6).allMatch(count -> Math.abs(count - 500) < 4 * 20.4);
    }

    private static GridDraw draw(TokenSpace space, long seed, int grids) {
        List<Seed> seeds =
                LongStream.range(0, grids).mapToObj(new Seed(seed)::child).toList();
        return new GridDraw(
                space, 0, new Parameters(new Seed(1), Devices.cpu()), Sampling.USUAL, RandomStreams.of(seeds));
    }
}
