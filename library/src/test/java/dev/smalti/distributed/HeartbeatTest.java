package dev.smalti.distributed;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class HeartbeatTest {
    private static final Rendezvous SECOND = new Rendezvous(1, 2, 0, "node-0", 29500, null);

    private final BlockingQueue<String> told = new LinkedBlockingQueue<>();

    private Heartbeat begin(Heartbeat.Counts store, Runnable after) {
        Heartbeat heartbeat = new Heartbeat(store, SECOND, told::add, 1000, 10);
        heartbeat.begin(after);
        return heartbeat;
    }

    @Test
    void misses_the_first_process_when_its_store_never_answers() throws Exception {
        CountDownLatch never = new CountDownLatch(1);
        Heartbeat.Counts vanished = (name, more) -> {
            try {
                never.await();
                return 0;
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        };
        try (Heartbeat heartbeat = begin(vanished, () -> {})) {
            assertThat(told.poll(60, TimeUnit.SECONDS))
                    .isEqualTo("process 0 of 2, at node-0, has not answered for 1 s");
            assertThat(heartbeat.lost()).startsWith("process 0 of 2");
        } finally {
            never.countDown();
        }
    }

    @Test
    void misses_a_process_that_counts_no_more() throws Exception {
        try (Heartbeat heartbeat = begin((name, more) -> 0, () -> {})) {
            assertThat(told.poll(60, TimeUnit.SECONDS)).endsWith("of 2 has not been heard of for 1 s");
        }
    }

    @Test
    void says_nothing_of_a_group_that_is_closed() throws Exception {
        AtomicLong count = new AtomicLong();
        CountDownLatch ended = new CountDownLatch(1);
        try (Heartbeat heartbeat = begin((name, more) -> count.incrementAndGet(), ended::countDown)) {
            assertThat(heartbeat.lost()).isNull();
        }
        assertThat(ended.await(60, TimeUnit.SECONDS)).isTrue();
        assertThat(told).isEmpty();
    }
}
