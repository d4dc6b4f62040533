package dev.smalti.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.data.Pixels;
import dev.smalti.draw.Sampling;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.BooleanSupplier;
import java.util.function.LongConsumer;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What an embedding program may do with a model, with the bundled one and few steps. */
@Timeout(120)
class ModelTest {
    private static final String FRUITS = "../models/fruits-64-small";
    private static final Sampling FEW = Sampling.USUAL.steps(3);

    @Test
    void a_closed_model_says_so() {
        Model model = open();
        Tensor codes = model.codes(new GridBatch(new long[1], 0, 1, 0, FEW), (done, of, xt) -> {});
        model.close();
        model.close(); // does nothing
        List<ThrowingCallable> calls = List.of(
                () -> model.images(List.of(), 1, 0, FEW),
                () -> model.codes(new GridBatch(null, 0, 1, 0, FEW), (done, of, xt) -> {}),
                () -> model.decode(codes),
                () -> model.encode(codes, null),
                model::prior,
                model::tokenizer,
                model::patch);
        assertThat(calls).allSatisfy(call -> assertThatThrownBy(call)
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("this model is closed: %s; open it again to draw from it", FRUITS));
        assertThat(model.classNames()).as("what needs no weights").contains("cherry-1");
    }

    @Test
    void progress_is_told_of_every_step() {
        List<Long> told = new ArrayList<>();
        try (Model model = open()) {
            model.images(List.of("cherry-1"), 6, 0, FEW, told::add);
        }
        assertThat(told).containsExactly(2L, 4L, 6L);
    }

    @Test
    void what_progress_throws_stops_the_draw_and_the_next_draw_is_as_ever() {
        try (Model model = open()) {
            List<Pixels> whole = draw(model, 5);
            assertThatThrownBy(() -> model.images(List.of(), 2, 5, FEW, done -> {
                        throw new UnsupportedOperationException("enough");
                    }))
                    .isInstanceOf(UnsupportedOperationException.class)
                    .hasMessage("enough");
            assertSame(draw(model, 5), whole);
        }
    }

    @Test
    void an_interrupt_from_another_thread_stops_the_draw_after_its_step() throws Exception {
        try (Model model = open()) {
            List<Pixels> whole = draw(model, 5);
            List<Long> told = new ArrayList<>();
            CountDownLatch begun = new CountDownLatch(1);
            List<Boolean> interrupted = new ArrayList<>();
            Thread drawing = new Thread(() -> {
                try {
                    model.images(List.of(), 3, 5, FEW, done -> {
                        told.add(done);
                        begun.countDown();
                        until(Thread.currentThread()::isInterrupted);
                    });
                } catch (CancellationException e) {
                    interrupted.add(Thread.currentThread().isInterrupted());
                }
            });
            drawing.start();
            begun.await();
            drawing.interrupt();
            drawing.join();
            assertThat(told).as("steps").containsExactly(1L);
            assertThat(interrupted).as("cancelled, and still interrupted").containsExactly(true);
            assertSame(draw(model, 5), whole);
        }
    }

    @Test
    void an_interrupted_thread_does_not_wait_for_its_turn() throws Exception {
        ExecutorService other = Executors.newSingleThreadExecutor();
        try (Model model = open()) {
            CountDownLatch begun = new CountDownLatch(1);
            CountDownLatch go = new CountDownLatch(1);
            Future<List<Pixels>> first = other.submit(() -> model.images(List.of(), 2, 5, FEW, done -> {
                begun.countDown();
                await(go);
            }));
            begun.await();
            Thread.currentThread().interrupt();
            assertThatThrownBy(() -> draw(model, 6))
                    .isInstanceOf(CancellationException.class)
                    .hasMessage("the draw was stopped: its thread was interrupted");
            assertThat(Thread.interrupted()).isTrue();
            go.countDown();
            assertThat(first.get()).hasSize(2);
        } finally {
            other.shutdownNow();
        }
    }

    @Test
    void closing_a_model_stops_the_draw_of_another_thread() throws Exception {
        ExecutorService other = Executors.newSingleThreadExecutor();
        Model model = open();
        try {
            CountDownLatch begun = new CountDownLatch(1);
            Future<List<Pixels>> draw = other.submit(() -> model.images(List.of(), 2, 5, FEW, done -> {
                begun.countDown();
                until(() -> closed(model));
            }));
            begun.await();
            model.close();
            assertThatThrownBy(draw::get)
                    .isInstanceOf(ExecutionException.class)
                    .cause()
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageStartingWith("this model is closed");
        } finally {
            model.close();
            other.shutdownNow();
        }
    }

    @Test
    void a_draw_can_not_close_its_own_model() {
        try (Model model = open()) {
            LongConsumer closing = done -> model.close();
            assertThatThrownBy(() -> model.images(List.of(), 1, 0, FEW, closing))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("can't be closed by its own draw");
            assertThat(draw(model, 0)).as("it is open still").hasSize(2);
        }
    }

    @Test
    void threads_that_share_a_model_take_turns_and_get_what_they_would_get_alone() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(3);
        try (Model model = open()) {
            List<List<Pixels>> alone = List.of(draw(model, 0), draw(model, 1), draw(model, 2));
            List<Future<List<Pixels>>> together = new ArrayList<>();
            for (int i = 0; i < 6; i++) {
                long seed = i % 3;
                together.add(threads.submit(() -> draw(model, seed)));
            }
            for (int i = 0; i < 6; i++) {
                assertSame(together.get(i).get(), alone.get(i % 3));
            }
        } finally {
            threads.shutdownNow();
        }
    }

    @Test
    void two_models_draw_beside_each_other() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(1);
        try (Model here = open();
                Model there = open()) {
            List<Pixels> alone = draw(here, 3);
            CountDownLatch begun = new CountDownLatch(1);
            CountDownLatch go = new CountDownLatch(1);
            Future<List<Pixels>> other = threads.submit(() -> there.images(List.of("cherry-1"), 2, 3, FEW, done -> {
                begun.countDown();
                await(go);
            }));
            begun.await();
            assertSame(draw(here, 3), alone); // while the other is in the middle of a draw
            go.countDown();
            assertSame(other.get(), alone);
        } finally {
            threads.shutdownNow();
        }
    }

    private static Model open() {
        return Model.open(FRUITS, "cpu");
    }

    private static List<Pixels> draw(Model model, long seed) {
        return model.images(List.of("cherry-1"), 2, seed, FEW);
    }

    private static void assertSame(List<Pixels> images, List<Pixels> expected) {
        assertThat(images).hasSameSizeAs(expected);
        for (int i = 0; i < images.size(); i++) {
            assertThat(images.get(i).rgb()).isEqualTo(expected.get(i).rgb());
        }
    }

    private static boolean closed(Model model) {
        try {
            model.prior();
            return false;
        } catch (IllegalStateException e) {
            return true;
        }
    }

    private static void until(BooleanSupplier holds) {
        while (!holds.getAsBoolean()) {
            Thread.onSpinWait();
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
