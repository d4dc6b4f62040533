package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class CudaTest {
    @Test
    void names_each_library_that_is_not_found_once() {
        assertThat(Cuda.notFound(List.of(
                        "\tlinux-vdso.so.1 (0x00007fff)",
                        "\tlibcudart.so.13 => /usr/local/cuda/lib64/libcudart.so.13 (0x00007f)",
                        "\tlibcublas.so.13 => not found",
                        "\tlibcudnn.so.9 => not found",
                        "\tlibcublas.so.13 => not found")))
                .containsExactly("libcublas.so.13", "libcudnn.so.9");
    }

    @Test
    void says_which_libraries_are_missing_and_where_they_come_from() {
        assertThat(Cuda.lacking(List.of("libcublas.so.13", "libcudnn.so.9")))
                .contains("libcublas.so.13, libcudnn.so.9", "cuda-redist", "PyTorch wheel", "docs/gpu.md");
    }

    @Test
    void tells_natives_for_the_cpu_from_cuda_without_a_card() {
        assertThat(Cuda.explanation(null, false)).contains("-Pcuda", "PyTorch wheel");
        assertThat(Cuda.explanation(Path.of("libtorch_cuda.so"), true)).contains("nvidia-smi", "CUDA_VISIBLE_DEVICES");
        assertThat(Cuda.explanation(null, true)).contains("nvidia-smi");
    }

    @Test
    void says_nothing_of_libraries_where_none_is_for_cuda() {
        assertThat(Cuda.missing()).isEmpty();
    }
}
