package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.smalti.network.Linear;
import dev.smalti.network.Parameters;
import dev.smalti.train.TrainingConfiguration;
import java.util.List;
import org.bytedeco.pytorch.NoGradGuard;
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
                .hasMessage("precision must be auto, fp32, tf32, bf16 or fp16, got fp8");
    }

    @Test
    void fp16_is_for_a_gpu() {
        assertThatThrownBy(() -> Precision.of("fp16", Devices.cpu()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("precision fp16 is for a GPU, and this is the CPU: choose auto, bf16 or fp32");
        assertThat(Precision.of("auto", Devices.cpu())).isIn(Precision.BF16, Precision.FP32);
    }

    @Test
    void nothing_is_trained_in_fp16() {
        assertThatThrownBy(() -> Precision.toTrain("fp16", Devices.cpu()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "precision fp16 is for drawing alone, since small gradients would be 0 in it: train in auto, fp32,"
                                + " tf32 or bf16");
        assertThatThrownBy(() -> TrainingConfiguration.of(1, 1, 1, "fp16", "cpu"))
                .hasMessageContaining("fp16 is for drawing alone");
        assertThatThrownBy(() -> TrainingConfiguration.of(1, 1, 1, "fp8", "cpu"))
                .hasMessage("precision must be auto, fp32, tf32 or bf16, got fp8");
        assertThat(Precision.toTrain("bf16", Devices.cpu())).isEqualTo(Precision.BF16);
        assertThat(Precision.toTrain("auto", Devices.cpu())).isEqualTo(Precision.of("auto", Devices.cpu()));
    }

    /** No CPU computes fast with it, but libtorch does compute. */
    @Test
    void products_are_float16_inside_and_layers_are_converted_for_either_precision() {
        Scope.free(() -> {
            Tensor x = Tensors.ones(4, 4);
            assertThat(type(Precision.FP16.run(Devices.cpu(), () -> torch.mm(x, x))))
                    .isEqualTo(ScalarType.Half);
            Precision.BF16.run(Devices.cpu(), () -> {
                assertThat(type(Precision.FP16.run(Devices.cpu(), () -> torch.mm(x, x))))
                        .isEqualTo(ScalarType.Half);
                assertThat(type(torch.mm(x, x))).as("after it").isEqualTo(ScalarType.BFloat16);
                return null;
            });
            try (Parameters parameters = new Parameters(new Seed(1), Devices.cpu());
                    NoGradGuard guard = new NoGradGuard()) {
                Linear layer = new Linear(parameters, 4, 3, true, 1);
                double exact = layer.forward(x).sum().item_double();
                for (Precision precision : List.of(Precision.FP16, Precision.BF16, Precision.FP16)) {
                    Tensor y = precision.run(Devices.cpu(), () -> layer.forward(x));
                    assertThat(type(y)).isEqualTo(precision == Precision.BF16 ? ScalarType.BFloat16 : ScalarType.Half);
                    assertThat(y.to(ScalarType.Float).sum().item_double()).isCloseTo(exact, within(0.1));
                }
            }
        });
    }

    private static ScalarType type(Tensor tensor) {
        return tensor.scalar_type().intern();
    }

    @Test
    void a_machine_without_a_card_has_none_that_multiplies_bfloat16() {
        assumeFalse(torch.cuda_is_available());
        assertThat(Cuda.hasBf16()).isFalse();
    }
}
