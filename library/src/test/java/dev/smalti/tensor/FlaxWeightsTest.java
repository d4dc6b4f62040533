package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.entry;
import static org.assertj.core.api.Assertions.fail;

import dev.smalti.Allocation;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.msgpack.core.MessageBufferPacker;
import org.msgpack.core.MessagePack;

/** What {@code flax.serialization.msgpack_serialize} writes, written here by the same rules. */
class FlaxWeightsTest {
    @TempDir
    private Path folder;

    private final MessageBufferPacker out = MessagePack.newDefaultBufferPacker();

    private FlaxWeightsTest map(int size) throws IOException {
        out.packMapHeader(size);
        return this;
    }

    private FlaxWeightsTest name(String name) throws IOException {
        out.packString(name);
        return this;
    }

    private FlaxWeightsTest array(int type, String dtype, byte[] numbers, long... shape) throws IOException {
        try (MessageBufferPacker inside = MessagePack.newDefaultBufferPacker()) {
            inside.packArrayHeader(3).packArrayHeader(shape.length);
            for (long each : shape) {
                inside.packLong(each);
            }
            inside.packString(dtype).packBinaryHeader(numbers.length).writePayload(numbers);
            byte[] payload = inside.toByteArray();
            out.packExtensionTypeHeader((byte) type, payload.length).writePayload(payload);
        }
        return this;
    }

    private static byte[] floats(float... values) {
        ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        for (float each : values) {
            bytes.putFloat(each);
        }
        return bytes.array();
    }

    private Path file() throws IOException {
        return Files.write(folder.resolve("tokenizer_checkpoint"), out.toByteArray());
    }

    /** An encoder, its step, and an array in two parts. */
    private Path checkpoint() throws IOException {
        map(3).name("params").map(3);
        name("encoder/conv").map(2);
        name("kernel").array(1, "float32", floats(1, 2, 3, 4, 5, 6), 2, 3);
        name("bias").array(1, "bfloat16", new byte[] {0, 0x3f, (byte) 0x80, 0x3f}, 2);
        name("codebook").map(3).name("__msgpack_chunked_array__");
        out.packBoolean(true);
        name("shape").map(2).name("0");
        out.packInt(3);
        name("1");
        out.packInt(1);
        name("chunks").map(2);
        name("0").array(1, "float32", floats(7, 8), 2).name("1").array(1, "float32", floats(9), 1);
        name("waves").array(1, "complex64", new byte[8], 1);
        name("step");
        out.packLong(1L << 40);
        name("rate").array(3, "float64", new byte[8]);
        return file();
    }

    @Test
    void reads_arrays_by_the_names_of_the_maps_that_they_lie_in() throws IOException {
        try (WeightArchive archive = WeightArchive.open(checkpoint())) {
            assertThat(archive.container()).isEqualTo("msgpack of flax");
            assertThat(archive.shapes().keySet())
                    .containsExactly(
                            "params.encoder.conv.kernel", "params.encoder.conv.bias", "params.codebook", "rate");
            assertThat(archive.settings()).containsExactly(entry("step", "1099511627776"));
            assertThat(archive.shape("params.encoder.conv.kernel")).containsExactly(2, 3);
            assertThat(Tensors.toFloats(archive.tensor("params.encoder.conv.kernel")))
                    .containsExactly(1, 2, 3, 4, 5, 6);
            assertThat(archive.dtype("params.encoder.conv.bias")).isEqualTo("BF16");
            assertThat(Tensors.toFloats(archive.tensor("params.encoder.conv.bias")))
                    .containsExactly(0.5f, 1);
            assertThat(Dims.of(archive.tensor("params.codebook"))).containsExactly(3, 1);
            assertThat(Tensors.toFloats(archive.tensor("params.codebook"))).containsExactly(7, 8, 9);
            assertThat(archive.shape("rate")).isEmpty();
            assertThatThrownBy(() -> archive.shape("params.waves")).hasMessageContaining("an array of complex64");
        }
    }

