package dev.smalti.bench;

import dev.smalti.data.Crop;
import dev.smalti.data.ImageBatches;
import dev.smalti.data.ImagePass;
import dev.smalti.data.ImageSet;
import dev.smalti.data.Preparation;
import dev.smalti.draw.GuidanceSchedule;
import dev.smalti.draw.GuidanceSettings;
import dev.smalti.draw.GuidanceSettings.Interval;
import dev.smalti.draw.LogitFilter;
import dev.smalti.draw.Sampling;
import dev.smalti.evaluate.Evaluation;
import dev.smalti.evaluate.EvaluationRequest;
import dev.smalti.evaluate.Fakes;
import dev.smalti.evaluate.Likelihood;
import dev.smalti.evaluate.Metric;
import dev.smalti.job.EncodeImages;
import dev.smalti.job.GenerateImages;
import dev.smalti.job.MeasureLikelihood;
import dev.smalti.job.TrainPrior;
import dev.smalti.job.TrainTokenizer;
import dev.smalti.metric.FeatureMoments;
import dev.smalti.metric.FeatureStatistics;
import dev.smalti.metric.FrechetDistance;
import dev.smalti.model.Model;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Scope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Tables 2, 3 and 4 and figure 5 of Wu, Hu and Wei 2024 (RDPM) in small, on {@code fruits-train.zip} and {@code fruits-valid.zip}
 * of a folder; reconstructions are compared by the classifier {@code fruits-features} in it, where there is one. What came of it
 * is in docs/rdpm.md.
 */
final class RdpmAblation {
    private static final Path RECIPES = Path.of(System.getProperty("smalti.home", ""), "recipes", "fruits");
    private static final int DRAWN = 1072; // as many as there are in fruits-valid
    private static final int SIDE = 32;

    /** Each change to the tokenizer, by what it is called; changes are parted by spaces. */
    private static final Map<String, String> CHANGES = changes();

    private final Path data;
    private final Path folder;

    private RdpmAblation(Path data, Path folder) {
        this.data = data;
        this.folder = folder;
    }

    private static Map<String, String> changes() {
        Map<String, String> changes = new LinkedHashMap<>();
        changes.put("as it is", "tokenizer.steps=6");
        changes.put("γ_t = 1 rather than α_t", "tokenizer.weights=one");
        changes.put("no convolution", "tokenizer.convolution=false");
        changes.put("neither", "tokenizer.convolution=false tokenizer.weights=one");
        changes.put("T = 3", "tokenizer.steps=3");
        for (int steps : new int[] {8, 10, 12, 14, 20}) {
            changes.put("T = " + steps, "tokenizer.steps=" + steps);
        }
        for (double base : new double[] {0.6, 0.9}) {
            changes.put("φ = " + base, "tokenizer.base=" + base);
        }
        changes.put("schedule sin", "tokenizer.schedule=sin");
        changes.put("schedule linear", "tokenizer.schedule=linear");
        changes.put("δ = 0.25, the paper's", "tokenizer.autoencoder.codebook.commitment=0.25");
        changes.put("layer norm with gains", "tokenizer.affine=true");
        changes.put("codebook by gradient", "tokenizer.autoencoder.codebook.update=gradient");
        changes.put("no noise (α_t = 1)", "tokenizer.base=1.0");
        return changes;
    }

    /**
     * Tables 2 and 4 and figure 5.
     *
     * @param only what the names of the rows to make begin with; empty for all
     */
    static List<Map<String, Object>> table(Path data, String only) throws IOException {
        List<Map<String, Object>> rows = new ArrayList<>();
        for (Map.Entry<String, String> change : CHANGES.entrySet()) {
            if (change.getKey().startsWith(only)) {
                rows.add(Folders.temporary(folder -> new RdpmAblation(data, folder).row(change)));
            }
        }
        return rows;
    }

    /** Table 3: the ladder of sampling. */
    static List<Map<String, Object>> sampling(Path data) throws IOException {
        return Folders.temporary(folder -> new RdpmAblation(data, folder).ladder());
    }

    private Map<String, Object> row(Map.Entry<String, String> change) {
        Map<String, Object> row = new LinkedHashMap<>();
        row.put("change", change.getKey());
        trainTokenizer(change.getValue());
        row.putAll(reconstruction());
        System.err.println(row); // at once: the whole takes long
        try (Model model = trainPrior()) {
            Map<String, Double> measures = encode("fruits-valid.zip", folder.resolve("valid.safetensors"), true);
            Likelihood.Estimate bits = new MeasureLikelihood(folder.resolve("valid.safetensors"), null, 1, 0, false, 0)
                    .run(model, Observer.NONE)
                    .bitsPerToken();
            int steps = model.prior().space().depth();
            for (String each : List.of("codebook_usage", "perplexity", "perplexity_1", "perplexity_" + steps)) {
                row.put(each, measures.get(each));
            }
            row.put("bits_per_place", steps * bits.mean());
            row.put("distance", distance(model, Sampling.USUAL));
            System.err.println(row);
            return row;
        }
    }

