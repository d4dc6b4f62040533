package dev.smalti.job;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import dev.smalti.evaluate.Comparison;
import dev.smalti.evaluate.DrawnImages;
import dev.smalti.evaluate.Evaluation;
import dev.smalti.evaluate.EvaluationCard;
import dev.smalti.evaluate.EvaluationResult;
import dev.smalti.evaluate.Fakes;
import dev.smalti.evaluate.ImageFeatures;
import dev.smalti.evaluate.ImageSource;
import dev.smalti.evaluate.LpipsWeights;
import dev.smalti.evaluate.Metric;
import dev.smalti.evaluate.PairMeasures;
import dev.smalti.evaluate.ReconstructedImages;
import dev.smalti.evaluate.SetFeatures;
import dev.smalti.evaluate.StoredImages;
import dev.smalti.metric.lpips.Lpips;
import dev.smalti.run.JobException;
import dev.smalti.run.Outputs;
import dev.smalti.tensor.AtomicFile;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.LongConsumer;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.NoGradGuard;

/**
 * Measures how near a set of images comes to real ones, and says with every number what it depends on.
 *
 * <p>Both sets are brought to squares of one size as for training: the shorter side is resized by Pillow's bicubic filter
 * and rounded to 8 bits, and the centre is kept. Images of that size stay as they are. Each set is read, drawn or decoded in
 * batches; its features stay in memory, 4 bytes a number.
 *
 * <p>{@link Evaluation} is the work: {@link ImageSource} is where images come from, {@link SetFeatures} what is kept of them,
 * {@link Comparison} what is measured of that, {@link PairMeasures} what is measured image by image.
 *
 * @param real the images that are compared with
 * @param fake the images that are judged
 * @param metrics what to measure; empty for all that the features and the sizes of the sets allow, but those of pairs and
 *     {@link Metric#BITS}; of reconstructions for the Fréchet distance, those of pairs and {@link Metric#CODES}
 * @param features what images are compared by: null or {@code pixels} for pixels averaged to 8×8, a file with the weights of
 *     {@link dev.smalti.metric.inception.Inception}, or a run folder of {@code train-features}
 * @param lpips for {@link Metric#LPIPS}, which then needs no asking for of reconstructions; null without
 * @param output what is written
 * @param settings how it is measured
 */
public record EvaluateImages(
        Real real,
        Fakes fake,
        List<Metric> metrics,
        String features,
        LpipsWeights lpips,
        Output output,
        Settings settings) {
    /** Resamples for the interval, where none are asked for: of all but Inception's features, and of those, where each takes seconds. */
    public static final int RESAMPLES = 100;

    public static final int RESAMPLES_OF_INCEPTION = 10;

    private static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

    /** @throws JobException if a metric can't be measured by the features, or of such fakes */
    public EvaluateImages {
        metrics = List.copyOf(metrics);
        ImageFeatures.Kind kind = ImageFeatures.kind(features);
        metrics.forEach(each -> {
            each.check(fake);
            each.check(kind);
        });
        boolean asked = metrics.contains(Metric.LPIPS);
        if (asked && lpips == null) {
            throw new JobException("lpips needs its weights: give --lpips with both files");
        }
        if (lpips != null && !asked && !(metrics.isEmpty() && fake instanceof Fakes.Reconstructed)) {
            throw new JobException("--lpips gives weights of LPIPS: add lpips to --metrics, or leave it out");
        }
    }

    /**
     * The images that are compared with.
     *
     * @param path as {@link dev.smalti.data.ImageSet#open} reads it
     * @param split what they are, such as train or test, to be said with the result; null where that is not known
     */
    public record Real(Path path, String split) {}

    /**
     * What is written beside the answer; each null for nothing.
     *
     * @param cache folder that keeps the features of the real images, under the fingerprint of the set
     * @param result JSON file with the result
     * @param card Markdown file with the same for people
     */
    public record Output(Path cache, Path result, Path card) {
        public static final Output NOTHING = new Output(null, null, null);

        private void check() {
            if (result != null) {
                Outputs.file("--out", result);
            }
            if (card != null) {
                Outputs.file("--card", card);
                if (result != null
                        && card.toAbsolutePath()
                                .normalize()
                                .equals(result.toAbsolutePath().normalize())) {
                    throw new JobException("--card and --out must be two files, got " + card + " for both");
                }
            }
        }
    }

    /**
     * How it is measured.
     *
     * @param size side of the squares, a power of two of at least 8; 0 for the largest that is not above the shorter side of
     *     the first fake image, up to 1,024
     * @param resamples of the fake images, for the interval of a Fréchet distance; 0 for no intervals by resampling, negative
     *     for the default
     * @param seed of subsets, resamples, the order for the Inception score, and draws
     * @param skipBad leaves broken images out instead of failing
     * @param device {@code auto}, {@code cpu}, {@code cuda}, {@code cuda:N}
     */
    public record Settings(int size, int resamples, long seed, boolean skipBad, String device) {
        /** @throws JobException if {@code resamples} is 1, which has no deviation, or {@code size} is none */
        public Settings {
            if (resamples == 1) {
                throw new JobException("resamples must be 0 for no interval, or at least 2, got 1");
            }
            if (size != 0 && (size < 8 || Integer.bitCount(size) != 1)) {
                throw new JobException("size must be a power of two, at least 8, got " + size);
            }
        }

        /** All defaults. */
        public static Settings usual() {
            return new Settings(0, -1, 0, false, "auto");
        }
    }

    /** @param progress told of the images looked at so far; their number is told to {@code total} */
    public EvaluationResult run(LongConsumer total, LongConsumer progress) {
        output.check();
        Device place = Devices.of(settings.device());
        try (StoredImages reals = new StoredImages(real.path(), settings.skipBad(), place);
                ImageSource fakes = fakes(reals, place);
                ImageFeatures opened = ImageFeatures.open(features, place);
                Lpips seen = lpips == null ? null : lpips.open(place)) {
            EvaluationResult result = Scope.value(() -> {
                try (NoGradGuard guard = new NoGradGuard()) {
                    return new Evaluation(this, reals, fakes, opened, seen).run(total, progress);
                }
            });
            write(result);
            return result;
        }
    }

    private ImageSource fakes(StoredImages reals, Device place) {
        if (fake instanceof Fakes.Drawn drawn) {
            int count = drawn.count() == 0 ? Math.min(Fakes.MOST_DRAWN, reals.size()) : drawn.count();
            return new DrawnImages(drawn, count, settings.seed(), place);
        }
        if (fake instanceof Fakes.Reconstructed reconstructed) {
            return new ReconstructedImages(reconstructed.run(), reals, place);
        }
        return new StoredImages(((Fakes.Stored) fake).path(), settings.skipBad(), place);
    }

    private void write(EvaluationResult result) {
        if (output.result() != null) {
            write(output.result(), path -> JSON.writeValue(path.toFile(), result.facts()));
        }
        if (output.card() != null) {
            write(output.card(), path -> Files.writeString(path, new EvaluationCard(result).markdown()));
        }
    }

    private interface Writing {
        void write(Path path) throws IOException;
    }

    private static void write(Path file, Writing writing) {
        try (AtomicFile beside = AtomicFile.of(file)) {
            writing.write(beside.path());
            beside.commit();
        } catch (IOException e) {
            throw Outputs.failure(file, e);
        }
    }
}
