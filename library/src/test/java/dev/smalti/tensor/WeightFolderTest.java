package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.entry;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Folders as Hugging Face lays them out. */
class WeightFolderTest {
    private static final String FIRST = "model-00001-of-00002.safetensors";
    private static final String SECOND = "model-00002-of-00002.safetensors";

    @TempDir
    private Path folder;

    private Path safetensors(String file, String tensor, float value) {
        Path path = folder.resolve(file);
        TensorFile.write(path, Map.of(tensor, Tensors.floats(value)), Map.of("format", "pt"));
        return path;
    }

    private Path index(String map) throws IOException {
        return text("model.safetensors.index.json", "{\"metadata\": {}, \"weight_map\": " + map + "}");
    }

    private Path text(String file, String text) throws IOException {
        return Files.writeString(folder.resolve(file), text);
    }

    private void parts() {
        safetensors(FIRST, "a", 1);
        safetensors(SECOND, "b", 2);
    }

    private static void refused(Path path, String... words) {
        assertThatThrownBy(() -> WeightArchive.open(path).close())
                .isInstanceOf(BadFileException.class)
                .hasMessageContainingAll(words)
                .message()
                .hasSizeLessThan(600)
                .hasLineCount(1);
    }

    private void hasBoth(Path path) {
        try (WeightArchive archive = WeightArchive.open(path)) {
            assertThat(archive.container()).isEqualTo("safetensors in 2 files");
            assertThat(archive.shapes()).containsOnlyKeys("a", "b");
            assertThat(Tensors.toFloats(archive.tensor("a"))).containsExactly(1);
            assertThat(Tensors.toFloats(archive.tensor("b"))).containsExactly(2);
            assertThat(archive.dtype("b")).isEqualTo("F32");
        }
    }

    @Test
    void the_parts_that_an_index_names_are_one() throws IOException {
        parts();
        Path index = index("{\"b\": \"" + SECOND + "\", \"a\": \"" + FIRST + "\"}");
        hasBoth(index);
        hasBoth(folder);
    }

    @Test
    void numbered_parts_need_no_index_if_all_are_there() throws IOException {
        safetensors(FIRST, "a", 1);
        Path third = safetensors("model-00003-of-00003.safetensors", "b", 2);
        refused(folder, "must hold one file of weights");
        Files.move(third, folder.resolve(SECOND));
        hasBoth(folder);
        safetensors(SECOND, "a", 2);
        refused(folder, "has the tensor a, which another file beside it has, too");
        Files.delete(folder.resolve(SECOND));
        Files.move(folder.resolve(FIRST), folder.resolve("x-00001-of-00003.safetensors"));
        safetensors("x-00002-of-00003.safetensors", "b", 2);
        refused(folder, "must hold all 3 parts of its weights, holds 2");
    }

    @Test
    void the_sum_of_parts_is_that_of_their_sums() throws IOException, NoSuchAlgorithmException {
        parts();
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        for (String each : new String[] {FIRST, SECOND}) {
            digest.update(WeightFile.sha256(folder.resolve(each), "").getBytes(StandardCharsets.US_ASCII));
        }
        try (WeightArchive archive = WeightArchive.open(folder)) {
            assertThat(archive.sha256()).isEqualTo(HexFormat.of().formatHex(digest.digest()));
        }
        Path one = folder.resolve(FIRST);
        try (WeightArchive archive = WeightArchive.open(one)) {
            assertThat(archive.sha256()).isEqualTo(WeightFile.sha256(one, ""));
        }
    }

    @Test
    void an_index_leads_nowhere_but_to_its_own_folder() throws IOException {
        Path inside = Files.createDirectory(folder.resolve("inside"));
        safetensors("x.safetensors", "a", 1);
        for (String name : new String[] {
            "../x.safetensors", "/etc/passwd", "..", ".", "", "a/b.safetensors", "C:\\\\x", ".hidden", "inside\\u0000"
        }) {
            Path index = Files.writeString(
                    inside.resolve("model.safetensors.index.json"), "{\"weight_map\": {\"a\": \"" + name + "\"}}");
            refused(index, "must name files of its own folder");
        }
        refused(index("{\"a\": 7}"), "must name files of its own folder", "got 7");
        refused(index("{\"a\": \"inside\"}"), "names the file inside, which isn't beside it");
    }

