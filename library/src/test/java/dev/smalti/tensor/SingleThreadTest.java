package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;

class SingleThreadTest {
    @Test
    void has_one_openmp_thread_and_leaves_others_theirs() throws Exception {
        Native.load();
        int before = torch.get_num_threads();
        ExecutorService alone = SingleThread.executor("alone");
        ExecutorService later = Executors.newSingleThreadExecutor();
        try {
            assertThat(alone.submit(() -> Thread.currentThread().getName()).get())
                    .isEqualTo("alone");
            assertThat(alone.submit(() -> torch.get_num_threads()).get()).isEqualTo(1);
            assertThat(later.submit(() -> torch.get_num_threads()).get()).isEqualTo(before);
            assertThat(torch.get_num_threads()).isEqualTo(before);
            assertThat(alone.submit(() -> torch.get_num_threads()).get()).isEqualTo(1);
        } finally {
            alone.shutdown();
            later.shutdown();
        }
    }
}
