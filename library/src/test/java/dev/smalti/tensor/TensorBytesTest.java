package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

class TensorBytesTest {
    @Test
    void cuts_the_memory_into_pieces_in_order() {
        Tensor tensor = Tensors.longs(1, 2, 3, 4, 5, 6, 7).to(ScalarType.Char);

        List<ByteBuffer> pieces = TensorBytes.of(tensor, 3);

        assertThat(pieces).extracting(ByteBuffer::remaining).containsExactly(3, 3, 1);
        assertThat(pieces).extracting(each -> (int) each.get(0)).containsExactly(1, 4, 7);
        assertThat(pieces.get(1).get(2)).isEqualTo((byte) 6);
    }

    @Test
    void is_the_memory_itself() {
        Tensor tensor = Tensors.floats(1, 2);
        TensorBytes.of(tensor).get(0).putFloat(4, 9);
        assertThat(Tensors.toFloats(tensor)).containsExactly(1, 9);
    }

    @Test
    void starts_where_a_view_starts() {
        Tensor view = Tensors.longs(1, 2, 3).narrow(0, 1, 1);
        List<ByteBuffer> pieces = TensorBytes.of(view);
        assertThat(pieces).hasSize(1);
        assertThat(pieces.get(0).remaining()).isEqualTo(8);
        assertThat(pieces.get(0).getLong()).isEqualTo(2);
    }

    @Test
    void has_no_pieces_where_there_are_no_elements() {
        assertThat(TensorBytes.of(Tensors.zeros(0, 3))).isEmpty();
    }

    @Test
    void refuses_a_tensor_that_skips_memory() {
        assertThatThrownBy(() -> TensorBytes.of(Tensors.zeros(2, 3).t())).hasMessageContaining("must be contiguous");
    }
}
