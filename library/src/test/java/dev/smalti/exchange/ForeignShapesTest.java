package dev.smalti.exchange;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.Fixture;
import dev.smalti.job.ImportWeights;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
import dev.smalti.tensor.TorchSave;
import dev.smalti.tensor.TorchSave.Numbers;
import dev.smalti.tensor.TorchSave.Shared;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Files whose names are those of a kind, and whose shapes, types or numbers aren't. */
class ForeignShapesTest {
    @TempDir
    Path folder;

    private Path out() {
        return folder.resolve("run");
    }

    private Path written(Map<String, Tensor> weights) {
        Path file = folder.resolve("weights.safetensors");
        TensorFile.write(file, weights, Map.of());
        return file;
    }

    private Map<String, Object> imported(Path file, Path tokenizer, Integer size) {
        String name = tokenizer == null ? null : tokenizer.toString();
        return new ImportWeights(file, out(), null, name, null, size, List.of()).run();
    }

    /** Says the file first, and leaves nothing behind. */
    private void refused(Path file, String... words) {
        assertThatThrownBy(() -> imported(file, null, null))
                .isInstanceOf(JobException.class)
                .hasMessageStartingWith(file + ": ")
                .hasMessageContainingAll(words)
                .message()
                .hasSizeLessThan(900)
                .hasLineCount(1);
        try (Stream<Path> left = Files.list(folder)) {
            assertThat(left).containsExactly(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Map<String, Tensor> weights(String fixture, String file) {
        return new LinkedHashMap<>(Fixture.of(fixture).weights(file));
    }

    private static Map<String, Tensor> llamaGen() {
        Map<String, Tensor> weights = new LinkedHashMap<>();
        weights.put("tok_embeddings.weight", Tensors.zeros(16_384, 64));
        weights.put("cls_embedding.embedding_table.weight", Tensors.zeros(11, 64));
        weights.put("layers.0.attention.wqkv.weight", Tensors.zeros(192, 64));
        weights.put("layers.0.feed_forward.w1.weight", Tensors.zeros(256, 64));
        return weights;
    }

    private static Map<String, Tensor> besnier(long rows) {
        Map<String, Tensor> weights = new LinkedHashMap<>();
        weights.put("tok_emb.weight", Tensors.zeros(rows, 64));
        weights.put("pos_emb", Tensors.zeros(1, 10, 64));
        weights.put("first_layer.0.weight", Tensors.zeros(64));
        weights.put("transformer.layers.0.0.fn.mha.in_proj_weight", Tensors.zeros(192, 64));
        return weights;
    }

    private static Map<String, Tensor> base(String kind) {
        return switch (kind) {
            case "halton" -> weights("maskgit", "weights");
            case "sedd" -> weights("sedd", "weights");
            case "vq-diffusion" -> weights("vqdiffusion", "weights");
            case "absorbing" -> weights("absorbing-unleashing", "weights");
            case "autoregressive" -> weights("absorbing-unleashing", "weights_autoregressive");
            case "besnier" -> besnier(1_024 + 1 + 1_000 + 1);
            default -> llamaGen();
        };
    }

    static List<String> shapes() {
        return List.of(
                "halton; tok_emb.weight; 33",
                "halton; cls_emb.weight;",
                "halton; reg_tokens.weight; 0 64",
                "halton; reg_tokens.weight;",
                "halton; transformer.layers.0.ff.w1.weight;",
                "halton; pos_emb.weight; 2147488281 0",
                "llamagen; tok_embeddings.weight; 16384 0",
                "llamagen; tok_embeddings.weight; 16384",
                "llamagen; cls_embedding.embedding_table.weight;",
                "sedd; rotary_emb.inv_freq; 0",
                "sedd; vocab_embed.embedding; 21",
                "vq-diffusion; transformer.content_emb.emb.weight; 17 0",
                "vq-diffusion; transformer.content_emb.emb.weight; 17",
                "vq-diffusion; transformer.blocks.0.ln1.emb.weight;",
                "vq-diffusion; transformer.to_logits.1.weight;",
                "vq-diffusion; transformer.blocks.0.ln1.emb.weight; 2147483647 0",
                "vq-diffusion; log_cumprod_at; 101 1",
                "absorbing; Lt_history; 2147483647 0",
                "absorbing; Lt_history;",
                "absorbing; Lt_history; 1",
                "absorbing; _denoise_fn.tok_emb.weight; 33",
                "autoregressive; net.pos_emb; 64",
                "autoregressive; net.pos_emb; 1 2147483647 0",
                "autoregressive; net.head.weight; 1 64",
                "autoregressive; net.blocks.0.attn.query.weight; 64 32",
                "autoregressive; net.blocks.0.attn.query.bias;",
                "besnier; tok_emb.weight; 2026",
                "besnier; pos_emb; 10");
    }

    /** None of them ends in an exception of Java's or libtorch's, and what was made before is gone. */
    @ParameterizedTest
    @MethodSource("shapes")
    void another_shape_is_refused(String each) {
        String[] parts = each.split(";", -1);
        long[] shape = Arrays.stream(parts[2].strip().split(" "))
                .filter(size -> !size.isEmpty())
                .mapToLong(Long::parseLong)
                .toArray();
        Map<String, Tensor> weights = base(parts[0]);
        assertThat(weights).containsKey(parts[1].strip());
        weights.put(parts[1].strip(), Tensors.zeros(shape));
        refused(written(weights), "weights.safetensors");
    }

    @Test
    void a_grid_that_no_model_is_trained_on_is_refused_before_it_is_laid_out() {
        Map<String, Tensor> weights = base("halton");
        weights.put("pos_emb.weight", Tensors.zeros(46_340L * 46_340, 0));
        refused(written(weights), "the grid of tokens must have at most 262,144 places, got 46340x46340");
    }

    @Test
    void parts_of_a_tensor_that_do_not_go_together_are_told_by_shape_and_type() {
        Map<String, Tensor> weights = base("autoregressive");
        weights.put("net.blocks.0.attn.query.weight", Tensors.zeros(64, 32));
        refused(
                written(weights),
                "blocks.0.attn.qkv.weight",
                "net.blocks.0.attn.query.weight [64, 32] of F32 and net.blocks.0.attn.key.weight [64, 64] of F32");
    }

    @Test
    void kernels_of_flax_with_other_dimensions_are_refused() {
        Map<String, Tensor> weights = new LinkedHashMap<>(new MaskgitReference().flax());
        weights.put("params.encoder.ResBlock_1.Conv_1.kernel", Tensors.zeros(3, 3, 32));
        refused(written(weights), "encoder.ResBlock_1.Conv_1.kernel [3, 3, 32] of F32");
    }

    @Test
    void whole_numbers_and_truths_are_no_weights() {
        for (ScalarType type : List.of(ScalarType.Long, ScalarType.Byte, ScalarType.Bool)) {
            Map<String, Tensor> weights = base("autoregressive");
            weights.computeIfPresent("net.head.weight", (name, tensor) -> tensor.to(type));
            refused(written(weights), "floating point", "net.head.weight [32, 64] of ");
        }
    }

    @Test
    void a_count_may_be_of_whole_numbers() {
        Map<String, Tensor> weights = base("vq-diffusion");
        weights.computeIfPresent("Lt_count", (name, tensor) -> tensor.to(ScalarType.Long));
        assertThat(imported(written(weights), null, null)).containsEntry("kind", "vq-diffusion");
    }

    @ParameterizedTest
    @CsvSource({"Double, F32", "Float, F32", "Half, F16", "BFloat16, BF16"})
    void weights_are_kept_in_their_type_but_for_those_of_64_bits(ScalarType theirs, String ours) {
        Map<String, Tensor> weights = base("autoregressive");
        weights.replaceAll((name, tensor) -> tensor.to(theirs));
        imported(written(weights), null, null);
        try (TensorFile file =
                TensorFile.open(RunFolder.open(out()).checkpoint().resolve("averaged.safetensors"))) {
            assertThat(file.names())
                    .isNotEmpty()
                    .allSatisfy(name -> assertThat(file.dtype(name)).as(name).isEqualTo(ours));
        }
    }

    @Test
    void any_number_of_class_names_leaves_some_codes_but_only_one_the_likely_ones() throws IOException {
        Path file = written(besnier(1_024 + 1 + 10 + 1));
        Path classes = folder.resolve("classes.txt");
        for (int count : new int[] {9, 11, 1_000}) {
            List<String> names = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                names.add("class " + i);
            }
            Files.write(classes, names);
            assertThatThrownBy(() -> new ImportWeights(file, out(), null, null, classes, null, List.of()).run())
                    .isInstanceOf(JobException.class)
                    .hasMessageContaining("the %d left for codes are no power of two", 1_034 - count)
                    .hasMessageContaining("--classes");
        }
    }

    /** Taming's tokenizer has 64 codes on a quarter of the pixels' sides, and the prior's grid is 8x8. */
    @ParameterizedTest
    @CsvSource({"32, false", "64, true"})
    void says_if_the_tokenizer_is_for_images_of_another_size(int size, boolean hint) {
        Path tokenizer = folder.resolve("tokenizer");
        Published.of("vqgan-taming", "weights", tokenizer, size, "taming-vqgan");
        Map<String, Tensor> weights = base("autoregressive");
        weights.put("net.tok_emb.weight", Tensors.ones(64, 64));
        weights.put("net.head.weight", Tensors.ones(64, 64).mul(new Scalar(0.1)));
        Map<String, Object> facts = imported(written(weights), tokenizer, null);
        assertThat(facts).containsEntry("grid", "8x8");
        if (hint) {
            assertThat(facts.get("hint"))
                    .isEqualTo("the tokenizer was imported for 64 pixels; import it with --size 32 so that encode and"
                            + " likelihood see images as this prior does");
        } else {
            assertThat(facts).doesNotContainKey("hint");
        }
    }

    /** Each alone is within its storage, and all together would take a hundred times the file's length. */
    @Test
    void tensors_that_share_their_numbers_take_no_more_memory_than_a_few_times_the_file() throws IOException {
        Map<String, long[]> shapes = KeyList.shapes("unleashing-absorbing", null);
        Numbers storage = new Numbers(1, 2_048, 512);
        Map<String, Object> state = new LinkedHashMap<>();
        shapes.forEach((name, shape) -> state.put(name, new Shared(storage, shape)));
        Path file = TorchSave.zip(folder.resolve("absorbing_ema.th"), state);
        assertThat(Files.size(file)).isLessThan(6_000_000);
        refused(file, "would take more than 4 times as many");
    }
}
