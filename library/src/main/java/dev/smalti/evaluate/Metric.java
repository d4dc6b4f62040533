package dev.smalti.evaluate;

import dev.smalti.metric.inception.Inception;
import dev.smalti.recipe.Nearest;
import dev.smalti.run.JobException;
import dev.smalti.tensor.Phrase;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** What an evaluation can measure. The names are those of the command line and of the results. */
public enum Metric {
    /** Fréchet distance of features that aren't Inception's. It is no FID, and no paper reports it. */
    FRECHET(Of.OTHERS, 2),
    /** Kernel distance of features that aren't Inception's. */
    KERNEL(Of.OTHERS, 2),
    /** The Inception score's formula with the probabilities of a classifier that isn't Inception; parts and order as there. */
    SCORE(Of.CLASSIFIER, 10),
    /** The share of fake images of a class that a classifier recognises as such, where they have its classes. */
    ACCURACY(Of.CLASSIFIER, 1),
    /** Fréchet distance of Inception's pool features. */
    FID(Of.INCEPTION, 2),
    /** Fréchet distance of Inception's spatial features. */
    SFID(Of.INCEPTION, 2),
    /** Kernel distance of Inception's pool features: 100 subsets of 1,000, or all images at once where there are fewer. */
    KID(Of.INCEPTION, 2),
    /** Inception score of the fake images in 10 parts, shuffled by the seed. */
    IS(Of.INCEPTION, 10),
    /** The share of fakes among the reals, k = 3 as in Kynkäänniemi et al. 2019 unless another is asked for. */
    PRECISION(3),
    /** The share of reals among the fakes, the same k. */
    RECALL(3),
    /** How densely reals lie around fakes, k = 5 as in Naeem et al. 2020 unless another is asked for. */
    DENSITY(5),
    /** The share of reals with fakes around, the same k. */
    COVERAGE(5),
    /** Of pairs in the order of both sets, in dB. */
    PSNR(Of.PAIRS, 1),
    /** Of pairs in the order of both sets. */
    SSIM(Of.PAIRS, 1),
    /** {@link dev.smalti.metric.lpips LPIPS} of pairs in the order of both sets. */
    LPIPS(Of.PAIRS, 1),
    /** How a tokenizer uses its codebook: {@code codebook_usage} and {@code perplexity}. */
    CODES(Of.TOKENIZER, 1),
    /** How likely a model finds the real images: {@code bits_per_token} and {@code bits_per_dimension}, of 8 and of 5 bits. */
    BITS(Of.MODEL, 1);

    /** What a metric is computed from. */
    enum Of {
        OTHERS,
        CLASSIFIER,
        INCEPTION,
        ANY,
        PAIRS,
        TOKENIZER,
        MODEL
    }

    private final Of of;
    private final int least;
    private final int neighbours; // k where none is asked for; 0 where there is none

    Metric(Of of, int least) {
        this.of = of;
        this.least = least;
        this.neighbours = 0;
    }

    Metric(int neighbours) {
        this.of = Of.ANY;
        this.least = neighbours + 1;
        this.neighbours = neighbours;
    }

    Of of() {
        return of;
    }

    /** Whether it can be measured by such features. */
    boolean fits(ImageFeatures.Kind kind) {
        return switch (of) {
            case OTHERS -> kind != ImageFeatures.Kind.INCEPTION;
            case CLASSIFIER -> kind == ImageFeatures.Kind.CLASSIFIER;
            case INCEPTION -> kind == ImageFeatures.Kind.INCEPTION;
            case ANY, PAIRS, TOKENIZER, MODEL -> true;
        };
    }

    /** @throws JobException with the way out if it doesn't {@linkplain #fits fit} */
    public void check(ImageFeatures.Kind kind) {
        if (fits(kind)) {
            return;
        }
        if (of == Of.INCEPTION) {
            throw new JobException(Phrase.of("%s needs Inception's features: give --features with torch-fidelity's %s, "
                            + "or measure %s, which takes any others")
                    .with(label(), Inception.PUBLISHED, this == IS ? "score" : this == KID ? "kernel" : "frechet"));
        }
        if (kind == ImageFeatures.Kind.INCEPTION) {
            throw new JobException(
                    Phrase.of("%s is of features other than Inception's: ask for %s, or give other --features")
                            .with(label(), this == SCORE ? "is" : this == KERNEL ? "kid" : "fid"));
        }
        throw new JobException(label() + " needs a classifier: give --features with the --out of train-features");
    }

    /** @throws JobException if it can't be measured of fakes that come so */
    public void check(Fakes fakes) {
        if (of == Of.MODEL && !(fakes instanceof Fakes.Drawn)) {
            throw new JobException(
                    label() + " needs a model: give --fake a prior's run folder or a bundled model's name");
        }
        if (of == Of.TOKENIZER && !(fakes instanceof Fakes.Reconstructed)) {
            throw new JobException(label() + " needs a tokenizer: give --fake the --out of train-tokenizer");
        }
        if (of == Of.PAIRS && fakes instanceof Fakes.Drawn) {
            throw new JobException(
                    label() + " compares pairs, and what a model draws belongs to no real image: leave it out");
        }
    }

    /** What the result calls it. */
    String label(Fakes fakes) {
        boolean reconstruction = fakes instanceof Fakes.Reconstructed;
        return reconstruction && this == FID
                ? "rfid"
                : reconstruction && this == FRECHET ? "reconstruction_frechet" : label();
    }

    /** Whether it is computed from the features of both sets, or of one. */
    boolean ofFeatures() {
        return of != Of.PAIRS && of != Of.TOKENIZER && of != Of.MODEL;
    }

    /** Whether it is a Fréchet distance. */
    boolean frechet() {
        return this == FRECHET || this == FID || this == SFID;
    }

    /** Whether it sees the fake images alone. */
    boolean ofFakes() {
        return this == SCORE || this == ACCURACY || this == IS;
    }

    /**
     * k: to which neighbour the balls of {@link dev.smalti.metric.Manifolds} reach; 0 for a metric that has none.
     *
     * @param asked for all metrics that have it; 0 for the usual one of each
     */
    int neighbours(int asked) {
        return neighbours == 0 || asked == 0 ? neighbours : asked;
    }

    /** How many images a set must have, where balls reach to the neighbour that is {@code asked} for. */
    int least(int asked) {
        return neighbours == 0 ? least : neighbours(asked) + 1;
    }

    /** {@code fid} */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /**
     * Those of the given names, each once.
     *
     * @throws JobException naming one that is unknown, and the nearest
     */
    public static List<Metric> named(List<String> names) {
        return names.stream().map(Metric::named).distinct().toList();
    }

    private static Metric named(String name) {
        List<String> known = Arrays.stream(values()).map(Metric::label).toList();
        String wanted = name.strip().toLowerCase(Locale.ROOT);
        if (!known.contains(wanted)) {
            String near = Nearest.name(wanted, known)
                    .map(found -> "did you mean " + found + "? ")
                    .orElse("");
            throw new JobException(Phrase.of("metric %s is unknown; %sknown are %s")
                    .with(name.strip(), near, known.stream().collect(Collectors.joining(", "))));
        }
        return valueOf(wanted.toUpperCase(Locale.ROOT));
    }
}
