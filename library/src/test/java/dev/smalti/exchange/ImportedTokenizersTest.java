package dev.smalti.exchange;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.Fixture;
import dev.smalti.job.ImportWeights;
import dev.smalti.recipe.Provenance;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
import dev.smalti.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Imported tokenizers against what their own projects make of the same images and codes. */
class ImportedTokenizersTest {
    private static final int SIZE = 32;

    @TempDir
    Path folder;

    @Test
    void of_taming_transformers() {
        Published published = Published.of("vqgan-taming", "weights", folder.resolve("run"), SIZE, "taming-vqgan");
        check(published.fixture(), published.run(), "recon_from_codes");
        assertThat(published.facts().get("left_out")).isEqualTo(Map.of("discriminator", 22));
        Provenance provenance = Provenance.read(published.run().path().resolve("provenance.json"));
        assertThat(provenance.dataFingerprint()).matches("sha256:[0-9a-f]{64}");
        assertThat(provenance.notes()).containsEntry("imported_kind", "taming-vqgan");
    }

    private static void check(Fixture fixture, RunFolder run, String decoded) {
        try (Tokenizer tokenizer = run.tokenizer(Devices.cpu())) {
            Tensor codes = tokenizer.encode(fixture.in("x"));
            fixture.check("codes", codes.flatten(1, 2));
            fixture.check(decoded, tokenizer.decode(codes));
        }
    }

    /** Its network's images are in [0, 1], which the reference gave those of the fixture to. */
    @Test
    void of_unleashing_transformers() {
        Published published =
                Published.of("vqgan-unleashing", "weights", folder.resolve("run"), SIZE, "unleashing-vqgan");
        Fixture fixture = published.fixture();
        try (Tokenizer tokenizer = published.run().tokenizer(Devices.cpu())) {
            Tensor x = fixture.in("x").mul(new Scalar(2.0)).sub(new Scalar(1.0));
            Tensor codes = tokenizer.encode(x);
            fixture.check("codes", codes.flatten(1, 2));
            fixture.check("recon", tokenizer.decode(codes).add(new Scalar(1.0)).mul(new Scalar(0.5)));
            Tensor nats = tokenizer.pixelNats(x, codes);
            double wider = 3 * SIZE * SIZE * Math.log(2); // of a density over [-1, 1]
            fixture.check("prob_nll_raw", nats.sub(new Scalar(wider)));
        }
        assertThat(published.facts().get("left_out")).isEqualTo(Map.of("discriminator", 22, "unused shortcut", 12));
    }

    @Test
    void of_unleashing_transformers_without_its_discriminator() {
        Fixture fixture = Fixture.of("vqgan-unleashing");
        Map<String, Tensor> autoencoder = new LinkedHashMap<>();
        fixture.weights().forEach((name, tensor) -> {
            if (name.startsWith("ae.")) {
                autoencoder.put(name.substring("ae.".length()), tensor);
            }
        });
        Map<String, Object> facts = imported(autoencoder, "tokenizer.pixel_likelihood=false");
        assertThat(facts.get("left_out")).isEqualTo(Map.of("pixel likelihood", 4, "unused shortcut", 12));
    }

    private Map<String, Object> imported(Map<String, Tensor> weights, String... overrides) {
        Path file = folder.resolve("weights.safetensors");
        TensorFile.write(file, weights, Map.of());
        return imported(file, SIZE, overrides);
    }

    private Map<String, Object> imported(Path file, Integer size, String... overrides) {
        return new ImportWeights(file, folder.resolve("run"), null, null, null, size, List.of(overrides)).run();
    }

    private RunFolder run() {
        return RunFolder.open(folder.resolve("run"));
    }

    @Test
    void of_llamagen() {
        Published published = Published.of("llamagen-vq", "weights", folder.resolve("run"), SIZE, "llamagen-vq");
        check(published.fixture(), published.run(), "recon_from_codes");
        assertThat(published.facts().get("left_out")).isEqualTo(Map.of("usage of codes", 1));
        try (Tokenizer tokenizer = published.run().tokenizer(Devices.cpu())) {
            Tensor lengths = tokenizer.codebook().pow(new Scalar(2)).sum(1);
            for (double length : Tensors.toDoubles(lengths)) {
                assertThat(length).isCloseTo(1, within(1e-5));
            }
        }
    }

