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
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PartFolderTest {
    private static final Identity REQUEST = Identity.of(Map.of("seed", 1, "count", 5));

    @TempDir
    private Path folder;

    @Test
    void names_what_is_another_in_another_request() {
        new PartFolder(folder, new Part(1, 2), REQUEST).mark();
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
        assertThat(parts.marked()).isFalse();
        assertThat(parts.done(null)).isFalse();
        parts.mark();
        assertThat(parts.done(null)).isTrue();
        assertThat(parts.done(".tar")).isTrue();
    }

    @Test
    void all_parts_are_found_in_order_and_none_may_be_missing() throws IOException {
        assertThatThrownBy(() -> PartFolder.whole(folder)).hasMessageContaining("holds no parts");
        for (int i = 2; i >= 1; i--) {
            Files.writeString(new PartFolder(folder, new Part(i, 2), REQUEST).file(".tar"), "x");
            if (i == 2) {
                assertThatThrownBy(() -> PartFolder.whole(folder)).hasMessageContaining("1 is not there");
            }
        }
        PartFolder.Whole whole = PartFolder.whole(folder);
        assertThat(whole.request()).isEqualTo(REQUEST.json());
        assertThat(whole.files())
                .containsExactly(folder.resolve("part-0001-of-0002.tar"), folder.resolve("part-0002-of-0002.tar"));
    }

    @Test
    void a_request_that_failed_before_any_part_gives_way_to_another() throws IOException {
        PartFolder failed = new PartFolder(folder, new Part(1, 2), REQUEST);
        Identity other = Identity.of(Map.of("seed", 2, "count", 5));
        PartFolder next = new PartFolder(folder, new Part(1, 3), other);
        assertThatThrownBy(failed::check).hasMessageContaining("parts of another number (.smalti-parts-of-0003.json)");
        try (Claim working = Claim.beside(next.file(".tar"))) {
            assertThatThrownBy(() -> new PartFolder(folder, new Part(2, 3), REQUEST))
                    .hasMessageContaining("another request (other: seed)")
                    .hasMessageContaining("delete " + folder.resolve(".smalti-parts-of-0003.json"));
            next.check();
        }
        assertThat(names(folder)).containsExactly(".smalti-parts-of-0003.json");
    }

    @Test
    void of_two_requests_at_once_the_parts_of_one_are_made() throws Exception {
        Identity other = Identity.of(Map.of("seed", 2, "count", 5));
        ExecutorService threads = Executors.newFixedThreadPool(2);
        CyclicBarrier together = new CyclicBarrier(2);
        try {
            for (int round = 0; round < 60; round++) {
                Path shared = Files.createDirectory(folder.resolve("round-" + round));
                List<Future<Boolean>> both = new ArrayList<>();
                for (int i = 1; i <= 2; i++) {
                    Part part = new Part(i, round % 2 == 0 ? 2 : 1 + i); // another number in every second round
                    Identity request = i == 1 ? REQUEST : other;
                    both.add(threads.submit(() -> {
                        together.await();
                        return made(shared, part, request);
                    }));
                }
                boolean first = both.get(0).get();
                boolean second = both.get(1).get();
                assertThat(first && second).isFalse();
                if (first || second) {
                    assertThat(Files.readString(shared.resolve(announced(shared))))
                            .isEqualTo(first ? REQUEST.json() : other.json());
                }
            }
        } finally {
            threads.shutdownNow();
        }
    }

    private static boolean made(Path shared, Part part, Identity request) throws IOException {
        try {
            PartFolder own = new PartFolder(shared, part, request);
            Path file = own.file(".tar");
            try (Claim claim = Claim.beside(file)) {
                own.check();
                Files.writeString(file, "x");
                return true;
            }
        } catch (JobException e) {
            assertThat(e).hasMessageContaining("parts of another ");
            return false;
        }
    }

    private static String announced(Path shared) throws IOException {
        List<String> all = names(shared).stream().filter(Part::isAnnouncement).toList();
        assertThat(all).hasSize(1);
        return all.get(0);
    }

    private static List<String> names(Path folder) throws IOException {
        try (Stream<Path> all = Files.list(folder)) {
            return all.map(each -> each.getFileName().toString()).sorted().toList();
        }
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
                        return Files.writeString(own.file(".tar"), "x");
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
