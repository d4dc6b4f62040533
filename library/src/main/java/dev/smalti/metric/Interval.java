package dev.smalti.metric;

import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Stopping;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.IntToDoubleFunction;

/**
 * Where a metric would lie for 95 % of the draws of images like these.
 *
 * @param low at most {@code high}
 */
public record Interval(double low, double high) {
    private static final double NORMAL = 1.96;

    public Interval {
        if (!(low <= high)) {
            throw new IllegalArgumentException(Phrase.of("an interval must have ends in order, got %s to %s")
                    .with(low, high));
        }
    }

    /**
     * Of a mean over images, by the bootstrap's quantiles: of the means of resamples, each as many of {@code values} as there
     * are, drawn with replacement, from 2.5 % to 97.5 %. Efron 1979, "Bootstrap Methods: Another Look at the Jackknife".
     *
     * @throws IllegalArgumentException if there are no values or fewer than 2 resamples
     */
    public static Interval ofResampledMean(double[] values, int resamples, Seed seed) {
        if (values.length == 0 || resamples < 2) {
            throw new IllegalArgumentException(
                    Phrase.of("an interval needs values and at least 2 resamples, got %d and %d")
                            .with(values.length, resamples));
        }
        double[] means = new double[resamples];
        Arrays.setAll(means, i -> {
            Stopping.check();
            SplittableRandom random = seed.child(i).random();
            double sum = 0;
            for (int j = 0; j < values.length; j++) {
                sum += values[random.nextInt(values.length)];
            }
            return sum / values.length;
        });
        Arrays.sort(means);
        int beyond = (int) Math.floor(0.025 * (resamples - 1));
        return new Interval(means[beyond], means[resamples - 1 - beyond]);
    }

    /**
     * Around a distance, 1.96 standard deviations of those of its resamples to both sides, and not below 0. Their quantiles
     * would lie above the distance: a resample has fewer different images.
     *
     * @param resampled gives the distance of the resample with a number
     * @throws IllegalArgumentException if there are fewer than 2 resamples
     */
    public static Interval ofDistance(double distance, int resamples, IntToDoubleFunction resampled) {
        if (resamples < 2) {
            throw new IllegalArgumentException("an interval needs at least 2 resamples, got " + resamples);
        }
        double[] each = new double[resamples];
        Arrays.setAll(each, resampled);
        double half = NORMAL * deviation(each);
        return new Interval(Math.max(0, distance - half), distance + half);
    }

    /**
     * The mean of values ± 1.96 standard errors.
     *
     * @throws IllegalArgumentException if there are fewer than 2 values
     */
    public static Interval ofMean(double[] values) {
        if (values.length < 2) {
            throw new IllegalArgumentException("a standard error needs at least 2 values, got " + values.length);
        }
        double mean = Arrays.stream(values).average().orElseThrow();
        double half = NORMAL * deviation(values) / Math.sqrt(values.length);
        return new Interval(mean - half, mean + half);
    }

    /** With the count less one below. */
    private static double deviation(double[] values) {
        double mean = Arrays.stream(values).average().orElseThrow();
        double squares = Arrays.stream(values).map(x -> (x - mean) * (x - mean)).sum();
        return Math.sqrt(squares / (values.length - 1));
    }
}
