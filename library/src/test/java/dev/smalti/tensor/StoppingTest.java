package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class StoppingTest {
    @Test
    void ends_work_by_what_the_answer_throws() {
        int[] blocks = {0};
        assertThatThrownBy(() -> Stopping.run(Stopping.when(() -> blocks[0] == 3), () -> {
                    while (true) {
                        Stopping.check();
                        blocks[0]++;
                    }
                }))
                .isInstanceOf(Stopping.StoppedWorkException.class);
        assertThat(blocks[0]).isEqualTo(3);
        assertThatCode(Stopping::check).doesNotThrowAnyException();
    }

    @Test
    void asks_the_innermost_alone() {
        List<String> asked = new ArrayList<>();
        Stopping.run(() -> asked.add("outer"), () -> {
            Stopping.check();
            String given = Stopping.value(() -> asked.add("inner"), () -> {
                Stopping.check();
                return "given";
            });
            assertThat(given).isEqualTo("given");
            Stopping.check();
        });
        assertThat(asked).containsExactly("outer", "inner", "outer");
    }

    @Test
    void leaves_other_threads_alone() {
        Stopping.run(Stopping.when(() -> true), () -> CompletableFuture.runAsync(Stopping::check)
                .join());
    }
}
