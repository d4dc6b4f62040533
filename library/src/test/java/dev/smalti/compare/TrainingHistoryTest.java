package dev.smalti.compare;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainingHistoryTest {
    @TempDir
    private Path run;

    @Test
    void adds_the_time_of_all_processes_and_overlooks_a_broken_line() throws IOException {
        Files.writeString(run.resolve("metrics.jsonl"), """
                {"step":2,"prior.loss":5.0,"seconds":3.0}
                {"step":4,"prior.loss":4.0,"seconds":6.0}
                {"step":4,"held_out.bits_per_token":2.5}
                {"step":6,"prior.loss":3.0,"prior.elbo_bits":9.0,"seconds":1.0}
                {"step":8,"prior.loss":2.0,"seconds":2.5}
                {"step":8,"held_out.bits_per_token":1.5}
                {"step":10,"prior.lo""");
        TrainingHistory history = TrainingHistory.of(run, TrainingHistory.BITS);
        assertThat(history.seconds()).isEqualTo(8.5);
        assertThat(history.loss()).isEqualTo(2.0);
        assertThat(history.heldOut()).containsExactly(new CompareResult.Point(4, 2.5), new CompareResult.Point(8, 1.5));
    }

    @Test
    void overlooks_lines_that_are_no_text_no_object_or_endless() throws IOException {
        ByteArrayOutputStream log = new ByteArrayOutputStream();
        log.writeBytes(new byte[] {(byte) 0xff, (byte) 0xfe, '{', '}', '\n', '3', '\n', '\n', '[', ']', '\n'});
        log.writeBytes(("{\"x\":\"" + "y".repeat(2 << 20) + "\"}\n").getBytes(StandardCharsets.UTF_8));
        log.writeBytes("{\"step\":2,\"prior.loss\":5.0,\"seconds\":3.0}".getBytes(StandardCharsets.UTF_8));
        Files.write(run.resolve("metrics.jsonl"), log.toByteArray());
        assertThat(TrainingHistory.of(run, TrainingHistory.BITS)).isEqualTo(new TrainingHistory(3.0, 5.0, List.of()));
    }

    @Test
    void a_run_without_a_log_has_no_history() {
        assertThat(TrainingHistory.of(run, TrainingHistory.BITS)).isEqualTo(new TrainingHistory(null, null, List.of()));
    }
}
