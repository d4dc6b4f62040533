package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.bytedeco.openblas.global.openblas;
import org.junit.jupiter.api.Test;

class NativeTest {
    private static final int UNTOUCHED = -1;

    @Test
    void gives_openblas_the_cores_that_nobody_else_computes_on() {
        assertThat(BlasThreads.free(16, 0, 16)).isEqualTo(16);
        assertThat(BlasThreads.free(16, 0.2, 16)).isEqualTo(16);
        assertThat(BlasThreads.free(16, 1, 16)).isEqualTo(15);
        assertThat(BlasThreads.free(2, 0.1, 2)).isEqualTo(2);
        assertThat(BlasThreads.free(2, 1, 2)).isEqualTo(1);
        assertThat(BlasThreads.free(2, 2, 2)).isEqualTo(1);
        assertThat(BlasThreads.free(64, 30, 4)).isEqualTo(4);
    }

    @Test
    void counts_what_others_computed_and_the_host_gave_away() {
        BlasThreads.Sample before = sample(0, 0, 0, 0, 0);
        // a second of two cores: this process 0.9, others 0.5, the host's other guests 0.1, and half a second of
        // nothing
        BlasThreads.Sample after = sample(140, 40, 10, 10, 0.9);
        assertThat(after.elsewhere(before)).isCloseTo(0.6, within(1e-9));
        assertThat(after.elsewhere(after)).isZero();
    }

    private static BlasThreads.Sample sample(int user, int idle, int waiting, int stolen, double own) {
        String line = "cpu " + user + " 0 0 " + idle + " " + waiting + " 0 0 " + stolen + " 0 0";
        return BlasThreads.Sample.of(line.split(" "), 2, own);
    }

    @Test
    void gives_openblas_no_more_than_openmp_may_have() {
        assertThat(most(Map.of("OMP_WAIT_POLICY", "PASSIVE"))).isEqualTo(16);
        assertThat(openmp("4")).isEqualTo(4);
        assertThat(openmp("4,2")).isEqualTo(4);
        assertThat(openmp("32")).isEqualTo(16);
        assertThat(openmp("none")).isEqualTo(16);
    }

    private static int openmp(String threads) {
        return most(Map.of("OMP_WAIT_POLICY", "passive", "OMP_NUM_THREADS", threads));
    }

    private static int most(Map<String, String> environment) {
        return BlasThreads.most(environment, 16);
    }

    @Test
    void holds_openblas_to_one_thread_where_those_of_openmp_spin() {
        assertThat(most(Map.of())).isEqualTo(1);
        assertThat(most(Map.of("OMP_WAIT_POLICY", "active"))).isEqualTo(1);
    }

    @Test
    void leaves_a_number_that_somebody_has_chosen() {
        for (String variable : List.of("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS")) {
            AtomicInteger chosen = new AtomicInteger();
            BlasThreads.choose(Map.of(variable, "6", "OMP_WAIT_POLICY", "passive"), 16, chosen::set);
            assertThat(chosen).hasValue(0);
        }
    }

    @Test
    void sets_the_number_before_the_first_product() throws Exception {
        assertThat(threads(Map.of("OPENBLAS_NUM_THREADS", "2"))).isEqualTo(UNTOUCHED);
        assertThat(threads(Map.of("OMP_WAIT_POLICY", "passive", "OMP_NUM_THREADS", "1")))
                .isEqualTo(1);
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
