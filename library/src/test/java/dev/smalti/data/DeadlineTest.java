package dev.smalti.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

class DeadlineTest {
    private static final Duration SHORT = Duration.ofMillis(30);

    @Test
    void leaves_behind_what_never_ends() {
        AtomicBoolean stop = new AtomicBoolean();
        try {
            assertThatThrownBy(() -> Deadline.call(
                            () -> {
                                while (!stop.get()) {
                                    Thread.onSpinWait();
                                }
                                return 0;
                            },
                            SHORT))
                    .isInstanceOf(TimeoutException.class);
        } finally {
            stop.set(true);
        }
    }

    @Test
    void counts_the_time_of_a_processor_and_not_the_time_of_waiting() throws Exception {
        CountDownLatch never = new CountDownLatch(1);

        boolean done = Deadline.call(() -> never.await(3 * SHORT.toMillis(), TimeUnit.MILLISECONDS), SHORT);

        assertThat(done).isFalse();
    }

    @Test
    void passes_on_what_the_work_throws_errors_too() {
        StackOverflowError error = new StackOverflowError();

        assertThatThrownBy(() -> Deadline.call(
                        () -> {
                            throw error;
                        },
                        SHORT))
                .isInstanceOf(ExecutionException.class)
                .hasCause(error);
    }
}
