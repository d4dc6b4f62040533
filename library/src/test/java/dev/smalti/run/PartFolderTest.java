package dev.smalti.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.tensor.Part;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PartFolderTest {
    private static final Identity REQUEST = Identity.of(Map.of("seed", 1, "count", 5));

    @TempDir
    private Path folder;

    @Test
    void names_what_is_another_in_another_request() {
        new PartFolder(folder, new Part(1, 2), REQUEST);
        Identity other = Identity.of(Map.of("seed", 2, "count", 5));
        assertThatThrownBy(() -> new PartFolder(folder, new Part(2, 2), other))
                .isInstanceOf(JobException.class)
                .hasMessageContaining("parts of another request (other: seed)");
        assertThatThrownBy(() -> new PartFolder(folder, new Part(2, 3), REQUEST))
                .hasMessageContaining("parts of another number (.smalti-parts-of-0002.json), and 2/3 is asked for");
    }

    @Test
    void a_part_is_done_when_its_file_or_its_mark_is_there() throws IOException {
        PartFolder parts = new PartFolder(folder, new Part(1, 2), REQUEST);
        assertThat(parts.done(".tar")).isFalse();
        Files.writeString(parts.file(".tar"), "x");
        assertThat(parts.done(".tar")).isTrue();
        assertThat(parts.done(null)).isFalse();
        parts.mark();
        assertThat(parts.done(null)).isTrue();
    }

    @Test
    void all_parts_are_found_in_order_and_none_may_be_missing() throws IOException {
        assertThatThrownBy(() -> PartFolder.whole(folder)).hasMessageContaining("holds no parts");
        for (int i = 2; i >= 1; i--) {
            Files.writeString(new PartFolder(folder, new Part(i, 2), REQUEST).file(".x"), "x");
            if (i == 2) {
                assertThatThrownBy(() -> PartFolder.whole(folder)).hasMessageContaining("1 is not there");
            }
        }
        PartFolder.Whole whole = PartFolder.whole(folder);
        assertThat(whole.request()).isEqualTo(REQUEST.json());
        assertThat(whole.files())
                .containsExactly(folder.resolve("part-0001-of-0002.x"), folder.resolve("part-0002-of-0002.x"));
    }

    @Test
    void many_may_begin_at_once() throws Exception {
        int many = 8;
        ExecutorService threads = Executors.newFixedThreadPool(many);
        CyclicBarrier together = new CyclicBarrier(many);
        try {
            for (int round = 0; round < 30; round++) {
                Path shared = folder.resolve("round-" + round);
                List<Future<?>> all = new ArrayList<>();
                for (int i = 1; i <= many; i++) {
                    Part part = new Part(i, many);
                    all.add(threads.submit(() -> {
                        together.await();
                        PartFolder own = new PartFolder(shared, part, REQUEST);
                        return Files.writeString(own.file(".x"), "x");
                    }));
                }
                for (Future<?> each : all) {
                    each.get();
                }
                assertThat(PartFolder.whole(shared).files()).hasSize(many);
            }
        } finally {
            threads.shutdownNow();
        }
    }
}
