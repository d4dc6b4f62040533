package dev.smalti.metric;

import java.util.Arrays;

/**
 * A metric over several parts of the images.
 *
 * @param mean over the parts
 * @param deviation the standard deviation over the parts, with their count below; 0 for one part
 */
public record Estimate(double mean, double deviation) {
    static Estimate over(double... each) {
        double mean = Arrays.stream(each).average().orElseThrow();
        double variance =
                Arrays.stream(each).map(x -> (x - mean) * (x - mean)).average().orElseThrow();
        return new Estimate(mean, Math.sqrt(variance));
    }
}
