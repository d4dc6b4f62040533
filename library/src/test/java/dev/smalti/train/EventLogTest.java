package dev.smalti.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files that TensorBoard reads. */
class EventLogTest {
    private static final Clock NOON = Clock.fixed(Instant.ofEpochSecond(1_700_000_000), ZoneOffset.UTC);

    @TempDir
    private Path folder;

    private EventLog started(long begun) {
        EventLog log = new EventLog(folder, NOON);
        log.started(new Run(begun, 100, begun, 0, 0, Map.of(), 0));
        return log;
    }

    private List<Path> files() throws IOException {
        try (Stream<Path> all = Files.list(folder)) {
            return all.sorted().toList();
        }
    }

    @Test
    void begins_with_the_very_bytes_that_tensorflow_writes() throws IOException {
        started(0);
        String expected = "1800000000000000" // 24 bytes
                + "a37f4b22" // their checksum, as in every file of TensorFlow
                + "09" + "00000040fc54d941" // wall_time 1.7e9
                + "1a0d" + "627261696e2e4576656e743a32" // file_version brain.Event:2
                + "eced8f9d";
        byte[] written = Files.readAllBytes(files().get(0));
        assertThat(HexFormat.of().formatHex(Arrays.copyOf(written, 40))).isEqualTo(expected);
    }

    @Test
    void is_read_by_an_independent_reader() throws IOException {
        EventLog log = started(0);
        log.measured(50, Map.of("loss", 1.5, "nothing", Double.NaN, "zwölf", -12.0));
        log.measured(100, Map.of("loss", 0.25));
        Path png = folder.resolve("preview-100.png");
        Pictures.writePng(png, new Pixels(3, 2, new byte[18]));
        log.pictured(100, "preview", png, 3, 2);
        EventFiles events = EventFiles.of(folder);
        assertThat(events.scalars())
                .isEqualTo(Map.of("loss", Map.of(50L, 1.5f, 100L, 0.25f), "zwölf", Map.of(50L, -12f)));
        assertThat(events.images().get("preview").get(100L)).isEqualTo(Files.readAllBytes(png));
        assertThat(events.times()).hasSize(5).containsOnly(1.7e9);
    }

    @Test
    void a_run_that_goes_on_forgets_what_came_behind_its_checkpoint() throws IOException {
        EventLog killed = started(0);
        killed.measured(50, Map.of("loss", 3.0));
        killed.measured(100, Map.of("loss", 2.0));
        killed.measured(150, Map.of("loss", 1.0));
        EventLog again = started(100); // within the same second
        again.measured(200, Map.of("loss", 0.5));
        assertThat(files()).hasSize(2);
        assertThat(files().get(0).getFileName().toString()).startsWith("events.out.tfevents.1700000000.");
        assertThat(files().get(1).getFileName().toString()).startsWith("events.out.tfevents.1700000001.");
        assertThat(EventFiles.of(folder).scalars()).isEqualTo(Map.of("loss", Map.of(50L, 3f, 100L, 2f, 200L, 0.5f)));
    }

    @Test
    void whatever_a_kill_leaves_of_the_last_record_the_others_are_read() throws IOException {
        EventLog log = started(0);
        log.measured(50, Map.of("loss", 3.0));
        Path file = files().get(0);
        byte[] whole = Files.readAllBytes(file);
        log.measured(100, Map.of("loss", 2.0));
        byte[] more = Files.readAllBytes(file);
        for (int length = whole.length; length < more.length; length++) {
            Files.write(file, Arrays.copyOf(more, length), StandardOpenOption.TRUNCATE_EXISTING);
            EventFiles events = EventFiles.of(folder);
            assertThat(events.scalars()).isEqualTo(Map.of("loss", Map.of(50L, 3f)));
            assertThat(events.truncated()).isEqualTo(length == whole.length ? 0 : 1);
        }
        EventLog again = started(50);
        again.measured(100, Map.of("loss", 1.0));
        assertThat(EventFiles.of(folder).scalars()).isEqualTo(Map.of("loss", Map.of(50L, 3f, 100L, 1f)));
    }

    @Test
    void damage_is_noticed_by_the_checksums() throws IOException {
        started(0).measured(50, Map.of("loss", 3.0));
        Path file = files().get(0);
        byte[] damaged = Files.readAllBytes(file);
        damaged[damaged.length - 6] ^= 1;
        Files.write(file, damaged);
        assertThatThrownBy(() -> EventFiles.of(folder)).hasMessageContaining("checksum of data");
    }
}
