package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.util.List;
import org.junit.jupiter.api.Test;

class PreloadsTest {
    @Test
    void those_that_no_file_has_the_name_of_are_absent() {
        List<String> preloads = List.of("c10", "gomp@.1", "cublas@.13", "torch_cpu", "torch_cuda!", "nvToolsExt64_1");
        assertThat(Preloads.absent(preloads, List.of("libc10.so", "libgomp.so.1", "libtorch_cpu.so")))
                .containsExactly("cublas@.13", "torch_cuda!", "nvToolsExt64_1");
    }

    @Test
    void of_a_libtorch_for_the_cpu_they_are_those_of_cuda() {
        Native.load();
        assumeFalse(Cuda.hasLibraries(), "natives for CUDA have them");
        List<String> preloads = Preloads.ofLibtorch();
        List<String> absent = Preloads.absent(preloads, LibraryCache.libraries());
        assertThat(absent).hasSizeGreaterThan(20).anyMatch(name -> name.startsWith("cudnn"));
        assertThat(preloads).anyMatch(name -> name.startsWith("gomp"));
        assertThat(absent).noneMatch(name -> name.startsWith("gomp"));
    }

    /** Fails where a newer JavaCPP keeps it elsewhere, and starts are slower. */
    @Test
    void javacpp_can_be_told() {
        Native.load();
        assertThat(Preloads.tell(List.of("a library that nobody loads"))).isTrue();
    }
}
