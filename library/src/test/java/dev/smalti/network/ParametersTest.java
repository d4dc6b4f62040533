package dev.smalti.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

class ParametersTest {
    @Test
    void names_tensors_by_their_path_in_order_of_registration() {
        try (Parameters parameters = new Parameters(new Seed(1), Devices.cpu())) {
            new Linear(parameters.child("blocks").child(0), 2, 3, true, 0.02);
            parameters.child("norm").buffer("mean", Tensors.zeros(4));
            parameters.constant("scale", 1, 1);
            assertThat(parameters.weights().keySet()).containsExactly("blocks.0.weight", "blocks.0.bias", "scale");
            assertThat(parameters.buffers().keySet()).containsExactly("norm.mean");
            assertThat(parameters.child("blocks").weights().keySet())
                    .containsExactly("blocks.0.weight", "blocks.0.bias");
            assertThat(parameters.count()).isEqualTo(2 * 3 + 3 + 1);
            assertThatThrownBy(() -> parameters.constant("scale", 2, 1))
                    .hasMessage("a tensor named scale is registered already");
        }
    }

    @Test
    void what_is_registered_in_a_frozen_part_is_a_buffer_without_gradients() {
        try (Parameters parameters = new Parameters(new Seed(1), Devices.cpu())) {
            Parameters frozen = parameters.child("teacher").frozen();
            new Linear(frozen.child("out"), 2, 3, true, 0.02);
            new Linear(parameters.child("out"), 2, 3, true, 0.02);
            assertThat(parameters.weights().keySet()).containsExactly("out.weight", "out.bias");
            assertThat(parameters.buffers().keySet()).containsExactly("teacher.out.weight", "teacher.out.bias");
            assertThat(parameters.buffers().get("teacher.out.weight").requires_grad())
                    .isFalse();
        }
    }

    @Test
    void draws_each_tensor_from_its_own_stream() {
        try (Parameters one = new Parameters(new Seed(1), Devices.cpu());
                Parameters other = new Parameters(new Seed(1), Devices.cpu())) {
            float[] alone = Tensors.toFloats(one.normal("b", 1, 5));
            float[] before = Tensors.toFloats(other.normal("a", 1, 5));
            assertThat(Tensors.toFloats(other.normal("b", 1, 5)))
                    .isEqualTo(alone)
                    .isNotEqualTo(before);
        }
    }

    @Test
    void loads_values_of_the_same_names_and_lists_what_does_not_fit() {
        try (Parameters parameters = new Parameters(new Seed(1), Devices.cpu())) {
            parameters.constant("a", 0, 2);
            parameters.constant("b", 0, 3);
            Scope.free(() -> {
                parameters.load(Map.of("a", Tensors.floats(1, 2), "b", Tensors.floats(3, 4, 5)));
                assertThat(Tensors.toFloats(parameters.weights().get("b"))).containsExactly(3, 4, 5);
                Map<String, Tensor> wrong = new LinkedHashMap<>();
                wrong.put("a", Tensors.floats(1, 2, 3));
                wrong.put("c", Tensors.floats(1));
                assertThatThrownBy(() -> parameters.load(wrong))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("3 mismatches")
                        .hasMessageContaining("a must have shape [2], got [3]")
                        .hasMessageContaining("missing b")
                        .hasMessageContaining("unknown c");
            });
        }
    }

    @Test
    void outlives_scopes_and_frees_everything_when_closed() {
        System.gc(); // what other tests left must not go in between
        long before = Pointer.totalCount();
        Parameters[] made = new Parameters[1];
        Scope.free(() -> {
            made[0] = new Parameters(new Seed(1), Devices.cpu());
            new Linear(made[0], 20, 30, true, 0.02);
        });
        assertThat(Tensors.toFloats(made[0].weights().get("bias"))).hasSize(30).containsOnly(0);
        made[0].close();
        assertThat(Pointer.totalCount()).isLessThanOrEqualTo(before);
    }
}
