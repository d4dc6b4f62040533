package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.entry;
import static org.assertj.core.api.Assertions.fail;

import dev.smalti.Allocation;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What PyTorch saves; the files of {@code torch/} were made by {@code make.py} beside them, with PyTorch 2.13. */
class WeightArchiveTest {
    @TempDir
    private Path folder;

    private static byte[] resource(String name) throws IOException {
        try (var in = WeightArchiveTest.class.getResourceAsStream("/torch/" + name)) {
            return in.readAllBytes();
        }
    }

    private Path file(String name, byte[] bytes) throws IOException {
        return Files.write(folder.resolve(name), bytes);
    }

    private static void has(WeightArchive archive, String name, long[] shape, String dtype, double... numbers) {
        assertThat(archive.shape(name)).as("shape of %s", name).isEqualTo(shape);
        assertThat(archive.dtype(name)).as("type of %s", name).isEqualTo(dtype);
        Tensor tensor = archive.tensor(name);
        assertThat(Dims.of(tensor)).as("shape of %s as it was read", name).isEqualTo(shape);
        assertThat(tensor.is_contiguous()).as("order of %s", name).isTrue();
        assertThat(Tensors.toDoubles(tensor)).as("numbers of %s", name).isEqualTo(numbers);
    }

    private static long[] shape(long... sizes) {
        return sizes;
    }

