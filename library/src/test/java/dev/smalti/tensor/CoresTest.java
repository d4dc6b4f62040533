package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CoresTest {
    @TempDir
    private Path processors;

    private void processor(int number, String siblings) throws IOException {
        Path topology =
                Files.createDirectories(processors.resolve("cpu" + number).resolve("topology"));
        Files.writeString(topology.resolve("thread_siblings_list"), siblings + "\n");
    }

    @Test
    void counts_processors_that_share_a_core_once() throws IOException {
        processor(0, "0,2");
        processor(1, "1,3");
        processor(2, "0,2");
        processor(3, "1,3");
        processor(10, "10");
        Files.createDirectories(processors.resolve("cpu4")); // offline
        Files.createDirectories(processors.resolve("cpufreq").resolve("topology"));
        assertThat(Cores.count(processors)).isEqualTo(3);
        assertThat(Cores.count(processors.resolve("none"))).isZero();
    }

    /** In processes of their own, since a process counts once. */
    @Test
    void a_process_has_a_thread_a_core_unless_the_environment_says_how_many() throws Exception {
        int cores = Cores.count(Path.of("/sys/devices/system/cpu"));
        int least = Math.min(cores, Runtime.getRuntime().availableProcessors());
        assertThat(threads(Map.of())).isGreaterThanOrEqualTo(Math.max(1, least));
        assertThat(threads(Map.of("OMP_NUM_THREADS", "1"))).isEqualTo(1);
    }

    private static int threads(Map<String, String> environment) throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        Says.class.getName()))
                .redirectError(ProcessBuilder.Redirect.DISCARD);
        builder.environment().keySet().removeIf(name -> name.matches("OMP_.*|MKL_.*"));
        builder.environment().putAll(environment);
        Process process = builder.start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(said).isZero();
        return Integer.parseInt(said.strip());
    }

    /** Says how many threads libtorch computes with, in a thread that hasn't loaded it. */
    static final class Says {
        private Says() {}

        public static void main(String[] arguments) throws InterruptedException {
            Native.load();
            Thread other = new Thread(() -> System.out.println(torch.get_num_threads()));
            other.start();
            other.join();
        }
    }
}
