package dev.smalti.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ResultStreamTest {
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    @ParameterizedTest
    @ValueSource(strings = {"--help", "--version", "generate --help", "info no-such-model.safetensors --json"})
    void a_result_that_cannot_be_written_is_a_failure(String command) {
        int code = run(command, "No space left on device");
        boolean answered = !command.startsWith("info");
        assertThat(code).isEqualTo(answered ? Failure.FAILED : Failure.BAD_INPUT);
        assertThat(err.toString(StandardCharsets.UTF_8).strip())
                .hasLineCount(1)
                .contains(answered ? "standard output can't be written" : "does not exist");
    }

    @ParameterizedTest
    @ValueSource(strings = {"--help", "--version"})
    void a_reader_that_has_enough_is_not_complained_about(String command) {
        assertThat(run(command, "Broken pipe")).isEqualTo(Failure.FAILED);
        assertThat(err.toString(StandardCharsets.UTF_8)).isEmpty();
    }

    private int run(String command, String reason) {
        OutputStream broken = new OutputStream() {
            @Override
            public void write(int each) throws IOException {
                throw new IOException(reason);
            }
        };
        return Main.run(command.split(" "), broken, new PrintStream(err, true, StandardCharsets.UTF_8));
    }
}
