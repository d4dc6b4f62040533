package dev.smalti.app;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.tensor.Phase;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

class ProgressTest {
    private static final Phase READING = Phase.of("features of the real images", "images", 2000);

    private final ByteArrayOutputStream written = new ByteArrayOutputStream();
    private final PrintStream err = new PrintStream(written, true, StandardCharsets.UTF_8);
    private long seconds;
    private final Progress.Lines lines =
            new Progress.Lines(new Console(err, err, false), "evaluate", () -> seconds * 1_000_000_000L);

    @Test
    void says_every_ten_seconds_how_far_a_phase_is_and_when_it_will_be_done() {
        lines.see(READING);
        for (int i = 1; i <= 25; i++) {
            seconds++;
            lines.see(READING.done(40L * i));
        }
        assertThat(lines())
                .containsExactly(
                        "evaluate, features of the real images: 400 of 2000 images, 40.0 images/s, 40.0 s left",
                        "evaluate, features of the real images: 800 of 2000 images, 40.0 images/s, 30.0 s left");
    }

    @Test
    void says_so_too_of_a_phase_that_tells_nothing() {
        lines.see(Phase.of("frechet"));
        pass(29);
        assertThat(lines())
                .containsExactly("evaluate, frechet: at work for 10.0 s", "evaluate, frechet: at work for 20.0 s");
    }

    @Test
    void says_so_before_the_first_phase() {
        pass(11);
        assertThat(lines()).containsExactly("evaluate, opening: at work for 10.0 s");
    }

    @Test
    void promises_no_end_where_all_is_counted_or_nothing_yet() {
        lines.see(READING);
        pass(10);
        lines.see(READING.done(2000));
        pass(20);
        assertThat(lines())
                .containsExactly(
                        "evaluate, features of the real images: 0 of 2000 images, at work for 10.0 s",
                        "evaluate, features of the real images: 2000 of 2000 images, 100 images/s, at work for 20.0 s",
                        "evaluate, features of the real images: 2000 of 2000 images, 66.7 images/s, at work for 30.0 s");
    }

    @Test
    void has_a_rate_of_each_phase_and_of_this_process_alone() {
        Phase steps = Phase.of("training", "steps", 1000);
        lines.see(steps.done(500));
        pass(5);
        lines.see(steps.done(505));
        lines.see(Phase.of("preview", "grids", 16));
        pass(4);
        lines.see(steps.done(506).note("loss 2.5"));
        pass(2);
        lines.see(steps.done(510).note("loss 2.5"));
        assertThat(lines()).containsExactly("evaluate, training: 506 of 1000 steps, at work for 1.0 s, loss 2.5");
        pass(9);
        assertThat(lines()).last().asString().endsWith("510 of 1000 steps, 0.364 steps/s, 22 min 28 s left, loss 2.5");
    }

    @Test
    void writes_no_more_than_a_line_in_ten_seconds_however_many_phases_there_are() {
        for (int i = 0; i < 100; i++) {
            seconds++;
            lines.see(Phase.of("phase " + i));
        }
        assertThat(lines()).hasSize(10);
    }

    private void pass(int count) {
        for (int i = 0; i < count; i++) {
            seconds++;
            lines.tick();
        }
    }

    private List<String> lines() {
        return written.toString(StandardCharsets.UTF_8).lines().toList();
    }
}
