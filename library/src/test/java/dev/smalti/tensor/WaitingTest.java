package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** In processes of their own, since libgomp reads its environment once; it says itself what it has read. */
@EnabledOnOs(OS.LINUX)
class WaitingTest {
    @Test
    void threads_sleep_while_they_wait_where_the_variable_is_unset() throws Exception {
        String said = said(Map.of());
        assertThat(said).contains("GOMP_SPINCOUNT = '" + Spinning.COUNT + "'").contains("THREADS 2");
        assertThat(said).contains("OMP_WAIT_POLICY = 'PASSIVE'").contains("watched");
        assertThat(said(Map.of("GOMP_SPINCOUNT", "0")))
                .contains("GOMP_SPINCOUNT = '0'")
                .doesNotContain("watched");
        assertThat(said.lines().filter(line -> line.contains("OMP_WAIT_POLICY is not set")))
                .as("one warning")
                .hasSize(1);
    }

    @Test
    void what_the_environment_says_stays_and_needs_no_warning() throws Exception {
        assertThat(said(Map.of("OMP_WAIT_POLICY", "active")))
                .doesNotContain("GOMP_SPINCOUNT = '0'")
                .doesNotContain("is not set")
                .doesNotContain("watched");
        assertThat(said(Map.of("OMP_WAIT_POLICY", "passive")))
                .contains("GOMP_SPINCOUNT = '" + Spinning.COUNT + "'")
                .doesNotContain("is not set")
                .contains("watched");
    }

    @Test
    void where_another_library_was_quicker_openmp_is_held_to_one_thread() throws Exception {
        Native.load();
        String libgomp = Files.readAllLines(Path.of("/proc/self/maps"), StandardCharsets.ISO_8859_1).stream()
                .filter(line -> line.contains("/libgomp"))
                .map(line -> line.substring(line.indexOf('/')))
                .findFirst()
                .orElseThrow();
        String said = said(Map.of(), libgomp);
        assertThat(said).contains("THREADS 1");
        assertThat(said.lines().filter(line -> line.contains("another library loaded OpenMP before")))
                .as("one warning")
                .hasSize(1);
    }

    private static String said(Map<String, String> environment, String... arguments)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Loads.class.getName()));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().keySet().removeIf(name -> name.matches("OMP_.*|GOMP_.*|OPENBLAS_.*"));
        builder.environment().put("OMP_DISPLAY_ENV", "verbose");
        builder.environment().put("OMP_NUM_THREADS", "2");
        builder.environment().putAll(environment);
        Process process = builder.start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(said).isZero();
        return said;
    }

    /** Loads the libraries named and then libtorch, as an embedding program does. */
    static final class Loads {
        public static void main(String[] libraries) {
            for (String library : libraries) {
                System.load(library);
            }
            Devices.cpu();
            System.out.println("THREADS " + torch.get_num_threads());
            boolean watched = Thread.getAllStackTraces().keySet().stream()
                    .anyMatch(thread -> thread.getName().equals(Spinning.WATCH));
            System.out.println(watched ? "the load is watched" : "");
        }
    }
}