    private static void refused(Path file, String... words) {
        assertThatThrownBy(() -> WeightArchive.open(file).close())
                .isInstanceOf(BadFileException.class)
                .hasMessageContainingAll(words)
                .hasMessageStartingWith(file.toString())
                .message()
                .hasSizeLessThan(600)
                .hasLineCount(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"zip-2", "zip-4", "legacy-2", "legacy-4"})
    void reads_the_tensors_that_a_trainer_saved(String name) throws IOException {
        try (WeightArchive file = WeightArchive.open(file("a.ckpt", resource(name + ".ckpt")))) {
            assertThat(file.container()).isEqualTo(name.startsWith("zip") ? "PyTorch" : "PyTorch before 1.6");
            WeightArchive state = file.below("state_dict.");
            has(state, "layer.weight", shape(2, 3), "F32", 0, 1, 2, 3, 4, 5);
            has(
                    state,
                    "transposed",
                    shape(6, 4),
                    "F32",
                    0,
                    6,
                    12,
                    18,
                    1,
                    7,
                    13,
                    19,
                    2,
                    8,
                    14,
                    20,
                    3,
                    9,
                    15,
                    21,
                    4,
                    10,
                    16,
                    22,
                    5,
                    11,
                    17,
                    23);
            has(state, "column", shape(4), "F32", 2, 8, 14, 20);
            assertThat(Tensors.toDoubles(state.tensor("tied"))).hasSize(24).endsWith(22, 23);
            has(state, "scalar", shape(), "I64", 7);
            has(state, "empty", shape(0, 256), "F32");
            has(state, "half", shape(2), "F16", 0.5, -2);
            has(state, "brain", shape(3), "BF16", 0.5, -2, 3);
            has(state, "double", shape(1), "F64", 0.1);
            has(state, "truths", shape(3), "BOOL", 1, 0, 1);
            has(state, "bytes", shape(2), "U8", 1, 255);
            has(state, "short", shape(2), "I16", -3, 300);
            has(file, "ema.shadow_params.0", shape(2), "F32", 9, 9);
            has(file, "ema.shadow_params.1", shape(1), "F32", 8);
            has(file, "optimizer_states.0.state.1.step", shape(), "F32", 1);
            assertThat(file.shape("optimizer_states.0.state.0.exp_avg")).containsExactly(2, 3);
            if (name.startsWith("zip")) {
                has(state, "unsigned", shape(2), "U16", 65_535, 1);
            }
            assertThatThrownBy(() -> state.shape("complex"))
                    .hasMessageContaining(
                            "must hold the tensor complex, and has under that name torch.ComplexFloatStorage");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"zip-2", "zip-4", "legacy-2", "legacy-4"})
    void keeps_what_a_trainer_says_beside_its_tensors_and_makes_none_of_its_things(String name) throws IOException {
        try (WeightArchive file = WeightArchive.open(file("a.ckpt", resource(name + ".ckpt")))) {
            assertThat(file.settings())
                    .contains(
                            entry("epoch", "12"),
                            entry("global_step", "1099511627776"),
                            entry("seed", "1180591620717411303424"),
                            entry("rate", "4.5E-6"),
                            entry("version", "2.0.0"),
                            entry("done", "false"),
                            entry("optimizer_states.0.param_groups.0.lr", "0.25"),
                            entry("hyper_parameters.ddconfig.ch", "128"),
                            entry("hyper_parameters.ddconfig.ch_mult.4", "4"),
                            entry("hyper_parameters.device", "cpu"),
                            entry("args.codebook_size", "16384"),
                            entry("args.size.1", "256"),
                            entry("counts.a", "1"),
                            entry("set.0", "1"),
                            entry("ema.decay", "0.9999"))
                    .doesNotContainKeys("nothing", "raw", "array", "callbacks.ModelCheckpoint.path");
            assertThat(file.foreign()).containsEntry("trainer.callbacks.Callback", 1);
            assertThat(file.shapes().keySet()).noneMatch(each -> each.startsWith("callbacks"));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"zip-2", "legacy-4"})
    void a_file_that_is_cut_off_is_refused_wherever_it_ends(String name) throws IOException {
        byte[] bytes = resource(name + ".ckpt");
        for (int length = 0; length < bytes.length; length += 10) {
            Path cut = file("cut.ckpt", Arrays.copyOf(bytes, length));
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
    void calls_nothing_that_a_pickle_names() throws IOException {
        Path mark = folder.resolve("was-run");
        for (String module : List.of("os", "posix", "subprocess", "builtins")) {
            TorchPickle evil = new TorchPickle()
                    .op('}')
                    .op('(')
                    .text("evil")
                    .global(module, "system")
                    .text("touch " + mark)
                    .op(0x85)
                    .op('R')
                    .tensor("a", "FloatStorage", 0, new int[] {6}, new int[] {1});
            Path file = zip(evil.op('u').stop());
            try (WeightArchive archive = WeightArchive.open(file)) {
                assertThat(archive.foreign()).containsExactly(entry(module + ".system", 1));
                has(archive, "a", shape(6), "F32", 0, 0, 0, 0, 0, 0);
            }
            assertThat(mark).doesNotExist();
            assertThatThrownBy(() -> TorchFile.read(file)).hasMessageContaining("the name " + module + ".system");
        }
    }

    @Test
    void says_of_what_class_a_file_is_that_has_no_dictionaries() throws IOException {
        byte[] whole = new TorchPickle()
                .global("models.vqgan", "VQModel")
                .op(')')
                .op(0x81)
                .op('}')
                .op('b')
                .stop();
        refused(zip(whole), "holds none but things of models.vqgan.VQModel", "state_dict()");
        refused(zip(new TorchPickle().op('}').stop()), "must hold tensors in dictionaries and lists, holds none");
    }

    @Test
    void reads_dictionaries_as_python_2_wrote_them() throws IOException {
        TorchPickle pairs = new TorchPickle()
                .global("collections", "OrderedDict")
                .op(']')
                .op(']')
                .op('(');
        pairs.tensor("a", "FloatStorage", 2, new int[] {1}, new int[] {1})
                .op('e')
                .op('a')
                .op(0x85)
                .op('R');
        try (WeightArchive archive = WeightArchive.open(zip(pairs.stop()))) {
            assertThat(archive.shapes()).containsOnlyKeys("a");
        }
        TorchPickle again = new TorchPickle().op(']').op('(');
        for (int i = 0; i < 1_000; i++) {
            again.op('N').op('N').op(0x86);
        }
        again.op('e').op('q').op(0);
        for (int i = 0; i < 5_000; i++) {
            again.global("collections", "OrderedDict")
                    .op('h')
                    .op(0)
                    .op(0x85)
                    .op('R')
                    .op('0');
        }
        refused(zip(again.stop()), "a list that is copied again and again");
    }

    /** A dictionary in a dictionary in a dictionary, without end for whoever follows it by calling himself. */
    @Test
    void values_in_one_another_are_bounded() throws IOException {
        TorchPickle deep = new TorchPickle();
        TorchPickle lists = new TorchPickle();
        for (int i = 0; i < 100_000; i++) {
            deep.op('}').text("a");
            lists.op(']');
        }
        deep.op('N');
        for (int i = 0; i < 100_000; i++) {
            deep.op('s');
        }
        for (int i = 1; i < 100_000; i++) {
            lists.op('a');
        }
        refused(zip(deep.stop()), "100 levels");
        refused(zip(lists.stop()), "100 levels");
        byte[] itself = new TorchPickle()
                .op('}')
                .op('q')
                .op(0)
                .text("a")
                .op('h')
                .op(0)
                .op('s')
                .stop();
        refused(zip(itself), "100 levels");
    }

    /** Each dictionary has the one before twice: 2^60 names in 1 KB. */
    @Test
    void dictionaries_that_are_remembered_do_not_grow() throws IOException {
        TorchPickle laughs =
                new TorchPickle().op('}').text("a").op('N').op('s').op('q').op(0);
        for (int i = 0; i < 60; i++) {
            laughs.op('}')
                    .op('(')
                    .text("a")
                    .op('h')
                    .op(i)
                    .text("b")
                    .op('h')
                    .op(i)
                    .op('u')
                    .op('q')
                    .op(i + 1);
        }
        refused(zip(laughs.stop()), "again and again");
        String longest = "n".repeat(100_000);
        TorchPickle names = new TorchPickle()
                .op('}')
                .op('q')
                .op(0)
                .op('0')
                .text(longest)
                .op('q')
                .op(1)
                .op('0')
                .op(']');
        for (int i = 0; i < 5_000; i++) {
            names.op('}').op('h').op(1).op('h').op(0).op('s').op('a');
        }
        refused(zip(names.stop()), "again and again");
    }

    @Test
    void takes_no_memory_for_what_a_pickle_only_declares() throws IOException {
        for (int code : new int[] {'X', 'T', 'B', 0x8b}) {
            refused(zip(new TorchPickle().op(code).op(0).op(0).op(0).op(3).stop()), "cut off");
        }
        refused(zip(new TorchPickle().op('X').number(Integer.MAX_VALUE).stop()), "bytes of it");
        for (int code : new int[] {0x8d, 0x8e, 0x96, 0x95}) {
            TorchPickle huge = new TorchPickle().op(code);
            refused(
                    zip(huge.op(255)
                            .op(255)
                            .op(255)
                            .op(255)
                            .op(255)
                            .op(255)
                            .op(255)
                            .op(127)
                            .stop()),
                    "pickle");
        }
        TorchPickle storage = new TorchPickle().op('}').text("a");
        storage.global("torch._utils", "_rebuild_tensor_v2").op('(').storage("FloatStorage", "7", Integer.MAX_VALUE);
        storage.number(0)
                .tuple(Integer.MAX_VALUE)
                .tuple(1)
                .op('N')
                .op('N')
                .op('t')
                .op('R')
                .op('s');
        refused(zip(storage.stop()), "cut off");
    }

    @Test
    void refuses_instructions_and_operands_that_nothing_writes() throws IOException {
        List<TorchPickle> broken = List.of(
                new TorchPickle().op('I'),
                new TorchPickle().op(0x97),
                new TorchPickle().op(0x82).op(1),
                new TorchPickle().op(0x93),
                new TorchPickle().op('N').op('N').op(0x93),
                new TorchPickle().op('(').op('b').op('t'),
                new TorchPickle().op('(').op('0').op('t'),
                new TorchPickle().op('(').op('q').op(0).op('h').op(0),
                new TorchPickle().op(0x80).op(6),
                new TorchPickle().op('N').op('(').op('e'),
                new TorchPickle()
                        .global("torch._utils", "_rebuild_parameter")
                        .op(')')
                        .op('R'));
        for (TorchPickle each : broken) {
            refused(zip(each.stop()), "pickle");
        }
    }

    @Test
    void sizes_strides_and_storages_that_are_nothing_are_refused() throws IOException {
        for (int nothing = 0; nothing < 3; nothing++) {
            TorchPickle tensor = new TorchPickle()
                    .op('}')
                    .text("a")
                    .global("torch._utils", "_rebuild_tensor_v2")
                    .op('(')
                    .op('(')
                    .text("storage")
                    .global("torch", "FloatStorage");
            tensor = nothing == 0 ? tensor.op('N') : tensor.text("7");
            tensor.text("cpu").number(6).op('t').op('Q').number(0);
            tensor = nothing == 1 ? tensor.op('(').op('N').op('t') : tensor.tuple(6);
            tensor = nothing == 2 ? tensor.op('(').op('N').op('t') : tensor.tuple(1);
            byte[] pickle = tensor.op('N').op('N').op('t').op('R').op('s').stop();
            refused(
                    zip(pickle),
                    nothing == 0 ? "a storage without a name" : "a size or stride that is no whole number");
        }
    }

    /** Two strings make a name in five bytes. */
    @Test
    void names_that_are_joined_again_and_again_are_kept_once() throws IOException {
        TorchPickle one = new TorchPickle().op(']');
        one.text("m".repeat(800)).op('q').op(0).op('0');
        one.text("n".repeat(150)).op('q').op(1).op('0');
        for (int i = 0; i < 100_000; i++) {
            one.op('h').op(0).op('h').op(1).op(0x93).op('a');
        }
        Path file = zip(one.stop());
        assertThat(Allocation.of(() -> refused(file, "holds none"))).isLessThan(60_000_000);
        TorchPickle many = new TorchPickle().op(']');
        for (int i = 0; i < 256; i++) {
            many.text("x".repeat(100) + i).op('q').op(i).op('0');
        }
        for (int i = 0; i < 256 * 256; i++) {
            many.op('h').op(i >> 8).op('h').op(i & 255).op(0x93).op('a');
        }
        refused(zip(many.stop()), "more than 10,000 names");
    }

    @Test
    void tensors_may_share_their_numbers_a_few_times() throws IOException {
        TorchSave.Numbers numbers = new TorchSave.Numbers(1, 1_000, 100);
        Map<String, Object> state = new LinkedHashMap<>();
        for (String name : List.of("a", "b", "c", "d", "e", "f")) {
            state.put(name, new TorchSave.Shared(numbers, 100, 1_000));
        }
        state.put("none", new TorchSave.Shared(numbers, 0));
        try (WeightArchive archive = WeightArchive.open(TorchSave.zip(folder.resolve("tied.pth"), state))) {
            archive.checkHeld(List.of("a", "b", "c", "d", "none"));
            assertThatThrownBy(() -> archive.checkHeld(state.keySet()))
                    .isInstanceOf(BadFileException.class)
                    .hasMessageContaining("those up to e would take more than 4 times as many");
            assertThatThrownBy(() -> archive.checkHeld(List.of("a", "a", "a", "a", "a")))
                    .isInstanceOf(BadFileException.class);
        }
    }

    @Test
    void a_size_is_a_positive_number_and_a_list_has_one() throws IOException {
        Map<String, Object> state = new LinkedHashMap<>();
        state.put("list", new TorchSave.Numbers(1, 7));
        state.put("table", new TorchSave.Numbers(2, 3, 2));
        state.put("none", new TorchSave.Numbers(3, 0));
        state.put("one", new TorchSave.Numbers(4));
        try (WeightArchive archive = WeightArchive.open(TorchSave.zip(folder.resolve("a.pth"), state))) {
            assertThat(archive.size("table", 1)).isEqualTo(2);
            assertThat(archive.length("list", 7)).isEqualTo(7);
            for (String name : List.of("none", "one")) {
                assertThatThrownBy(() -> archive.size(name, 0))
                        .isInstanceOf(BadFileException.class)
                        .hasMessageContaining("must have a size of 1 to 2147483647 at place 0 of the shape of " + name);
            }
            for (String name : List.of("none", "one", "table", "list")) {
                assertThatThrownBy(() -> archive.length(name, 6))
                        .isInstanceOf(BadFileException.class)
                        .hasMessageContaining("must have a list of 1 to 6 numbers as " + name);
            }
        }
    }

    @Test
    void two_tensors_of_one_name_are_refused() throws IOException {
        TorchPickle twice = new TorchPickle().op('}').op('(');
        twice.tensor("a.b", "FloatStorage", 0, new int[] {1}, new int[] {1});
        twice.text("a").op('}').op('(').tensor("b", "FloatStorage", 0, new int[] {1}, new int[] {1});
        refused(zip(twice.op('u').op('u').stop()), "two tensors that are named a.b");
    }

    @Test
    void a_file_can_be_closed_before_its_tensors_and_they_outlive_it() throws IOException {
        WeightArchive archive = WeightArchive.open(file("a.ckpt", resource("zip-2.ckpt")));
        Tensor early = archive.tensor("state_dict.half");
        archive.close();
        assertThat(Tensors.toDoubles(early)).containsExactly(0.5, -2);
        assertThatThrownBy(() -> archive.tensor("state_dict.brain"))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("was closed before tensor state_dict.brain was read");
    }

    @Test
    void says_what_a_file_is_that_holds_no_weights() throws IOException {
        Map<String, String> files = new LinkedHashMap<>();
        files.put("<!DOCTYPE html><html><body>Quota exceeded", "a page of the web");
        files.put("\n  <HTML>", "a page of the web");
        files.put("<?xml version='1.0'?><Error>AccessDenied</Error>", "a page of the web");
        files.put("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a", "git lfs pull");
        files.put("{\"error\": \"not found\"}", "is JSON and no weights");
        files.put("", "is empty");
        files.put("PK", "has 2 bytes; was it cut off?");
        files.put("\u001f\u008b\b gzipped", "is compressed");
        files.put("\u0089HDF\r\n and so on", "is HDF5");
        files.put("\u0080\u0002}q\u0000.        ", "a pickle that PyTorch didn't save");
        files.put("Something else altogether", "begins as none of them");
        for (Map.Entry<String, String> each : files.entrySet()) {
            refused(file("weights.pth", each.getKey().getBytes(StandardCharsets.ISO_8859_1)), each.getValue());
        }
        refused(folder.resolve("none"), "there is no such file");
    }

    /** Of a storage of six zeros. */
    private Path zip(byte[] pickle) throws IOException {
        Path file = folder.resolve("hostile.pth");
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
            for (Map.Entry<String, byte[]> each :
                    Map.of("a/data.pkl", pickle, "a/data/7", new byte[24]).entrySet()) {
                ZipEntry entry = new ZipEntry(each.getKey());
                entry.setMethod(ZipEntry.STORED);
                entry.setSize(each.getValue().length);
                CRC32 crc = new CRC32();
                crc.update(each.getValue());
                entry.setCrc(crc.getValue());
                zip.putNextEntry(entry);
                zip.write(each.getValue());
            }
        }
        return file;
    }
}