    /** PSNR and SSIM of the reconstructions of fruits-valid, and their Fréchet distance to it. */
    private Map<String, Object> reconstruction() {
        Path features = data.resolve("fruits-features");
        Map<String, Object> measures = new LinkedHashMap<>();
        Evaluation.of(
                        new EvaluationRequest(
                                new EvaluationRequest.Real(data.resolve("fruits-valid.zip"), null),
                                new Fakes.Reconstructed(RunFolder.open(folder.resolve("tokenizer"))),
                                List.of(Metric.FRECHET, Metric.PSNR, Metric.SSIM),
                                Files.isDirectory(features) ? features.toString() : null,
                                null,
                                null,
                                new EvaluationRequest.Settings(0, 0, 0, 0, false, "cpu")),
                        Observer.NONE)
                .values()
                .forEach((name, value) -> measures.put(name, value.value()));
        return measures;
    }

    private List<Map<String, Object>> ladder() {
        List<Map<String, Object>> rows = new ArrayList<>();
        trainTokenizer(CHANGES.get("as it is"));
        try (Model model = trainPrior()) {
            LogitFilter likeliest = new LogitFilter(1, 1, 1);
            for (LogitFilter filter : List.of(likeliest, LogitFilter.NONE)) {
                for (double weight : new double[] {0, 0.5, 1, 2}) {
                    for (GuidanceSchedule schedule : List.of(GuidanceSchedule.CONSTANT, GuidanceSchedule.LINEAR)) {
                        if (weight > 0 || schedule == GuidanceSchedule.CONSTANT) {
                            GuidanceSettings guidance = new GuidanceSettings(weight, schedule, Interval.ALL, null);
                            Map<String, Object> row = new LinkedHashMap<>();
                            row.put("codes", filter == likeliest ? "the likeliest" : "drawn");
                            row.put("guidance", weight);
                            row.put("schedule", schedule.name().toLowerCase(Locale.ROOT));
                            row.put(
                                    "distance",
                                    distance(
                                            model, Sampling.USUAL.filter(filter).guidance(guidance)));
                            System.err.println(row);
                            rows.add(row);
                        }
                    }
                }
            }
        }
        return rows;
    }

    private void trainTokenizer(String changes) {
        new TrainTokenizer(
                        RECIPES.resolve("rdpm-small-tokenizer.yaml"),
                        List.of(changes.split(" ")),
                        data.resolve("fruits-train.zip"),
                        folder.resolve("tokenizer"),
                        false,
                        false)
                .run(List.of(), () -> false);
    }

    private Model trainPrior() {
        encode("fruits-train.zip", folder.resolve("train.safetensors"), false);
        new TrainPrior(
                        RECIPES.resolve("rdpm-small.yaml"),
                        List.of(),
                        folder.resolve("train.safetensors"),
                        folder.resolve("prior"),
                        false,
                        null)
                .run(List.of(), () -> false);
        return Model.open(folder.resolve("prior").toString(), "cpu");
    }

    private Map<String, Double> encode(String images, Path tokens, boolean reconstruct) {
        return new EncodeImages(
                        folder.resolve("tokenizer").toString(),
                        data.resolve(images),
                        tokens,
                        64,
                        false,
                        reconstruct,
                        "cpu")
                .run(Observer.NONE)
                .measures();
    }

    /** The Fréchet distance of draws from fruits-valid, both averaged to 8×8 pixels in [-1, 1]. */
    private double distance(Model model, Sampling sampling) {
        Path drawn = folder.resolve("drawn-" + sampling.hashCode() + ".npz");
        new GenerateImages(
                        folder.resolve("prior").toString(),
                        "cpu",
                        new GenerateImages.Request(DRAWN, List.of(), 0, sampling, null),
                        new GenerateImages.Output(drawn, GenerateImages.Format.NPZ, null))
                .run(model, Observer.NONE);
        return Scope.value(() -> FrechetDistance.of(statistics(data.resolve("fruits-valid.zip")), statistics(drawn)));
    }

    private static FeatureStatistics statistics(Path data) {
        try (ImageSet set = ImageSet.open(data);
                FeatureMoments moments = new FeatureMoments();
                ImagePass pass = ImageBatches.inOrder(set, new Preparation(SIDE, Crop.CENTER, false), 64, false)) {
            while (pass.hasNext()) {
                Scope.free(() -> {
                    Tensor pixels = pass.next().images().pixels().to(ScalarType.Float); // [B, 3, 32, 32]
                    moments.add(torch.avg_pool2d(pixels, new long[] {4, 4}).flatten(1, -1)); // [B, 192]
                });
            }
            return moments.statistics();
        }
    }
}
