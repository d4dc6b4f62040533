package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** In processes of their own, by the pages that the system had to give them. */
@EnabledOnOs(OS.LINUX)
class FreedMemoryTest {
    /** What the system says as a process begins: each large tensor has pages of its own. */
    private static final Map<String, String> ANEW =
            Map.of("MALLOC_MMAP_THRESHOLD_", "131072", "MALLOC_TRIM_THRESHOLD_", "131072", "MALLOC_TOP_PAD_", "0");

    @Test
    void large_tensors_lie_where_others_have_been_freed_unless_the_environment_says_otherwise() throws Exception {
        Native.load();
        assumeThat(Loader.addressof("mallopt")).as("glibc").isNotNull();
        long anew = pages(ANEW);
        assertThat(anew).isGreaterThan(Frees.ROUNDS * Frees.PAGES);
        assertThat(pages(Map.of())).isLessThan(2 * anew / 3);
    }

    /** That a process is given once it has had such tensors before. */
    private static long pages(Map<String, String> environment) throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        Frees.class.getName()))
                .redirectError(ProcessBuilder.Redirect.DISCARD);
        builder.environment().keySet().removeIf(name -> name.matches("MALLOC_.*|GLIBC_TUNABLES|THP_.*"));
        builder.environment().putAll(environment);
        Process process = builder.start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(said).isZero();
        return Long.parseLong(said.strip());
    }

    /** Makes large tensors and frees them, over and over. */
    static final class Frees {
        static final int ROUNDS = 6;
        static final long PAGES = (125L << 20) / 4096; // of a round's tensors

        private Frees() {}

        public static void main(String[] arguments) throws IOException {
            Native.load();
            round();
            long before = faults();
            for (int i = 0; i < ROUNDS; i++) {
                round();
            }
            System.out.println(faults() - before);
        }

        /** Of 25, 50 and 50 MB, as a layer's attention. */
        private static void round() {
            Scope.free(() -> {
                torch.ones(25L << 18);
                torch.ones(50L << 18);
                torch.ones(50L << 18);
            });
        }

        /** Pages that were given without a look at a disk: the tenth field, of which the second may have spaces. */
        private static long faults() throws IOException {
            String line = Files.readString(Path.of("/proc/self/stat"));
            return Long.parseLong(line.substring(line.lastIndexOf(')') + 2).split(" ")[7]);
        }
    }
}
