package dev.smalti.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.evaluate.Evaluation;
import dev.smalti.evaluate.EvaluationCard;
import dev.smalti.evaluate.EvaluationRequest;
import dev.smalti.evaluate.EvaluationResult;
import dev.smalti.evaluate.Fakes;
import dev.smalti.evaluate.LpipsWeights;
import dev.smalti.evaluate.Metric;
import dev.smalti.metric.lpips.Lpips;
import dev.smalti.metric.lpips.LpipsFiles;
import dev.smalti.metric.lpips.Net;
import dev.smalti.run.JobException;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LpipsEvaluationTest {
    private static final int SIDE = 32;

    @TempDir
    private static Path folder;

    private static LpipsWeights weights;

    @BeforeAll
    static void makes_weights() {
        weights = new LpipsWeights(LpipsFiles.backbone(Net.ALEX, folder), LpipsFiles.linear(Net.ALEX, folder));
    }

    @Test
    void measures_pairs_as_the_network_does() throws IOException {
        List<Pixels> reals = images("real", 1);
        List<Pixels> fakes = images("fake", 2);
        EvaluationResult result = evaluate(List.of(Metric.LPIPS, Metric.PSNR), weights, 0);
        double expected;
        try (Lpips lpips = weights.open(Devices.cpu())) {
            expected = Scope.value(
                    () -> lpips.distance(batch(reals), batch(fakes)).mean().item_double());
            assertThat(result.facts()).containsEntry("lpips", lpips.facts());
        }
        EvaluationResult.Value value = result.values().get("lpips");
        assertThat(value.value()).isGreaterThan(0.01).isCloseTo(expected, within(1e-5 * expected));
        assertThat(value.interval().low()).isLessThan(value.value());
        assertThat(new EvaluationCard(result).text()).contains("lpips: ", "net=alex", "linear_sha256=");
    }

    @Test
    void refuses_what_makes_no_sense() throws IOException {
        images("real", 1);
        images("fake", 2);
        refused(() -> evaluate(List.of(Metric.LPIPS), null, 0), "lpips needs its weights: give --lpips");
        refused(() -> evaluate(List.of(Metric.PSNR), weights, 0), "add lpips to --metrics");
        refused(() -> evaluate(List.of(), weights, 0), "add lpips to --metrics");
        refused(() -> evaluate(List.of(Metric.LPIPS), weights, 16), "at least 31 pixels, got 16");
    }

    /** [N, 3, H, W] in [-1, 1] */
    private static Tensor batch(List<Pixels> images) {
        return Tensors.cat(0, images.stream().map(Pictures::toTensor).toArray(Tensor[]::new))
                .view(images.size(), 3, SIDE, SIDE);
    }

    private static void refused(org.assertj.core.api.ThrowableAssert.ThrowingCallable call, String message) {
        assertThatThrownBy(call).isInstanceOf(JobException.class).hasMessageContaining(message);
    }

    private static EvaluationResult evaluate(List<Metric> metrics, LpipsWeights weights, int size) {
        EvaluationRequest request = new EvaluationRequest(
                new EvaluationRequest.Real(folder.resolve("real"), null),
                new Fakes.Stored(folder.resolve("fake")),
                metrics,
                null,
                weights,
                null,
                new EvaluationRequest.Settings(size, 0, 0, 0, false, "cpu"));
        return Evaluation.of(request, Observer.NONE);
    }

    private static List<Pixels> images(String name, long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        Path set = Files.createDirectories(folder.resolve(name));
        List<Pixels> images = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            byte[] rgb = new byte[3 * SIDE * SIDE];
            random.nextBytes(rgb);
            images.add(new Pixels(SIDE, SIDE, rgb));
            Pictures.writePng(set.resolve(i + ".png"), images.get(i));
        }
        return images;
    }
}
