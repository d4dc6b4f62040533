package dev.smalti.spark;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.app.Jobs;
import dev.smalti.model.Model;
import dev.smalti.tensor.Observer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The main class, in a process that is driver and executor. */
@Tag("learning") // a Spark session takes seconds to come up
class LocalSparkTest {
    private static final List<String> DRAW =
            List.of("fruits-64-small", "--count", "7", "--steps", "2", "--seed", "3", "--device", "cpu");

    @TempDir
    private Path folder;

    private final ByteArrayOutputStream said = new ByteArrayOutputStream();

    @Test
    void a_draw_in_tasks_is_that_of_one_process() throws IOException {
        Path parts = folder.resolve("parts");
        assertThat(main("generate", DRAW, "--out", parts, "--parts", 3))
                .as(said())
                .isZero();
        assertThat(said()).contains("7 images in 3 parts, 7 of them made now", "0 parts were begun more than once");

        Path whole = folder.resolve("whole");
        Jobs.Draw one = Jobs.generate(Sets.with(DRAW, "--out", whole));
        try (Model open = Model.open(one.model(), one.opening())) {
            one.job().apply(open).run(open, Observer.NONE);
        }
        for (String name : Sets.names(whole)) {
            assertThat(parts.resolve(name)).hasSameBinaryContentAs(whole.resolve(name));
        }
    }

    @Test
    void what_cannot_be_is_refused_before_anything_runs() {
        assertThat(main("generate", DRAW, "--out", "drawn", "--parts", 2)).isEqualTo(2);
        assertThat(said()).contains("out must be absolute and seen by all executors", "got drawn");
        assertThat(main("generate", DRAW, "--out", folder.resolve("x"))).isEqualTo(2);
        assertThat(said()).contains("--parts N says in how many tasks");
        assertThat(main("generate", DRAW, "--out", folder.resolve("x"), "--parts", "0"))
                .isEqualTo(2);
        assertThat(said()).contains("--parts must be from 1 to 100000, got 0");
        assertThat(main("generate", DRAW, "--out", folder.resolve("x"), "--parts", 2, "--part", "1/2"))
                .isEqualTo(2);
        assertThat(said()).contains("--part is for a single process");
        assertThat(main("generate", DRAW, "--out", folder.resolve("x"), "--parts", 2, "--stepz", "1"))
                .isEqualTo(2);
        assertThat(said()).contains("option --stepz is unknown; did you mean --steps?");
        assertThat(main("draw", DRAW, "--parts", 2)).isEqualTo(2);
        assertThat(said()).contains("a verb must be encode, generate or features, got draw");
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void help_is_that_of_the_verb() {
        assertThat(main("features", List.of(), "--help")).isZero();
        assertThat(said()).contains("--real=PATH", "--resamples=N");
    }

    private int main(String verb, List<String> arguments, Object... more) {
        said.reset();
        PrintStream stream = new PrintStream(said, true, StandardCharsets.UTF_8);
        return Main.run(Sets.with(Sets.with(List.of(verb), arguments.toArray()), more), stream, stream);
    }

    private String said() {
        return said.toString(StandardCharsets.UTF_8);
    }
}
