package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

class DevicesTest {
    @Test
    void auto_is_a_device_that_is_there() {
        assertThat(Devices.of("auto").is_cuda()).isEqualTo(torch.cuda_is_available());
        assertThat(Devices.of("cpu").is_cpu()).isTrue();
    }

    @Test
    void names_what_a_device_must_be() {
        assertThatThrownBy(() -> Devices.of("tpu"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("device must be auto, cpu, cuda or cuda:<number>, got tpu");
    }

    @Test
    void a_missing_gpu_is_refused_with_a_way_out() {
        assumeFalse(torch.cuda_is_available(), "there is a GPU");
        assertThatThrownBy(() -> Devices.of("cuda")).hasMessageContaining("-Pcuda");
    }

    @Test
    void a_gpu_multiplies_as_the_cpu_does() {
        assumeTrue(torch.cuda_is_available(), "needs a CUDA GPU and -Pcuda");
        Scope.free(() -> {
            Tensor x = torch.randn(64, 64);
            Tensor onGpu = x.to(Devices.of("cuda"), ScalarType.Float);
            double worst =
                    torch.mm(onGpu, onGpu).cpu().sub(torch.mm(x, x)).abs().max().item_double();
            assertThat(worst).isLessThan(1e-3);
        });
    }
}