    @Test
    void an_index_says_where_each_tensor_is() throws IOException {
        parts();
        refused(index("{\"a\": \"" + FIRST + "\", \"b\": \"model-00003-of-00003.safetensors\"}"), "isn't beside it");
        refused(index("{\"a\": \"" + FIRST + "\", \"b\": \"" + FIRST + "\"}"), "says that", "has the tensor b, and it");
        refused(index("{\"a\": \"" + SECOND + "\", \"b\": \"" + FIRST + "\"}"), "has the tensor a, and it hasn't");
        TensorFile.write(folder.resolve(SECOND), Map.of("b", Tensors.floats(2), "c", Tensors.floats(3)), Map.of());
        refused(index("{\"a\": \"" + FIRST + "\", \"b\": \"" + SECOND + "\"}"), "doesn't name the tensor c");
        refused(index("{}"), "must have a weight_map");
        refused(text("model.safetensors.index.json", "[1]"), "one JSON object");
    }

    @Test
    void settings_are_those_of_the_config_beside_the_weights() throws IOException {
        Path weights = safetensors("diffusion_pytorch_model.safetensors", "a", 1);
        text(
                "config.json",
                "{\"_class_name\": \"VQModel\", \"format\": 3, \"block\": {\"sizes\": [128, 256]}, \"no\": null}");
        for (Path path : new Path[] {folder, weights}) {
            try (WeightArchive archive = WeightArchive.open(path)) {
                assertThat(archive.settings())
                        .containsOnly(
                                entry("_class_name", "VQModel"),
                                entry("format", "3"),
                                entry("block.sizes.0", "128"),
                                entry("block.sizes.1", "256"));
            }
        }
        try (WeightArchive archive = WeightArchive.open(safetensors("mine.safetensors", "a", 1))) {
            assertThat(archive.settings()).containsOnly(entry("format", "pt"));
        }
    }

    @Test
    void a_folder_may_hold_one_file_of_another_kind() throws IOException {
        Path file = folder.resolve("pytorch_model.bin");
        TorchSave.zip(file, Map.of("a", new TorchSave.Numbers(1, 2, 3)));
        text("training_args.bin", "settings of a trainer");
        try (WeightArchive archive = WeightArchive.open(folder)) {
            assertThat(archive.container()).isEqualTo("PyTorch");
            assertThat(archive.shape("a")).containsExactly(2, 3);
        }
        Files.move(file, folder.resolve("last.ckpt"));
        Files.delete(folder.resolve("training_args.bin"));
        try (WeightArchive archive = WeightArchive.open(folder)) {
            assertThat(archive.shape("a")).containsExactly(2, 3);
        }
    }

    @Test
    void what_parts_hold_beside_tensors_is_told_of_all_of_them() throws IOException {
        TorchSave.Thing thing = new TorchSave.Thing("trainer", "State");
        Map<String, Object> first = Map.of("a", new TorchSave.Numbers(1, 2), "x", thing);
        TorchSave.zip(folder.resolve("model-00001-of-00002.bin"), first);
        TorchSave.zip(folder.resolve("model-00002-of-00002.bin"), Map.of("b", new TorchSave.Numbers(1, 2), "y", thing));
        try (WeightArchive archive = WeightArchive.open(folder)) {
            assertThat(archive.foreign()).containsExactly(entry("trainer.State", 2));
            for (String name : new String[] {"x", "y"}) {
                assertThatThrownBy(() -> archive.shape(name)).hasMessageContaining("has under that name trainer.State");
            }
        }
    }

    @Test
    void says_what_a_folder_lacks() throws IOException {
        refused(folder, "must hold weights", "holds no files");
        text("README.md", "weights are elsewhere");
        refused(folder, "must hold weights", "holds 1 other files");
        text("x.safetensors", "");
        text("y.safetensors", "");
        refused(
                folder,
                "must hold one file of weights, holds x.safetensors, y.safetensors; give the one that is meant");
        text("model.json", "{}");
        refused(folder, "is a run folder");
    }
}
