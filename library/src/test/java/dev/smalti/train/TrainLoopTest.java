package dev.smalti.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.distributed.Group;
import dev.smalti.distributed.LostPeerException;
import dev.smalti.network.Loss;
import dev.smalti.network.Objective;
import dev.smalti.network.Parameters;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.train.TrainingConfiguration.Schedule;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.LongFunction;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class TrainLoopTest {
    private static final int ITEMS = 4;

    private final List<Parameters> opened = new ArrayList<>();

    @AfterEach
    void close() {
        opened.forEach(Parameters::close);
    }

    /** Least squares of w to a batch of targets [n, 3]; not finite from a certain step on. */
    private class Squares implements Objective<Tensor> {
        private final String name;
        private final Parameters parameters = new Parameters(new Seed(1), Devices.cpu());
        private final Tensor weight;
        private final long brokenFrom;

        Squares(String name, long brokenFrom) {
            this.name = name;
            this.brokenFrom = brokenFrom;
            weight = parameters.weight("w", Tensors.floats(0, 1, 2));
            opened.add(parameters);
        }

        @Override
        public String name() {
            return name;
        }

        @Override
        public Parameters parameters() {
            return parameters;
        }

        boolean broken(long step) {
            return step >= brokenFrom;
        }

        @Override
        public Loss loss(Tensor batch, long step, Seed seed) {
            Tensor loss = batch.sub(weight).pow(new Scalar(2)).mean();
            return new Loss(broken(step) ? loss.div(new Scalar(0.0)) : loss, Map.of("twice", loss.mul(new Scalar(2))));
        }
    }

    @Test
    void descends_the_same_with_a_batch_in_two_parts() {
        double[][] found = new double[2][];
        double[] losses = new double[2];
        for (int parts = 1; parts <= 2; parts++) {
            Squares squares = new Squares("squares", 99);
            Run run = run(squares, configuration(5, parts), targets(ITEMS / parts), List.of());
            found[parts - 1] = Tensors.toDoubles(squares.weight);
            losses[parts - 1] = run.measures().get("squares.loss");
            assertThat(run.measures().get("squares.twice")).isCloseTo(2 * losses[parts - 1], within(1e-5));
            assertThat(run.items()).isEqualTo(5 * ITEMS);
        }
        assertThat(found[1]).containsExactly(found[0], within(1e-6));
        assertThat(losses[1]).isCloseTo(losses[0], within(1e-5));
    }

    @Test
    void stops_before_a_step_whose_loss_is_not_finite() {
        Squares good = new Squares("squares", 99);
        run(good, configuration(2, 1), targets(ITEMS), List.of());
        Squares broken = new Squares("squares", 2);
        List<Long> seen = new ArrayList<>();
        Watcher watcher = new Watcher() {
            @Override
            public void stepped(Run run) {
                seen.add(run.step());
            }
        };
        assertThatThrownBy(() -> run(broken, configuration(5, 1), targets(ITEMS), List.of(watcher)))
                .isInstanceOf(NotFiniteException.class)
                .hasMessage("the loss of the squares became Infinity in step 3");
        assertThat(seen).containsExactly(1L, 2L);
        assertThat(Tensors.toFloats(broken.weight)).isEqualTo(Tensors.toFloats(good.weight));
    }

    @Test
    void tells_the_same_of_steps_that_are_read_some_at_a_time() {
        List<Run> each = new ArrayList<>();
        List<Run> later = new ArrayList<>();
        List<Long> behind = new ArrayList<>();
        long[] asked = new long[1];
        LongFunction<Tensor> targets = targets(ITEMS / 2);
        LongFunction<Tensor> counted = number -> {
            asked[0] = number / 2 + 1;
            return targets.apply(number);
        };
        Squares now = new Squares("squares", 99);
        run(now, 23, targets, each::add, false);
        Squares then = new Squares("squares", 99);
        Consumer<Run> told = run -> {
            later.add(run);
            behind.add(asked[0] - run.step());
        };
        run(then, 23, counted, told, true);
        assertThat(later)
                .extracting(Run::step)
                .isEqualTo(List.of(each.stream().map(Run::step).toArray()));
        assertThat(later)
                .extracting(Run::measures)
                .isEqualTo(List.of(each.stream().map(Run::measures).toArray()));
        assertThat(later)
                .extracting(Run::items)
                .isEqualTo(List.of(each.stream().map(Run::items).toArray()));
        assertThat(Tensors.toFloats(then.weight)).isEqualTo(Tensors.toFloats(now.weight));
        assertThat(behind).as("steps that were begun when one was told of").anyMatch(steps -> steps >= 3);
    }

    @Test
    void takes_no_step_behind_one_that_is_not_finite_and_is_read_later() {
        Squares good = new Squares("squares", 99);
        run(good, 2, targets(ITEMS / 2), run -> {}, true);
        Squares broken = new Squares("squares", 2) {
            @Override
            boolean broken(long step) {
                return step == 2;
            }
        };
        assertThatThrownBy(() -> run(broken, 20, targets(ITEMS / 2), run -> {}, true))
                .isInstanceOf(NotFiniteException.class)
                .hasMessage("the loss of the squares became Infinity in step 3");
        assertThat(Tensors.toFloats(broken.weight)).isEqualTo(Tensors.toFloats(good.weight));
    }

    /** In two parts; every tenth step is in the log. */
    private static void run(
            Squares squares, long steps, LongFunction<Tensor> batches, Consumer<Run> told, boolean later) {
        TrainingConfiguration configuration = new TrainingConfiguration(
                steps, ITEMS, 0.05, null, null, null, null, null, null, 2, null, "fp32", "cpu", 10L, 0L, null, 0L, 10L,
                null, null, null, null);
        Watcher watcher = new Watcher() {
            @Override
            public void stepped(Run run) {
                told.accept(run);
            }
        };
        try (Player<Tensor> player = Player.of(squares, configuration, true)) {
            new TrainLoop<>(
                            List.of(player),
                            batches,
                            configuration,
                            new Seed(1),
                            Devices.cpu(),
                            List.of(watcher),
                            () -> false,
                            Group.alone(),
                            later)
                    .run(0);
        }
    }

    /** One process that has missed another. */
    private record Bereft(LostPeerException said) implements Group {
        @Override
        public int rank() {
            return 0;
        }

        @Override
        public int localRank() {
            return 0;
        }

        @Override
        public int size() {
            return 1;
        }

        @Override
        public void sum(List<Tensor> tensors) {}

        @Override
        public void broadcast(List<Tensor> tensors) {}

        @Override
        public boolean any(boolean own) {
            return own;
        }

        @Override
        public void requireSame(String what, String text) {}

        @Override
        public Optional<LostPeerException> lost() {
            return Optional.of(said);
        }

        @Override
        public void close() {}
    }

    /** What is thrown within the backward pass comes out of libtorch as an exception of its own. */
    @Test
    void a_process_that_is_missed_in_the_backward_pass_is_said_to_be() {
        Squares nothing = new Squares("squares", 99) {
            @Override
            public Loss loss(Tensor batch, long step, Seed seed) {
                return new Loss(Tensors.floats(1), Map.of()); // at which libtorch throws: nothing of it learns
            }
        };
        LostPeerException said = new LostPeerException("process 1 of 2 has gone");
        List<Player<Tensor>> players = List.of(Player.of(nothing, configuration(2, 1), true));
        TrainLoop<Tensor> loop = new TrainLoop<>(
                players,
                targets(ITEMS),
                configuration(2, 1),
                new Seed(1),
                Devices.cpu(),
                List.of(),
                () -> false,
                new Bereft(said));
        assertThatThrownBy(() -> loop.run(0)).isSameAs(said);
        players.forEach(Player::close);
        assertThatThrownBy(() -> run(nothing, configuration(2, 1), targets(ITEMS), List.of()))
                .isExactlyInstanceOf(RuntimeException.class);
    }

    /** An infinite loss needn't have an infinite gradient. */
    @Test
    void stops_at_an_infinite_loss_whose_gradient_is_finite() {
        Squares squares = new Squares("squares", 99) {
            @Override
            public Loss loss(Tensor batch, long step, Seed seed) {
                Loss loss = super.loss(batch, step, seed);
                return step < 1 ? loss : new Loss(loss.total().add(new Scalar(Double.POSITIVE_INFINITY)), Map.of());
            }
        };
        assertThatThrownBy(() -> run(squares, configuration(5, 2), targets(ITEMS / 2), List.of()))
                .isInstanceOf(NotFiniteException.class)
                .hasMessage("the loss of the squares became Infinity in step 2");
    }

    @Test
    void prepares_the_next_batch_while_it_trains_on_this_one() {
        List<Long> asked = Collections.synchronizedList(new ArrayList<>());
        CountDownLatch[] prepared = {new CountDownLatch(1), new CountDownLatch(2), new CountDownLatch(3)};
        LongFunction<Tensor> targets = targets(ITEMS);
        LongFunction<Tensor> batches = number -> {
            asked.add(number);
            List.of(prepared).forEach(CountDownLatch::countDown);
            return targets.apply(number);
        };
        Squares squares = new Squares("squares", 99) {
            @Override
            public Loss loss(Tensor batch, long step, Seed seed) {
                await(prepared[(int) Math.min(2, step + 1)]); // for ever, if it came later
                return super.loss(batch, step, seed);
            }
        };
        run(squares, configuration(3, 1), batches, List.of());
        assertThat(asked).containsExactly(0L, 1L, 2L);
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(60, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void throws_what_a_batch_throws_when_its_turn_comes() {
        LongFunction<Tensor> targets = targets(ITEMS);
        List<Long> seen = new ArrayList<>();
        Watcher watcher = new Watcher() {
            @Override
            public void stepped(Run run) {
                seen.add(run.step());
            }
        };
        assertThatThrownBy(() -> run(
                        new Squares("squares", 99),
                        configuration(5, 1),
                        number -> {
                            if (number == 2) {
                                throw new UnsupportedOperationException("no picture");
                            }
                            return targets.apply(number);
                        },
                        List.of(watcher)))
                .isInstanceOf(UnsupportedOperationException.class)
                .hasMessage("no picture");
        assertThat(seen).containsExactly(1L, 2L);
    }

    @Test
    void frees_every_batch_also_one_that_is_not_used() {
        List<Tensor> made = Collections.synchronizedList(new ArrayList<>());
        LongFunction<Tensor> targets = targets(ITEMS);
        Squares squares = new Squares("squares", 99);
        long[] asked = {0};
        List<Player<Tensor>> players = List.of(Player.of(squares, configuration(100, 1), true));
        new TrainLoop<>(
                        players,
                        number -> {
                            made.add(targets.apply(number));
                            return made.get(made.size() - 1);
                        },
                        configuration(100, 1),
                        new Seed(1),
                        Devices.cpu(),
                        List.of(),
                        () -> asked[0]++ == 4)
                .run(0);
        players.forEach(Player::close);
        assertThat(made).hasSize(5).allMatch(tensor -> tensor.isNull());
    }

    @Test
    void trains_players_in_turn_each_on_its_own_loss() {
        Squares first = new Squares("first", 99);
        Squares second = new Squares("second", 99);
        List<Player<Tensor>> players =
                List.of(Player.of(first, configuration(3, 1), true), Player.of(second, configuration(3, 1), false));
        Run run = new TrainLoop<>(
                        players,
                        targets(ITEMS),
                        configuration(3, 1),
                        new Seed(1),
                        Devices.cpu(),
                        List.of(),
                        () -> false)
                .run(0);
        players.forEach(Player::close);
        assertThat(run.complete()).isTrue();
        assertThat(run.measures())
                .containsOnlyKeys(
                        "first.loss",
                        "first.twice",
                        "first.gradient_norm",
                        "second.loss",
                        "second.twice",
                        "second.gradient_norm");
        assertThat(Tensors.toFloats(first.weight)).isEqualTo(Tensors.toFloats(second.weight));
        assertThat(Tensors.toFloats(first.weight)).isNotEqualTo(new float[] {0, 1, 2});
    }

    @Test
    void ends_where_it_is_asked_to() {
        Squares squares = new Squares("squares", 99);
        long[] asked = {0};
        List<Player<Tensor>> players = List.of(Player.of(squares, configuration(100, 1), true));
        Run run = new TrainLoop<>(
                        players,
                        targets(ITEMS),
                        configuration(100, 1),
                        new Seed(1),
                        Devices.cpu(),
                        List.of(),
                        () -> asked[0]++ == 4)
                .run(0);
        players.forEach(Player::close);
        assertThat(run.step()).isEqualTo(4);
        assertThat(run.complete()).isFalse();
    }

    @Test
    void warms_up_linearly_and_goes_down_along_half_a_cosine() {
        TrainingConfiguration constant = schedule(Schedule.CONSTANT);
        TrainingConfiguration cosine = schedule(Schedule.COSINE);
        for (TrainingConfiguration each : List.of(constant, cosine)) {
            assertThat(each.rate(0)).isCloseTo(0.01, within(1e-12));
            assertThat(each.rate(4)).isCloseTo(0.05, within(1e-12));
            assertThat(each.rate(9)).isCloseTo(0.1, within(1e-12));
            assertThat(each.rate(10)).isCloseTo(0.1, within(1e-12));
        }
        assertThat(constant.rate(109)).isEqualTo(0.1);
        assertThat(cosine.rate(60)).isCloseTo(0.05, within(1e-12));
        assertThat(cosine.rate(35)).isCloseTo(0.1 * (1 + Math.sqrt(0.5)) / 2, within(1e-12));
        assertThat(cosine.rate(109)).isBetween(0.0, 1e-4);
        assertThat(cosine.rate(110)).isCloseTo(0, within(1e-12));
    }

    private static TrainingConfiguration schedule(Schedule schedule) {
        return new TrainingConfiguration(
                110, 1, 0.1, null, null, 10L, schedule, null, null, null, null, null, null, null, null, null, null,
                null, null, null, null, null);
    }

    private static Run run(
            Squares objective,
            TrainingConfiguration configuration,
            LongFunction<Tensor> batches,
            List<Watcher> watchers) {
        List<Player<Tensor>> players = List.of(Player.of(objective, configuration, true));
        try {
            return new TrainLoop<>(players, batches, configuration, new Seed(1), Devices.cpu(), watchers, () -> false)
                    .run(0);
        } finally {
            players.forEach(Player::close);
        }
    }

    private static TrainingConfiguration configuration(long steps, int parts) {
        return new TrainingConfiguration(
                steps, ITEMS, 0.05, null, null, null, null, null, null, parts, null, "fp32", "cpu", null, null, null,
                null, null, null, null, null, null);
    }

    /** Parts of so many of an endless row of targets. */
    private static LongFunction<Tensor> targets(int size) {
        return number -> {
            float[] values = new float[3 * size];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) Math.sin(number * values.length + i);
            }
            return Tensors.floats(values).view(size, 3);
        };
    }
}
