package dev.smalti.tokenizer;

import java.util.Map;
import org.bytedeco.pytorch.Device;

/**
 * What a recipe says of a {@link PerceptualLoss}. Implementations are records. Only training needs the files that they
 * name: a trained tokenizer encodes and decodes without.
 */
public interface PerceptualConfiguration {
    /** The factor of the distance beside the absolute error; above 0. */
    Double weight();

    /** {@link #weight} as it was given; 1 for null. */
    static double weight(Double given) {
        double weight = given == null ? 1 : given;
        if (!(weight > 0 && weight < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException(
                    "weight must be above 0, got " + weight + "; for no perceptual loss leave it out altogether");
        }
        return weight;
    }

    /**
     * Refuses images of {@code size} × {@code size} if the network is known not to see such small ones.
     *
     * @throws IllegalArgumentException naming the smallest that it sees
     */
    default void check(int size) {}

    /**
     * Opens the network's files.
     *
     * @throws RuntimeException naming a file or folder that isn't there or doesn't fit
     */
    PerceptualLoss build(Device device);

    /** Fingerprints of the network's files, by role. Errors as those of {@link #build}, for files that aren't there. */
    Map<String, String> parents();
}
