package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TorchFileTest {
    @TempDir
    private Path folder;

    private static ByteBuffer little(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static byte[] numbers() {
        ByteBuffer numbers = little(24);
        for (int i = 0; i < 6; i++) {
            numbers.putFloat(i + 0.5f);
        }
        return numbers.array();
    }

    private static byte[] two() {
        return new TorchPickle()
                .dictionary()
                .tensor("a.weight", "FloatStorage", 0, new int[] {2, 3}, new int[] {1, 2})
                .tensor("b", "FloatStorage", 5, new int[] {}, new int[] {})
                .end();
    }

    private Path zip(byte[] pickle, byte[] numbers, int method) throws IOException {
        Path file = folder.resolve("zip.pth");
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
            for (Map.Entry<String, byte[]> each : Map.of("archive/data.pkl", pickle, "archive/data/7", numbers)
                    .entrySet()) {
                ZipEntry entry = new ZipEntry(each.getKey());
                CRC32 crc = new CRC32();
                crc.update(each.getValue());
                entry.setMethod(method);
                entry.setSize(each.getValue().length);
                entry.setCrc(crc.getValue());
                zip.putNextEntry(entry);
                zip.write(each.getValue());
            }
        }
        return file;
    }

    /** Magic number, version, system, state dict, keys, and the storage with its count. */
    private Path legacy(byte[] pickle, byte[] numbers, long count) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        all.writeBytes(TorchSave.legacyHead());
        all.writeBytes(pickle);
        all.writeBytes(new TorchPickle().op(']').text("7").op('a').stop());
        all.writeBytes(little(8).putLong(count).array());
        all.writeBytes(numbers);
        return Files.write(folder.resolve("legacy.pth"), all.toByteArray());
    }

    private static void hasTwo(Path file) {
        assertThat(TorchFile.looksLikeOne(file)).isTrue();
        Map<String, Tensor> tensors = TorchFile.read(file);
        assertThat(tensors.keySet()).containsExactly("a.weight", "b");
        assertThat(Dims.of(tensors.get("a.weight"))).containsExactly(2, 3);
        assertThat(Tensors.toFloats(tensors.get("a.weight"))).containsExactly(0.5f, 2.5f, 4.5f, 1.5f, 3.5f, 5.5f);
        assertThat(Dims.of(tensors.get("b"))).isEmpty();
        assertThat(Tensors.toFloats(tensors.get("b"))).containsExactly(5.5f);
    }

    @Test
    void reads_tensors_with_their_strides_from_a_zip() throws IOException {
        hasTwo(zip(two(), numbers(), ZipEntry.STORED));
    }

    @Test
    void reads_the_format_before_zips() throws IOException {
        hasTwo(legacy(two(), numbers(), 6));
    }

    @Test
    void knows_its_own_files_from_safetensors() throws IOException {
        Path file = folder.resolve("a.safetensors");
        TensorFile.write(file, Map.of("a", Tensors.ones(2)), Map.of());
        assertThat(TorchFile.looksLikeOne(file)).isFalse();
        assertThat(TorchFile.looksLikeOne(folder.resolve("none"))).isFalse();
    }

    @Test
    void refuses_by_name_what_a_pickle_would_call() throws IOException {
        byte[] evil = new TorchPickle()
                .global("posix", "system")
                .text("echo")
                .op(0x85)
                .op('R')
                .stop();
        refused(zip(evil, numbers(), ZipEntry.STORED), "the name posix.system", "safetensors");
        refused(legacy(evil, numbers(), 6), "the name posix.system");
        refused(zip(new TorchPickle().op(0x81).stop(), numbers(), ZipEntry.STORED), "the instruction 0x81");
        byte[] called = new TorchPickle()
                .global("torch", "FloatStorage")
                .op(')')
                .op('R')
                .stop();
        refused(zip(called, numbers(), ZipEntry.STORED), "a call of torch.FloatStorage with 0 arguments");
        byte[] stateful = new TorchPickle().text("a").op('}').op('b').stop();
        refused(zip(stateful, numbers(), ZipEntry.STORED), "the state of an object");
    }

    @Test
    void refuses_pickles_that_are_broken() throws IOException {
        List<TorchPickle> broken = List.of(
                new TorchPickle(),
                new TorchPickle().op('R'),
                new TorchPickle().op('t'),
                new TorchPickle().op('h').op(3),
                new TorchPickle().op('(').op('(').op(0x85),
                new TorchPickle().text("a").op('R'),
                new TorchPickle().text("a").op('Q'),
                new TorchPickle().op('N').op('Q'),
                new TorchPickle().op('N').op(')').op('R'),
                new TorchPickle().op('}').number(1).number(2).op('s'),
                new TorchPickle().op('}').op('N').number(2).op('s'),
                new TorchPickle().op('}').op('(').text("a").op('u'));
        for (TorchPickle each : broken) {
            refused(zip(each.stop(), numbers(), ZipEntry.STORED), "pickle");
        }
        refused(
                zip(new TorchPickle().op('X').number(Integer.MAX_VALUE).stop(), numbers(), ZipEntry.STORED),
                "bytes of it");
        byte[] itself =
                new TorchPickle().op(']').op('q').op(0).op('h').op(0).op('a').stop();
        refused(zip(itself, numbers(), ZipEntry.STORED), "dictionary of tensors");
        byte[] cut = new TorchPickle().text("abc").stop();
        refused(zip(Arrays.copyOf(cut, 8), numbers(), ZipEntry.STORED), "cut off");
    }

    /** 16 bytes a call would otherwise copy what is stored once, as often as they like. */
    @Test
    void a_list_that_is_stored_once_is_not_copied_by_every_call() throws IOException {
        int calls = 12_000;
        TorchPickle tuple = new TorchPickle().op('(');
        for (int i = 0; i < 60_000; i++) {
            tuple.op('K').op(1);
        }
        tuple.op('t').op('q').op(0).text("storage").op('q').op(1);
        tuple.global("torch._utils", "_rebuild_tensor_v2").op('q').op(2);
        for (int i = 0; i < calls; i++) {
            tuple.op('h').op(2).op('(').op('N').op('K').op(0);
            tuple.op('h').op(0).op('h').op(0).op('N').op('N').op('t').op('R');
        }
        refused(zip(tuple.stop(), numbers(), ZipEntry.STORED), "a tensor of 60,000 dimensions");
    }

    @Test
    void there_is_a_limit_of_tensors() throws IOException {
        TorchPickle many = new TorchPickle()
                .op(')')
                .op('q')
                .op(0)
                .global("torch._utils", "_rebuild_tensor_v2")
                .op('q')
                .op(1);
        for (int i = 0; i <= 1 << 16; i++) {
            many.op('h').op(1).op('(').op('N').op('K').op(0);
            many.op('h')
                    .op(0)
                    .op('h')
                    .op(0)
                    .op('N')
                    .op('N')
                    .op('t')
                    .op('R')
                    .op('q')
                    .op(2);
        }
        refused(zip(many.stop(), numbers(), ZipEntry.STORED), "more than 65,536 tensors");
    }

    @Test
    void quotes_little_of_a_name() throws IOException {
        byte[] pickle = new TorchPickle()
                .op('}')
                .text("n".repeat(100_000))
                .number(3)
                .op('s')
                .stop();
        assertThatThrownBy(() -> TorchFile.read(zip(pickle, numbers(), ZipEntry.STORED)))
                .message()
                .contains("nn… in it is something else")
                .hasSizeLessThan(500);
        refused(
                zip(new TorchPickle().global("x".repeat(100_000), "y").stop(), numbers(), ZipEntry.STORED),
                "the name " + "x".repeat(199) + "…, and only");
    }

    @Test
    void refuses_tensors_that_are_not_there() throws IOException {
        int[][][] wrong = {
            {{0}, {7}, {1}},
            {{1}, {6}, {1}},
            {{0}, {3}, {3}},
            {{-1}, {1}, {1}},
            {{0}, {6, 6}, {0, 1}},
            {{0}, {2}, {-1}},
        };
        for (int[][] each : wrong) {
            byte[] pickle = new TorchPickle()
                    .dictionary()
                    .tensor("a", "FloatStorage", each[0][0], each[1], each[2])
                    .end();
            refused(zip(pickle, numbers(), ZipEntry.STORED), "tensor a within its storage of 6 numbers");
        }
        byte[] huge = new TorchPickle()
                .dictionary()
                .tensor("a", "ComplexStorage", 0, new int[] {1}, new int[] {1})
                .end();
        refused(zip(huge, numbers(), ZipEntry.STORED), "torch.ComplexStorage");
        refused(zip(two(), new byte[23], ZipEntry.STORED), "cut off");
        refused(legacy(two(), new byte[23], 6), "cut off");
        refused(legacy(two(), numbers(), 1L << 60), "a storage that its pickle doesn't describe");
        refused(zip(two(), numbers(), ZipEntry.DEFLATED), "without compression");
        refused(zip(new TorchPickle().number(3).stop(), numbers(), ZipEntry.STORED), "dictionary of tensors");
        byte[] other = new TorchPickle().op('}').text("epoch").number(3).op('s').stop();
        refused(zip(other, numbers(), ZipEntry.STORED), "epoch in it is something else");
        refused(Files.write(folder.resolve("x.pth"), new byte[] {'P', 'K', 3, 4, 0}), "broken zip");
    }

    private static void refused(Path file, String... words) {
        assertThatThrownBy(() -> TorchFile.read(file))
                .isInstanceOf(BadFileException.class)
                .hasMessageContainingAll(words)
                .hasMessageStartingWith(file.toString());
    }
}
