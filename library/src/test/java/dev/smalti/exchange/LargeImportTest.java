package dev.smalti.exchange;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.Allocation;
import dev.smalti.job.Describe;
import dev.smalti.job.ImportWeights;
import dev.smalti.prior.Prior;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Tensors;
import dev.smalti.tensor.TorchSave;
import dev.smalti.tensor.TorchSave.Numbers;
import dev.smalti.tensor.TorchSave.Thing;
import dev.smalti.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Checkpoints in their real sizes, with numbers by a rule. */
@Tag("learning") // files of hundreds of megabytes
class LargeImportTest {
    private static final int TRAINED = 40; // tensors of the decoder whose optimizer state is kept here

    @TempDir
    private Path folder;

    /** What Lightning saves: the weights, the optimizer's state, and callbacks by their classes. */
    private static Map<String, Object> checkpoint() {
        Map<String, Object> state = new LinkedHashMap<>(KeyList.read("taming", "taming f16"));
        assertThat(state).hasSize(343);
        Map<Integer, Object> moments = new LinkedHashMap<>();
        for (Object each : new ArrayList<>(state.values()).subList(0, TRAINED)) {
            moments.put(moments.size(), Map.of("step", 9, "exp_avg", each, "exp_avg_sq", each));
        }
        KeyList.read("taming", "disc").forEach((name, each) -> state.put("loss.discriminator." + name, each));
        Map<String, Object> checkpoint = new LinkedHashMap<>();
        checkpoint.put("epoch", 12);
        checkpoint.put("state_dict", state);
        checkpoint.put("optimizer_states", List.of(Map.of("state", moments, "param_groups", List.of())));
        checkpoint.put(
                "callbacks", Map.of("ModelCheckpoint", new Thing("pytorch_lightning.callbacks", "ModelCheckpoint")));
        return checkpoint;
    }

    @Test
    @Timeout(120)
    void a_large_checkpoint_is_imported_within_memory_that_its_weights_explain() throws IOException {
        Path file = TorchSave.zip(folder.resolve("last.ckpt"), checkpoint());
        assertThat(Files.size(file)).isGreaterThan(290_000_000);
        Tensors.ones(1); // loads libtorch
        Path run = folder.resolve("run");
        long before = Pointer.physicalBytes();
        forgetPeak();
        long start = System.nanoTime();
        long allocated = Allocation.of(() -> new ImportWeights(file, run, null, null, null, null, List.of()).run());
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(60));
        assertThat(allocated).as("bytes of the heap").isLessThan(150_000_000);
        assertThat(peak() - before).as("bytes in memory").isLessThan(Files.size(file) * 5 / 2);
        Files.delete(file);
        hasItsNumbers(run);
    }

    @Test
    @Timeout(120)
    void a_prior_of_published_size_is_imported_and_knows_what_it_was_given() throws IOException {
        Map<String, Numbers> state = KeyList.read("unleashing-absorbing", null);
        Path file = TorchSave.zip(folder.resolve("absorbing_ema.th"), state);
        assertThat(Files.size(file)).isGreaterThan(300_000_000);
        Path run = folder.resolve("run");
        long start = System.nanoTime();
        Map<String, Object> facts = new ImportWeights(file, run, null, null, null, null, List.of()).run();
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(60));
        Files.delete(file);
        assertThat(facts).containsEntry("kind", "unleashing-absorbing").containsEntry("grid", "16x16");
        try (Prior prior = RunFolder.open(run).prior(Devices.cpu(), List.of())) {
            Tensor head = prior.parameters().all().get("head.weight");
            assertThat(Tensors.toFloats(head)[700])
                    .isEqualTo(state.get("_denoise_fn.head.weight").at(700));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"unleashing-vqgan", "llamagen-vq", "maskgit-vqgan"})
    @Timeout(120)
    void other_tokenizers_of_published_size_are_imported(String kind) throws IOException {
        Path file = TorchSave.zip(folder.resolve("file.pt"), KeyList.read(kind, null));
        assertThat(Files.size(file)).isGreaterThan(200_000_000);
        long start = System.nanoTime();
        Map<String, Object> facts =
                new ImportWeights(file, folder.resolve("run"), null, null, null, null, List.of()).run();
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(60));
        Files.delete(file);
        assertThat(facts).containsEntry("kind", kind).containsEntry("grid", "16x16");
    }

    private static void hasItsNumbers(Path run) {
        Map<String, Numbers> wanted = KeyList.read("taming", "taming f16");
        try (Tokenizer tokenizer = RunFolder.open(run).tokenizer(Devices.cpu())) {
            assertThat(tokenizer.space().codes()).isEqualTo(1024);
            Tensor last = tokenizer.parameters().all().get("decoder.conv_out.weight");
            assertThat(Tensors.toFloats(last)[700])
                    .isEqualTo(wanted.get("decoder.conv_out.weight").at(700));
        }
    }

    @Test
    void info_tells_what_a_checkpoint_is_and_import_which_name_is_wrong() throws IOException {
        Map<String, Object> state = new LinkedHashMap<>(KeyList.read("taming", "taming f16"));
        Path file = TorchSave.legacy(folder.resolve("last.ckpt"), Map.of("state_dict", state, "seed", 23));
        assertThat(new Describe(file.toString()).run())
                .containsEntry("container", "PyTorch before 1.6")
                .containsEntry("published_kind", "taming-vqgan")
                .containsEntry("count", 343)
                .containsEntry("numbers", 72_141_699L)
                .containsEntry("metadata", Map.of("seed", "23"));
        state.put("decoder.mid.attn_1.norm.wieght", state.remove("decoder.mid.attn_1.norm.weight"));
        TorchSave.legacy(file, Map.of("state_dict", state));
        assertThatThrownBy(
                        () -> new ImportWeights(file, folder.resolve("run"), null, null, null, null, List.of()).run())
                .isInstanceOf(JobException.class)
                .hasMessageContaining("lacks 1 of its tensors: decoder.mid.attn_1.norm.weight"
                        + " (near it is decoder.mid.attn_1.norm.wieght)");
        assertThat(folder.resolve("run")).doesNotExist();
    }

    /** Linux alone tells, and forgets, how much a process had at most. */
    private static void forgetPeak() throws IOException {
        Path forget = Path.of("/proc/self/clear_refs");
        Assumptions.assumeTrue(Files.isWritable(forget), "there is no " + forget);
        Files.writeString(forget, "5");
    }

    private static long peak() throws IOException {
        return Files.readAllLines(Path.of("/proc/self/status")).stream()
                .filter(line -> line.startsWith("VmHWM:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024)
                .findFirst()
                .orElseThrow();
    }
}
