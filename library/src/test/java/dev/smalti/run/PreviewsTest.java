package dev.smalti.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.data.Pixels;
import dev.smalti.tensor.Phase;
import dev.smalti.tensor.Stopping;
import dev.smalti.train.Run;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.LongConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PreviewsTest {
    private static final long SECOND = 1_000_000_000L;
    private static final int SIDE = 4;

    @TempDir
    Path folder;

    private final List<Phase> phases = new ArrayList<>();
    private long now; // nanoseconds
    private boolean stop;

    /** Pictures that take so long each, in ten layers. */
    private final class Slow implements Sheet {
        private long each;
        private int made;

        @Override
        public int size() {
            return 16;
        }

        @Override
        public int columns() {
            return 16;
        }

        @Override
        public String unit() {
            return "grids";
        }

        @Override
        public List<Pixels> pictures(int from, int to, LongConsumer progress) {
            List<Pixels> pictures = new ArrayList<>();
            for (int layer = 0; layer < 10; layer++) {
                Stopping.check();
                now += (to - from) * each / 10;
            }
            for (int i = from; i < to; i++) {
                pictures.add(new Pixels(SIDE, SIDE, new byte[3 * SIDE * SIDE]));
            }
            made += to - from;
            return pictures;
        }
    }

    private final Slow sheet = new Slow();

    @Test
    void shows_all_pictures_where_there_is_time() {
        Previews previews = begin(0);
        sheet.each = SECOND / 10;
        pass(previews, 5);
        assertThat(shown(5)).isEqualTo(16);
        assertThat(phases)
                .contains(
                        Phase.of("preview", "grids", 16),
                        Phase.of("preview", "grids", 16).done(16));
    }

    @Test
    void shows_as_many_as_can_be_made_in_five_seconds_where_little_time_has_passed() {
        Previews previews = begin(0);
        sheet.each = SECOND;
        pass(previews, 5);
        assertThat(shown(5)).isEqualTo(5);
        assertThat(now).isEqualTo(5 * SECOND);
    }

    @Test
    void takes_a_tenth_of_the_time_since_the_last_preview() {
        Previews previews = begin(0);
        sheet.each = SECOND;
        now += 80 * SECOND;
        pass(previews, 5);
        assertThat(shown(5)).isEqualTo(8);
        now += 200 * SECOND;
        long before = now;
        pass(previews, 10);
        assertThat(shown(10)).isEqualTo(16);
        assertThat(now - before).isEqualTo(16 * SECOND);
    }

    @Test
    void gives_a_picture_up_that_takes_too_long_and_tries_again_when_there_is_time() {
        Previews previews = begin(0);
        sheet.each = 20 * SECOND;
        pass(previews, 5);
        assertThat(file(5)).doesNotExist();
        assertThat(now).as("the budget, and the rest of a layer").isBetween(5 * SECOND, 7 * SECOND);

        long before = now;
        pass(previews, 10);
        assertThat(file(10)).doesNotExist();
        assertThat(now).as("it is known to take longer").isEqualTo(before);

        now = 300 * SECOND;
        pass(previews, 15);
        assertThat(shown(15)).isEqualTo(1);
    }

    @Test
    void stops_at_once_when_it_is_asked_to_and_shows_it_when_the_run_goes_on() {
        Previews previews = begin(0);
        sheet.each = SECOND;
        stop = true;
        assertThatThrownBy(() -> pass(previews, 5)).isInstanceOf(Stopping.StoppedWorkException.class);
        assertThat(file(5)).doesNotExist();
        assertThat(sheet.made).isZero();

        stop = false;
        begin(5);
        assertThat(shown(5)).isEqualTo(5);
    }

    @Test
    void draws_nothing_again_that_is_there_when_a_run_goes_on() {
        Previews previews = begin(0);
        pass(previews, 5);
        sheet.made = 0;
        begin(5);
        assertThat(sheet.made).isZero();
    }

    @Test
    void shows_steps_that_are_due_alone_and_the_last() {
        Previews previews = begin(0);
        for (long step = 1; step <= 12; step++) {
            pass(previews, step);
        }
        for (long step = 1; step <= 12; step++) {
            assertThat(Files.exists(file(step))).as("step " + step).isEqualTo(step == 5 || step == 10 || step == 12);
        }
    }

    private Previews begin(long step) {
        Previews previews = new Previews(folder, 5, null, sheet, phases::add, () -> stop, () -> now, List.of());
        previews.started(run(step, step));
        return previews;
    }

    private static void pass(Previews previews, long step) {
        previews.stepped(run(step, 0));
    }

    private static Run run(long step, long begun) {
        return new Run(step, 12, begun, 0, 0, Map.of(), 0);
    }

    private Path file(long step) {
        return folder.resolve("preview-" + step + ".png");
    }

    /** How many pictures stand side by side. */
    private int shown(long step) {
        int width = Pixels.decode(bytes(file(step)), "preview").width();
        return (width + 2) / (SIDE + 2);
    }

    private static byte[] bytes(Path file) {
        try {
            return Files.readAllBytes(file);
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }
}
