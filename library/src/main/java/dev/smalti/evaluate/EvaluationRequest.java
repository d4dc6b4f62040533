package dev.smalti.evaluate;

import dev.smalti.run.JobException;
import dev.smalti.tensor.Phrase;
import java.nio.file.Path;
import java.util.List;

/**
 * What is to be compared, and how.
 *
 * @param real the images that are compared with
 * @param fake the images that are judged
 * @param metrics what to measure; empty for all that the features and the sizes of the sets allow, but those of pairs and
 *     {@link Metric#BITS}; of reconstructions for the Fréchet distance, those of pairs and {@link Metric#CODES}
 * @param features what images are compared by: null or {@code pixels} for pixels averaged to 8×8, a file with the weights of
 *     {@link dev.smalti.metric.inception.Inception}, or a run folder of {@code train-features}
 * @param lpips for {@link Metric#LPIPS}, which then needs no asking for of reconstructions; null without
 * @param cache folder that keeps the features of the real images, under the fingerprint of the set; null for none
 * @param settings how it is measured
 * @param parts folder with the features of all parts of both sets, as {@link Evaluation#part} keeps them, which are then not looked
 *     at again; null for none
 */
public record EvaluationRequest(
        Real real,
        Fakes fake,
        List<Metric> metrics,
        String features,
        LpipsWeights lpips,
        Path cache,
        Settings settings,
        Path parts) {
    /**
     * Resamples for the interval, where none are asked for: of all but Inception's features, and of those, where each takes
     * seconds.
     */
    public static final int RESAMPLES = 100;

    public static final int RESAMPLES_OF_INCEPTION = 10;

    /** @throws JobException if a metric can't be measured by the features, or of such fakes */
    public EvaluationRequest {
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
        if (parts != null) {
            requireStored(fake, metrics, cache);
        }
    }

    /** Without parts. */
    public EvaluationRequest(
            Real real,
            Fakes fake,
            List<Metric> metrics,
            String features,
            LpipsWeights lpips,
            Path cache,
            Settings settings) {
        this(real, fake, metrics, features, lpips, cache, settings, null);
    }

    /** What can be measured by parts. */
    static void requireStored(Fakes fake, List<Metric> metrics, Path cache) {
        if (fake instanceof Fakes.Stored stored && stored.count() > 0) {
            throw new JobException(Phrase.of(
                            "parts of an evaluation compare all images of two sets, and the first %d were asked for: leave"
                                    + " the count out, or give a set of these alone")
                    .with(stored.count()));
        }
        if (!(fake instanceof Fakes.Stored)) {
            throw new JobException("parts of an evaluation compare all images of two sets, and " + fake.name()
                    + " makes them: draw them first, as by generate --part");
        }
        metrics.stream().filter(each -> !each.ofFeatures()).findFirst().ifPresent(each -> {
            throw new JobException(
                    each.label() + " is of no features, which parts of an evaluation keep: measure it without parts");
        });
        if (cache != null) {
            throw new JobException("parts of an evaluation are kept themselves: leave --cache out");
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
     * How it is measured.
     *
     * @param size side of the squares, a power of two of at least 8; 0 for the largest that is not above the shorter side of
     *     the first fake image, up to 1,024
     * @param resamples of the fake images, for the interval of a Fréchet distance; 0 for no intervals by resampling, negative
     *     for the default
     * @param neighbours k of precision, recall, density and coverage; 0 for the usual one of each, 3 for the first two and 5
     *     for the others
     * @param seed of subsets, resamples, the order for the Inception score, and draws
     * @param skipBad leaves broken images out instead of failing
     * @param device {@code auto}, {@code cpu}, {@code cuda}, {@code cuda:N}
     */
    public record Settings(int size, int resamples, int neighbours, long seed, boolean skipBad, String device) {
        /**
         * @throws JobException if {@code resamples} is 1, which has no deviation, {@code neighbours} is negative or
         *     {@code size} is none
         */
        public Settings {
            if (resamples == 1) {
                throw new JobException("resamples must be 0 for no interval, or at least 2, got 1");
            }
            if (neighbours < 0) {
                throw new JobException("neighbours must be at least 1, or 0 for the usual ones, got " + neighbours);
            }
            if (size != 0 && (size < 8 || Integer.bitCount(size) != 1)) {
                throw new JobException("size must be a power of two, at least 8, got " + size);
            }
        }
    }
}
