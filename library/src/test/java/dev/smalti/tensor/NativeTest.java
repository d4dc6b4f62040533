package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.bytedeco.openblas.global.openblas;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;

class NativeTest {
    private static final int UNTOUCHED = -1;

    @Test
    void leaves_half_of_the_cores_to_others() {
        Map<String, String> passive = Map.of("OMP_WAIT_POLICY", "PASSIVE");
        assertThat(Native.blasThreads(passive, 16)).hasValue(8);
        assertThat(Native.blasThreads(passive, 3)).hasValue(1);
        assertThat(Native.blasThreads(passive, 2)).hasValue(1);
        assertThat(Native.blasThreads(passive, 1)).hasValue(1);
    }

    @Test
    void gives_openblas_no_more_than_openmp_may_have() {
        assertThat(openmp("4")).hasValue(4);
        assertThat(openmp("4,2")).hasValue(4);
        assertThat(openmp("12")).hasValue(8);
        assertThat(openmp("none")).hasValue(8);
    }

    private static OptionalInt openmp(String threads) {
        return Native.blasThreads(Map.of("OMP_WAIT_POLICY", "passive", "OMP_NUM_THREADS", threads), 16);
    }

    @Test
    void holds_openblas_to_one_thread_where_those_of_openmp_spin() {
        assertThat(Native.blasThreads(Map.of(), 16)).hasValue(1);
        assertThat(Native.blasThreads(Map.of("OMP_WAIT_POLICY", "active"), 16)).hasValue(1);
    }

    @Test
    void leaves_a_number_that_somebody_has_chosen() {
        assertThat(Native.blasThreads(Map.of("OPENBLAS_NUM_THREADS", "6"), 16)).isEmpty();
        assertThat(Native.blasThreads(Map.of("GOTO_NUM_THREADS", "6"), 16)).isEmpty();
    }

    @Test
    void sets_the_number_before_the_first_product() throws Exception {
        assertThat(threads(Map.of("OPENBLAS_NUM_THREADS", "2"))).isEqualTo(UNTOUCHED);
        assertThat(threads(Map.of("OMP_WAIT_POLICY", "passive", "OMP_NUM_THREADS", "1")))
                .isEqualTo(1);
    }

    @Test
    void a_share_of_the_cores_is_as_many_threads() {
        Native.load();
        int before = torch.get_num_threads();
        try {
            Native.cores(3);
            assertThat(torch.get_num_threads()).isEqualTo(3);
        } finally {
            torch.set_num_threads(before);
        }
        assertThatThrownBy(() -> Native.cores(0)).hasMessage("cores must be at least 1, got 0");
    }

    /** The number that was set in a process of such an environment. */
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

    /** Prints the number of OpenBLAS's threads that was set last. */
    static final class Threads {
        public static void main(String[] arguments) {
            Tensors.zeros(1);
            System.out.println(openblas.blas_get_num_threads());
        }
    }
}