    @Test
    void of_diffusers() {
        Published published = Published.of("vq-diffusers", "weights", folder.resolve("run"), SIZE, "diffusers-vq");
        check(published.fixture(), published.run(), "recon");
        assertThat(published.facts().get("left_out")).isEqualTo(Map.of());
    }

    @Test
    void of_diffusers_before_its_attention_was_renamed() {
        Fixture fixture = Fixture.of("vq-diffusers");
        Map<String, Tensor> weights = new LinkedHashMap<>();
        fixture.weights()
                .forEach((name, tensor) -> weights.put(
                        name.replace(".to_q.", ".query.")
                                .replace(".to_k.", ".key.")
                                .replace(".to_v.", ".value.")
                                .replace(".to_out.0.", ".proj_attn."),
                        tensor));
        assertThat(imported(weights)).containsEntry("kind", "diffusers-vq");
        check(fixture, run(), "recon");
    }

    /** Taming's fixture, with another choice of codes: logits of what the reference made before quantization, and the same vectors. */
    @Test
    void of_taming_transformers_with_gumbel_noise() {
        Fixture fixture = Fixture.of("vqgan-taming");
        Map<String, Tensor> weights = new LinkedHashMap<>(fixture.weights());
        Tensor codes = weights.remove("quantize.embedding.weight");
        Tensor projection = Tensors.zeros(codes.size(0), codes.size(1), 1, 1).normal_(0, 1, new Seed(3).optional());
        Tensor bias = Tensors.zeros(codes.size(0)).normal_(0, 1, new Seed(4).optional());
        weights.put("quantize.embed.weight", codes);
        weights.put("quantize.proj.weight", projection);
        weights.put("quantize.proj.bias", bias);
        weights.put("quantize.used", Tensors.longs(1, 2));
        Map<String, Object> facts = imported(weights);
        assertThat(facts).containsEntry("kind", "taming-vqgan");
        assertThat(facts.get("left_out")).isEqualTo(Map.of("discriminator", 22, "renumbering of codes", 1));
        try (Tokenizer tokenizer = run().tokenizer(Devices.cpu())) {
            Tensor logits = torch.einsum(
                            "bdhw,kd->bkhw", new TensorVector(fixture.out("pre_quant"), projection.flatten(1, 3)))
                    .add(bias.view(1, -1, 1, 1));
            long[] expected = Tensors.toLongs(torch.argmax(logits, new LongOptional(1), false));
            assertThat(Tensors.toLongs(tokenizer.encode(fixture.in("x")))).isEqualTo(expected);
            Tensor theirs = fixture.out("codes").view(2, 8, 8);
            fixture.check("recon_from_codes", tokenizer.decode(theirs));
        }
    }

