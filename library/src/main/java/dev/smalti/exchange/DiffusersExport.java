package dev.smalti.exchange;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.recipe.TokenizerRecipe;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.AtomicFile;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
import dev.smalti.tokenizer.TokenizerConfiguration;
import dev.smalti.tokenizer.quantize.CodebookConfiguration.Choice;
import dev.smalti.tokenizer.vqgan.PixelRange;
import dev.smalti.tokenizer.vqgan.VqganConfiguration;
import dev.smalti.tokenizer.vqgan.VqganLayers;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A VQGAN as a folder that diffusers' {@code VQModel.from_pretrained} opens: {@code config.json} and
 * {@code diffusion_pytorch_model.safetensors}. What that class can't say is refused by its name in the recipe.
 */
public final class DiffusersExport {
    private static final String VERSION = "0.19.3"; // whose VQModel these numbers were compared with
    private static final int GROUPS = 32;

    private final RunFolder run;
    private final VqganConfiguration tokenizer;

    /**
     * @param run a tokenizer's
     * @throws JobException naming the keys of its recipe that a VQModel can't have
     */
    public DiffusersExport(RunFolder run) {
        this.run = run;
        TokenizerConfiguration recipe = run.recipe(TokenizerRecipe.class).tokenizer();
        if (!(recipe instanceof VqganConfiguration vqgan)) {
            throw new JobException(Phrase.of("%s is a tokenizer of kind %s, and diffusers' VQModel is a vqgan: --to"
                            + " safetensors takes the weights of all")
                    .with(run.path(), RecipeFile.kind(recipe)));
        }
        this.tokenizer = vqgan;
        List<String> reasons = reasons(vqgan);
        if (!reasons.isEmpty()) {
            throw new JobException(
                    Phrase.of("%s can't be a VQModel of diffusers: %s; --to safetensors and --to onnx can say them")
                            .with(run.path(), String.join("; ", reasons)));
        }
    }

    /** Why a VQModel can't be this; empty if it can. */
    private static List<String> reasons(VqganConfiguration tokenizer) {
        List<String> reasons = new ArrayList<>();
        if (tokenizer.decoderBlocks() != tokenizer.resBlocks() + 1) {
            reasons.add(Phrase.of("decoder_blocks must be res_blocks + 1, %d, is %d")
                    .with(tokenizer.resBlocks() + 1, tokenizer.decoderBlocks()));
        }
        if (!tokenizer.outputSwish()) {
            reasons.add("output_swish must be true, is false");
        }
        if (tokenizer.patch() != 1) {
            reasons.add("patch must be 1, is " + tokenizer.patch());
        }
        if (tokenizer.range() != PixelRange.SIGNED) {
            reasons.add("range must be signed, is unit");
        }
        if (tokenizer.codebook().choice() != Choice.NEAREST) {
            reasons.add(Phrase.of("codebook.choice must be nearest, is %s")
                    .with(tokenizer.codebook().choice().name().toLowerCase(Locale.ROOT)));
        }
        if (!tokenizer.layers().equals(VqganLayers.PAPER)
                && !tokenizer.layers().equals(new VqganLayers(false, null, null, null, null))) {
            reasons.add(
                    "layers must be those of Esser et al. 2021, with attention in the middle or without, are others");
        }
        List<Integer> odd = widths(tokenizer).stream()
                .filter(width -> width % GROUPS != 0)
                .distinct()
                .toList();
        if (!odd.isEmpty()) {
            reasons.add(Phrase.of("channels times multipliers must be multiples of the %d groups of its norms, are %s")
                    .with(GROUPS, odd.stream().map(Object::toString).collect(Collectors.joining(", "))));
        }
        return reasons;
    }

    private static List<Integer> widths(VqganConfiguration tokenizer) {
        return tokenizer.multipliers().stream()
                .map(multiplier -> tokenizer.channels() * multiplier)
                .toList();
    }

    /** Writes a new folder, whole or not at all. @param dtype of its weights */
    public void write(Path out, ScalarType dtype) {
        try (AtomicFile beside = AtomicFile.of(out)) {
            Files.createDirectory(beside.path());
            new ObjectMapper()
                    .writerWithDefaultPrettyPrinter()
                    .writeValue(beside.path().resolve("config.json").toFile(), config());
            Path file = beside.path().resolve("diffusion_pytorch_model.safetensors");
            Scope.free(() ->
                    TensorFile.write(file, SafetensorsExport.in(dtype, weights(), run.path()), Map.of("format", "pt")));
            beside.commit();
        } catch (IOException e) {
            throw new UncheckedIOException(Phrase.of("%s cannot be written: %s").with(out, e), e);
        }
    }

    private Map<String, Object> config() {
        int levels = tokenizer.multipliers().size();
        List<String> down = new ArrayList<>();
        List<String> up = new ArrayList<>();
        for (int level = 0; level < levels; level++) {
            String attention = tokenizer.attention().contains(tokenizer.size() >> level) ? "Attn" : "";
            down.add(attention + "DownEncoderBlock2D");
            up.add(0, attention + "UpDecoderBlock2D");
        }
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("_class_name", "VQModel");
        config.put("_diffusers_version", VERSION);
        config.put("in_channels", 3);
        config.put("out_channels", 3);
        config.put("down_block_types", down);
        config.put("up_block_types", up);
        config.put("block_out_channels", widths(tokenizer));
        config.put("layers_per_block", tokenizer.resBlocks());
        config.put("act_fn", "silu");
        config.put("latent_channels", tokenizer.latent());
        config.put("sample_size", tokenizer.size());
        config.put("num_vq_embeddings", tokenizer.codebook().codes());
        config.put("vq_embed_dim", tokenizer.codebook().dimension());
        config.put("norm_num_groups", GROUPS);
        config.put("mid_block_add_attention", tokenizer.layers().middleAttention());
        config.put("norm_type", "group");
        config.put("scaling_factor", 0.18215);
        return config;
    }

    private Map<String, Tensor> weights() {
        DiffusersNames names = new DiffusersNames(tokenizer.multipliers().size());
        Map<String, Tensor> theirs = new LinkedHashMap<>();
        run.weights().forEach((name, tensor) -> {
            if (!name.startsWith("logsigma.") && !name.matches("quantize\\.(uses|sums)")) {
                theirs.put(names.theirs(name), names.linear(name) ? tensor.flatten(1, -1) : tensor);
            }
        });
        if (!tokenizer.quantConv()) { // VQModel always has both
            putIdentity(theirs, "quant_conv");
            putIdentity(theirs, "post_quant_conv");
        }
        return theirs;
    }

    private void putIdentity(Map<String, Tensor> theirs, String name) {
        long channels = tokenizer.latent();
        theirs.put(name + ".weight", torch.diag(Tensors.ones(channels)).view(channels, channels, 1, 1));
        theirs.put(name + ".bias", Tensors.zeros(channels));
    }
}
