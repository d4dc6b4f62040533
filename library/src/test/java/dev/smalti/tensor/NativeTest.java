package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.bytedeco.openblas.global.openblas;
import org.junit.jupiter.api.Test;

class NativeTest {
    private static final Map<String, String> PASSIVE = Map.of("OMP_WAIT_POLICY", "PASSIVE");

    @Test
    void leaves_half_of_the_cores_to_others() {
        assertThat(Native.blasThreads(PASSIVE, 16)).isEqualTo(8);
        assertThat(Native.blasThreads(PASSIVE, 3)).isEqualTo(1);
        assertThat(Native.blasThreads(PASSIVE, 2)).isEqualTo(1);
        assertThat(Native.blasThreads(PASSIVE, 1)).isEqualTo(1);
    }

    @Test
    void holds_openblas_to_one_thread_where_those_of_openmp_spin() {
        assertThat(Native.blasThreads(Map.of(), 16)).isEqualTo(1);
        assertThat(Native.blasThreads(Map.of("OMP_WAIT_POLICY", "active"), 16)).isEqualTo(1);
    }

    @Test
    void leaves_a_number_that_somebody_has_chosen() {
        assertThat(Native.blasThreads(Map.of("OPENBLAS_NUM_THREADS", "6"), 6)).isEqualTo(6);
        assertThat(Native.blasThreads(Map.of("GOTO_NUM_THREADS", "6"), 6)).isEqualTo(6);
    }

    @Test
    void sets_the_number_before_the_first_product() throws Exception {
        assertThat(threads(Map.of("OMP_WAIT_POLICY", "passive", "OPENBLAS_NUM_THREADS", "2")))
                .isEqualTo(2);
        assertThat(threads(Map.of("OMP_WAIT_POLICY", "passive", "OMP_NUM_THREADS", "2")))
                .isEqualTo(1);
    }

    /** What OpenBLAS has in a process of such an environment. */
    private static int threads(Map<String, String> environment) throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                Threads.class.getName()));
        List.of("OMP_WAIT_POLICY", "OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")
                .forEach(builder.environment()::remove);
        builder.environment().putAll(environment);
        Process process = builder.redirectError(ProcessBuilder.Redirect.DISCARD).start();
        String out = new String(process.getInputStream().readAllBytes());
        assertThat(process.waitFor()).isZero();
        return Integer.parseInt(out.strip());
    }

    /** Prints the number of OpenBLAS's threads. */
    static final class Threads {
        public static void main(String[] arguments) {
            Tensors.zeros(1);
            System.out.println(openblas.blas_get_num_threads());
        }
    }
}
