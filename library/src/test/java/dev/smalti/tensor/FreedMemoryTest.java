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
    private static final int TENSORS = 10;
    private static final long PAGES = (32L << 20) / 4096; // of a tensor

    @Test
    void a_large_tensor_lies_where_another_has_been_freed() throws Exception {
        Native.load();
        assumeThat(Loader.addressof("mallopt")).as("glibc").isNotNull();
        assertThat(pages(Map.of())).isLessThan(2 * PAGES);
    }

    @Test
    void what_the_environment_says_of_it_stays() throws Exception {
        assertThat(pages(Map.of("MALLOC_MMAP_THRESHOLD_", "131072"))).isGreaterThan((TENSORS - 1) * PAGES);
    }

    /** That a process is given from its second tensor on. */
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

    /** Makes large tensors and frees them, one after the other. */
    static final class Frees {
        private Frees() {}

        public static void main(String[] arguments) throws IOException {
            Native.load();
            make();
            long before = faults();
            for (int i = 0; i < TENSORS; i++) {
                make();
            }
            System.out.println(faults() - before);
        }

        private static void make() {
            Scope.free(() -> torch.ones(8L << 20)); // float32
        }

        /** Pages that were given without a look at a disk: the tenth field, of which the second may have spaces. */
        private static long faults() throws IOException {
            String line = Files.readString(Path.of("/proc/self/stat"));
            return Long.parseLong(line.substring(line.lastIndexOf(')') + 2).split(" ")[7]);
        }
    }
}