    /** Taming's fixture, as VQ-Diffusion keeps a VQGAN. */
    @Test
    void inside_a_checkpoint_of_vq_diffusion() {
        Fixture fixture = Fixture.of("vqgan-taming");
        Map<String, Tensor> weights = new LinkedHashMap<>();
        weights.put("model.transformer.blocks.0.ln2.weight", Tensors.ones(4));
        fixture.weights().forEach((name, tensor) -> {
            boolean after = name.startsWith("decoder.") || name.startsWith("post_quant_conv.");
            if (!name.startsWith("loss.")) {
                weights.put("model.content_codec." + (after ? "dec." : "enc.") + name, tensor);
            }
        });
        weights.put("model.content_codec.dec.quantize.embedding.weight", Tensors.zeros(64, 32));
        Map<String, Object> facts = imported(weights);
        assertThat(facts).containsEntry("kind", "vqdiffusion-vqgan");
        assertThat(facts.get("left_out")).isEqualTo(Map.of("second copy of the codebook", 1));
        check(fixture, run(), "recon_from_codes");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void of_maskgit_by_the_names_of_pytorch_and_of_flax(boolean flax) {
        MaskgitReference reference = new MaskgitReference();
        assertThat(imported(flax ? reference.flax() : reference.torch())).containsEntry("kind", "maskgit-vqgan");
        try (Tokenizer tokenizer = run().tokenizer(Devices.cpu())) {
            Tensor x = Tensors.zeros(2, 3, SIZE, SIZE).uniform_(0, 1, new Seed(8).optional());
            Tensor codes = tokenizer.encode(x.mul(new Scalar(2.0)).sub(new Scalar(1.0)));
            Tensor expected = reference.encode(x);
            assertThat(Tensors.toLongs(codes)).isEqualTo(Tensors.toLongs(expected));
            Tensor image = tokenizer.decode(codes).add(new Scalar(1.0)).mul(new Scalar(0.5));
            assertThat(Tensors.toDoubles(image))
                    .containsExactly(Tensors.toDoubles(reference.decode(expected)), within(1e-4));
        }
    }

    @Test
    void names_a_tensor_of_maskgit_that_is_called_otherwise() {
        Map<String, Tensor> weights = new LinkedHashMap<>(new MaskgitReference().flax());
        weights.put(
                "params.decoder.ResBlock_3.Conv0.kernel", weights.remove("params.decoder.ResBlock_3.Conv_0.kernel"));
        assertThatThrownBy(() -> imported(weights))
                .isInstanceOf(JobException.class)
                .hasMessageContaining("lacks 1 of its tensors: decoder.ResBlock_3.Conv_0.kernel (near it is");
    }

    @ParameterizedTest
    @CsvSource({
        "vqgan-taming, decoder.mid.block_1.conv1.weight",
        "vqgan-unleashing, ae.generator.blocks.7.conv1.weight",
        "llamagen-vq, decoder.conv_blocks.1.res.0.conv1.weight",
        "vq-diffusers, decoder.up_blocks.1.resnets.0.conv1.weight"
    })
    void names_a_tensor_that_is_called_otherwise(String fixture, String name) {
        Map<String, Tensor> weights = new LinkedHashMap<>(Fixture.of(fixture).weights());
        weights.put(name.replace("conv1", "conv_1"), weights.remove(name));
        assertThatThrownBy(() -> imported(weights))
                .isInstanceOf(JobException.class)
                .hasMessageContaining("lacks 1 of its tensors: " + name)
                .hasMessageContaining("near it is " + name.replace("conv1", "conv_1"));
    }

    /** What a folder's config.json says lies beside the tensors, as metadata of a file do. */
    @Test
    void of_diffusers_with_what_its_configuration_says() {
        Path file = folder.resolve("weights.safetensors");
        Map<String, Tensor> weights = Fixture.of("vq-diffusers").weights();
        TensorFile.write(file, weights, Map.of("sample_size", "64", "norm_type", "group"));
        Map<String, Object> facts = imported(file, null);
        assertThat(facts).containsEntry("grid", "16x16");
    }

    @Test
    void refuses_a_movq_of_diffusers_by_its_configuration() {
        Path file = folder.resolve("weights.safetensors");
        TensorFile.write(file, Fixture.of("vq-diffusers").weights(), Map.of("norm_type", "spatial"));
        assertThatThrownBy(() -> imported(file, null))
                .isInstanceOf(JobException.class)
                .hasMessageContaining("must have norm_type group to be computed here, has spatial");
    }

    @Test
    void refuses_a_movq_of_diffusers_by_the_name_of_its_norm() {
        Map<String, Tensor> weights =
                new LinkedHashMap<>(Fixture.of("vq-diffusers").weights());
        weights.put("decoder.mid_block.resnets.0.norm1.conv_y.weight", Tensors.zeros(4, 4, 1, 1));
        assertThatThrownBy(() -> imported(weights))
                .isInstanceOf(JobException.class)
                .hasMessageContaining("norm_type group");
    }
}
