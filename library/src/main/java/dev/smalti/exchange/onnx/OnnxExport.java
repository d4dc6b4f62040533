package dev.smalti.exchange.onnx;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.prior.Prior;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.recipe.PriorRecipe;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.recipe.TokenizerRecipe;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.AtomicFile;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tokenizer.Tokenizer;
import dev.smalti.tokenizer.TokenizerConfiguration;
import dev.smalti.tokenizer.vqgan.VqganConfiguration;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A model as a folder of ONNX: {@code denoiser.onnx} of a prior, {@code encoder.onnx} and {@code decoder.onnx} of a tokenizer, and
 * {@code model.json}, which says what goes in and comes out.
 */
public final class OnnxExport {
    private static final int FORMAT = 1;

    private final RunFolder run;
    private final int opset;
    private final Map<String, Object> model = new LinkedHashMap<>();
    private final Map<String, Object> files = new LinkedHashMap<>();

    /**
     * @param run a tokenizer's, or a prior's, whose tokenizer is exported with it if it is there
     * @throws IllegalArgumentException if the opset is not one that is known
     */
    public OnnxExport(RunFolder run, int opset) {
        this.run = run;
        this.opset = OnnxFile.checked(opset);
    }

    /** The opset if nothing else is asked for, the first of those that are known. */
    public static int usualOpset() {
        return OnnxFile.FIRST_OPSET;
    }

    /**
     * Writes a new folder, whole or not at all.
     *
     * @return the names of its files
     * @throws JobException if a network in the run has no graph, saying which have
     */
    public List<String> write(Path out) {
        try (AtomicFile beside = AtomicFile.of(out)) {
            Files.createDirectory(beside.path());
            describe();
            RunFolder tokenizer = run.isTokenizer() ? run : run.tokenizerFolder();
            if (run.isPrior()) {
                writeDenoiser(beside.path());
            }
            if (tokenizer != null) {
                writeTokenizer(tokenizer, beside.path());
            }
            model.put("files", files);
            new ObjectMapper()
                    .writerWithDefaultPrettyPrinter()
                    .writeValue(beside.path().resolve("model.json").toFile(), model);
            beside.commit();
        } catch (IOException e) {
            throw new UncheckedIOException(Phrase.of("%s cannot be written: %s").with(out, e), e);
        }
        return List.copyOf(files.keySet());
    }

    private void describe() {
        RunFolder.Description description = run.description();
        if (!run.isPrior() && !run.isTokenizer()) {
            throw new JobException(Phrase.of("%s holds %s, and ONNX is for priors and tokenizers: give the --out of"
                            + " train-prior or train-tokenizer")
                    .with(run.path(), description.kind()));
        }
        model.put("format", FORMAT);
        model.put("kind", description.kind());
        model.put("opset", opset);
        model.put("codes", description.codes());
        model.put("grid", List.of(description.height(), description.width()));
    }

    private void writeDenoiser(Path folder) throws IOException {
        PriorConfiguration recipe = run.recipe(PriorRecipe.class).prior();
        try (Prior prior = run.prior(Devices.cpu(), List.of())) {
            DenoiserGraph denoiser = Scope.value(() -> DenoiserGraph.of(recipe, prior));
            model.put("prior", RecipeFile.kind(recipe));
            denoiser.mask().ifPresent(mask -> {
                model.put("mask", mask);
                model.put("masks", denoiser.masks());
            });
            model.put("classes", prior.classes());
            if (prior.classes() > 0) {
                model.put("no_class", prior.classes());
                model.put("class_names", run.description().classNames());
            }
            Map<String, Object> inputs = new LinkedHashMap<>();
            inputs.put("xt", tokens(denoiser));
            denoiser.time().ifPresent(time -> inputs.put("time", "float32 [B]: " + time));
            if (prior.classes() > 0) {
                inputs.put(
                        "label",
                        Phrase.of("int64 [B]: classes, %d where there is none").with(prior.classes()));
            }
            write(folder, "denoiser.onnx", denoiser.graph(), inputs, "logits", denoiser.logits());
        }
    }

    private String tokens(DenoiserGraph denoiser) {
        long length = run.description().space().length();
        String codes = Phrase.of("int64 [B, %d]: codes, row by row").with(length);
        return denoiser.mask()
                .map(mask -> codes
                        + (denoiser.masks() == 1
                                ? Phrase.of(", %d where masked").with(mask)
                                : Phrase.of(", any of %d to %d where masked").with(mask, mask + denoiser.masks() - 1)))
                .orElse(codes);
    }

    private void writeTokenizer(RunFolder folder, Path out) throws IOException {
        TokenizerConfiguration recipe = folder.recipe(TokenizerRecipe.class).tokenizer();
        if (!(recipe instanceof VqganConfiguration configuration)) {
            throw new JobException(Phrase.of("tokenizers of kind %s can't be exported to ONNX: vqgan can; --to"
                            + " safetensors takes the weights of all")
                    .with(RecipeFile.kind(recipe)));
        }
        try (Tokenizer tokenizer = folder.tokenizer(Devices.cpu())) {
            model.put("image_size", tokenizer.imageSize());
            model.put("factor", tokenizer.factor());
            VqganGraphs graphs =
                    new VqganGraphs(configuration, tokenizer.parameters().all());
            write(
                    out,
                    "encoder.onnx",
                    graphs.encoder(),
                    Map.of(
                            "image",
                            Phrase.of("float32 [B, 3, H, W]: images in [-1, 1], whose sides are multiples of %d")
                                    .with(tokenizer.factor())),
                    "codes",
                    "int64 [B, h, w]");
            write(
                    out,
                    "decoder.onnx",
                    graphs.decoder(),
                    Map.of("codes", "int64 [B, h, w]"),
                    "image",
                    "float32 [B, 3, H, W]: images in about [-1, 1], to be clipped");
        }
    }

    private void write(
            Path folder, String name, OnnxGraph graph, Map<String, Object> inputs, String output, String meaning)
            throws IOException {
        Map<String, Object> said = new LinkedHashMap<>();
        said.put("inputs", inputs);
        said.put("outputs", Map.of(output, meaning));
        files.put(name, said);
        new OnnxFile(graph, opset, notes()).write(folder.resolve(name));
    }

    /** What a program needs that reads one of the files alone: numbers and words of {@code model.json}, names a line each. */
    private Map<String, String> notes() {
        Map<String, String> notes = new LinkedHashMap<>();
        notes.put("height", Integer.toString(run.description().height()));
        notes.put("width", Integer.toString(run.description().width()));
        for (String key : List.of("kind", "prior", "codes", "mask", "masks", "classes", "no_class")) {
            if (model.containsKey(key)) {
                notes.put(key, model.get(key).toString());
            }
        }
        if (!run.description().classNames().isEmpty()) {
            notes.put("class_names", String.join("\n", run.description().classNames()));
        }
        return notes;
    }
}