    /** The first tensor alone is as large as all that may be allocated. */
    @Test
    void numbers_stay_in_the_file_until_they_are_asked_for() throws IOException {
        map(2).name("a").array(1, "float32", new byte[8 << 20], 2 << 20);
        name("b").array(1, "float32", floats(3), 1);
        Path file = file();
        Runnable read = () -> {
            try (WeightArchive archive = WeightArchive.open(file)) {
                assertThat(Tensors.toFloats(archive.tensor("b"))).containsExactly(3);
            }
        };
        read.run(); // loads libtorch and classes
        assertThat(Allocation.of(read)).isLessThan(4 << 20);
    }

    @Test
    void a_file_that_is_cut_off_is_refused_wherever_it_ends() throws IOException {
        byte[] bytes = Files.readAllBytes(checkpoint());
        for (int length = 0; length < bytes.length; length++) {
            Path cut = Files.write(folder.resolve("cut"), Arrays.copyOf(bytes, length));
            try (WeightArchive archive = WeightArchive.open(cut)) {
                fail(
                        "%d bytes of %d were read as %s",
                        length, bytes.length, archive.shapes().keySet());
            } catch (BadFileException e) {
                assertThat(e).hasMessageStartingWith(cut + ": ");
            }
        }
    }

    @Test
    void refuses_what_no_array_is() throws IOException {
        map(1).name("a").array(1, "float32", floats(1, 2), 3);
        refused("must have [3] numbers of type F32 in an array, has 8 bytes");
        map(1).name("a").array(1, "float32", floats(1), Long.MAX_VALUE, Long.MAX_VALUE);
        refused("in an array, has 4 bytes");
        map(1).name("a").array(1, "float32", floats(), -1, 0);
        refused("[-1, 0]".replace("-1", "?"));
        map(1).name("a").array(1, "float32", floats(1), new long[65]);
        refused("65");
        map(1).name("a").array(1, "float32", floats(1), 1);
        out.packNil();
        refused("more follows");
        map(1).name("learning_rate");
        out.packInt(1);
        refused("must hold arrays in dictionaries, holds none");
        map(1).map(1).name("a key").name("a value");
        out.packNil();
        refused("must have names for keys");
    }

    @Test
    void what_a_file_declares_takes_no_memory_before_it_is_there() throws IOException {
        Map<String, byte[]> huge = Map.of(
                "a map", new byte[] {(byte) 0xdf, 0x7f, -1, -1, -1},
                "a text", new byte[] {(byte) 0x81, (byte) 0xdb, 0x7f, -1, -1, -1},
                "bytes", new byte[] {(byte) 0x81, (byte) 0xa1, 'a', (byte) 0xc6, 0x7f, -1, -1, -1},
                "a list", new byte[] {(byte) 0x81, (byte) 0xa1, 'a', (byte) 0xdd, 0x7f, -1, -1, -1},
                "an array", new byte[] {(byte) 0x81, (byte) 0xa1, 'a', (byte) 0xc9, 0x7f, -1, -1, -1, 1, (byte) 0x93});
        huge.forEach((what, bytes) -> assertThat(Allocation.of(() -> {
                    Path file = folder.resolve("huge");
                    assertThatThrownBy(() -> WeightArchive.open(Files.write(file, Arrays.copyOf(bytes, 16))))
                            .as(what)
                            .isInstanceOf(BadFileException.class);
                }))
                .as(what)
                .isLessThan(4 << 20));
    }

    @Test
    void maps_in_one_another_are_bounded() throws IOException {
        for (int i = 0; i < 100_000; i++) {
            map(1).name("a");
        }
        out.packNil();
        refused("100 levels");
        byte[] names = "n".repeat(300).getBytes(StandardCharsets.UTF_8);
        for (int i = 0; i < 4; i++) {
            map(1);
            out.packRawStringHeader(names.length).writePayload(names);
        }
        array(1, "float32", floats(1), 1);
        refused("1,000 characters");
    }

    private void refused(String words) throws IOException {
        Path file = file();
        out.clear();
        assertThatThrownBy(() -> WeightArchive.open(file).close())
                .isInstanceOf(BadFileException.class)
                .hasMessageContaining(words)
                .hasMessageStartingWith(file + ": ")
                .message()
                .hasSizeLessThan(600)
                .hasLineCount(1);
    }
}
