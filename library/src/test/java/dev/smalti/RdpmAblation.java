package dev.smalti;

import static org.assertj.core.api.Assertions.assertThat;

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
import dev.smalti.job.EncodeImages;
import dev.smalti.job.GenerateImages;
import dev.smalti.job.MeasureLikelihood;
import dev.smalti.job.TrainPrior;
import dev.smalti.job.TrainTokenizer;
import dev.smalti.metric.FeatureMoments;
import dev.smalti.metric.FeatureStatistics;
import dev.smalti.metric.FrechetDistance;
import dev.smalti.model.Model;
import dev.smalti.tensor.Scope;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Tables 2, 3 and 4 of Wu, Hu and Wei 2024 (RDPM) in small, on {@code fruits-train.zip} and {@code fruits-valid.zip} in the
 * folder {@code -Dsmalti.data}. No part of the usual tests, since it takes long; docs/rdpm.md has its command and what came
 * of it.
 */
class RdpmAblation {
    private static final Path RECIPES = Path.of("..", "recipes", "fruits");
    private static final int DRAWN = 1072; // as many as there are in fruits-valid
    private static final int SIDE = 32;

    @TempDir
    private Path folder;

    @ParameterizedTest(name = "{0}")
    @CsvSource(
            delimiter = ';',
            value = {
                "as it is; tokenizer.steps=6",
                "γ_t = 1 rather than α_t; tokenizer.weights=one",
                "no convolution; tokenizer.convolution=false",
                "neither; tokenizer.convolution=false tokenizer.weights=one",
                "T = 3; tokenizer.steps=3",
                "T = 10; tokenizer.steps=10",
                "schedule sin; tokenizer.schedule=sin",
                "schedule linear; tokenizer.schedule=linear",
                "δ = 0.25, the paper's; tokenizer.autoencoder.codebook.commitment=0.25",
                "layer norm with gains; tokenizer.affine=true",
                "codebook by gradient; tokenizer.autoencoder.codebook.update=gradient",
                "no noise (α_t = 1); tokenizer.base=1.0"
            })
    void a_row_of_the_table(String name, String override) {
        try (Model model = train(override)) {
            Map<String, Double> measures = encode("fruits-valid.zip", folder.resolve("valid.safetensors"), true);
            MeasureLikelihood.Estimate bits = new MeasureLikelihood(
                            folder.resolve("valid.safetensors"), null, 1, 0, false)
                    .run(model, total -> {}, done -> {})
                    .bitsPerToken();
            int steps = model.prior().space().depth();
            double plain = distance(model, Sampling.USUAL);
            System.out.printf(
                    Locale.ROOT,
                    "| %s | %.2f | %.0f %% | %.0f | %.0f | %.0f | %.2f | %.2f |%n",
                    name,
                    measures.get("psnr"),
                    100 * measures.get("codebook_usage"),
                    measures.get("perplexity"),
                    measures.get("perplexity_1"),
                    measures.get("perplexity_" + steps),
                    steps * bits.mean(),
                    plain);
            assertThat(plain).isPositive();
        }
    }

    @Test
    void the_ladder_of_sampling() {
        try (Model model = train("tokenizer.steps=6")) {
            LogitFilter likeliest = new LogitFilter(1, 1, 1);
            for (LogitFilter filter : List.of(likeliest, LogitFilter.NONE)) {
                for (double weight : new double[] {0, 0.5, 1, 2}) {
                    for (GuidanceSchedule schedule : List.of(GuidanceSchedule.CONSTANT, GuidanceSchedule.LINEAR)) {
                        if (weight > 0 || schedule == GuidanceSchedule.CONSTANT) {
                            System.out.printf(
                                    Locale.ROOT,
                                    "| %s | %.1f | %s | %.2f |%n",
                                    filter == likeliest ? "the likeliest" : "drawn",
                                    weight,
                                    schedule,
                                    distance(
                                            model,
                                            Sampling.USUAL
                                                    .filter(filter)
                                                    .guidance(new GuidanceSettings(
                                                            weight, schedule, Interval.ALL, null))));
                        }
                    }
                }
            }
        }
    }

    /** A tokenizer with a change, and a prior of its tokens. */
    private Model train(String override) {
        Path data = data("fruits-train.zip");
        new TrainTokenizer(
                        RECIPES.resolve("rdpm-small-tokenizer.yaml"),
                        List.of(override.split(" ")),
                        data,
                        folder.resolve("tokenizer"),
                        false,
                        false)
                .run(List.of(), () -> false);
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

    private Map<String, Double> encode(String data, Path tokens, boolean reconstruct) {
        return new EncodeImages(
                        folder.resolve("tokenizer").toString(), data(data), tokens, 64, false, reconstruct, "cpu")
                .run(total -> {}, done -> {})
                .measures();
    }

    private static Path data(String name) {
        String given = System.getProperty("smalti.data");
        Assumptions.assumeTrue(given != null, "-Dsmalti.data=DIR is not given");
        return Path.of(given, name);
    }

    /** The Fréchet distance of draws from fruits-valid, both averaged to 8×8 pixels in [-1, 1]. */
    private double distance(Model model, Sampling sampling) {
        Path drawn = folder.resolve("drawn-" + sampling.hashCode() + ".npz");
        new GenerateImages(
                        folder.resolve("prior").toString(),
                        "cpu",
                        new GenerateImages.Request(DRAWN, List.of(), 0, sampling, null),
                        new GenerateImages.Output(drawn, GenerateImages.Format.NPZ, null))
                .run(model, done -> {});
        return Scope.value(() -> FrechetDistance.of(statistics(data("fruits-valid.zip")), statistics(drawn)));
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
