package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

class PrecisionTest {
    @Test
    void products_are_bfloat16_inside_and_float32_outside() {
        Scope.free(() -> {
            Tensor x = torch.ones(4, 4);
            Tensor inside = Precision.BF16.run(Devices.cpu(), () -> torch.mm(x, x));
            assertThat(inside.scalar_type().intern()).isEqualTo(ScalarType.BFloat16);
            assertThat(torch.mm(x, x).scalar_type().intern()).isEqualTo(ScalarType.Float);
            assertThat(Precision.FP32
                            .run(Devices.cpu(), () -> torch.mm(x, x))
                            .scalar_type()
                            .intern())
                    .isEqualTo(ScalarType.Float);
        });
    }

    @Test
    void tf32_is_float32_on_a_cpu() {
        assertThat(Precision.of("tf32", Devices.cpu())).isEqualTo(Precision.TF32);
        Scope.free(() -> {
            Tensor x = torch.randn(8, 8);
            Tensor product = Precision.TF32.run(Devices.cpu(), () -> torch.mm(x, x));
            assertThat(torch.equal(product, torch.mm(x, x))).isTrue();
        });
    }

    @Test
    void exact_is_float32_inside_of_bfloat16_and_bfloat16_goes_on_after_it() {
        Scope.free(() -> {
            Tensor x = torch.ones(4, 4);
            Precision.BF16.run(Devices.cpu(), () -> {
                assertThat(Precision.exact(Devices.cpu(), () -> torch.mm(x, x))
                                .scalar_type()
                                .intern())
                        .isEqualTo(ScalarType.Float);
                assertThat(torch.mm(x, x).scalar_type().intern()).isEqualTo(ScalarType.BFloat16);
                return null;
            });
        });
    }

    @Test
    void a_failure_inside_switches_autocast_off_again() {
        assertThatThrownBy(() -> Precision.BF16.run(Devices.cpu(), () -> {
                    throw new IllegalStateException("inside");
                }))
                .hasMessage("inside");
        Scope.free(() -> assertThat(torch.mm(torch.ones(2, 2), torch.ones(2, 2))
                        .scalar_type()
                        .intern())
                .isEqualTo(ScalarType.Float));
    }

    @Test
    void names_what_precision_must_be() {
        assertThatThrownBy(() -> Precision.of("fp8", Devices.cpu()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("precision must be auto, fp32, tf32 or bf16, got fp8");
    }
}
