package dev.smalti.metric.classifier;

import dev.smalti.tensor.Seed;
import java.util.List;
import org.bytedeco.pytorch.Device;

/**
 * The size of a {@link Classifier}, and how it is kept from learning its images by heart. D, the number of features, is
 * {@code channels} times the last of {@code multipliers}.
 *
 * @param size H = W of the images; a power of two in 8..1024
 * @param channels channels at the highest resolution; at least 1
 * @param multipliers factors of the channels at each resolution, highest first, each but the last followed by a halving;
 *     each at least 1
 * @param blocks residual blocks at each resolution; at least 1; 1 if left out
 * @param patch side of the squares of pixels that the first convolution sees as channels, 2 runs everything at half the
 *     resolution; 1, 2, 4 or 8; 1 if left out
 * @param dropout share of the features dropped in training; [0, 1); 0.1 if left out
 * @param labelSmoothing share of the target that is spread over all classes; [0, 1); 0.1 if left out
 * @param shift pixels by which training images are moved at most, either way, their edges repeated; at least 0, below size;
 *     size / 8 if left out
 */
public record ClassifierConfiguration(
        int size,
        int channels,
        List<Integer> multipliers,
        Integer blocks,
        Integer patch,
        Double dropout,
        Double labelSmoothing,
        Integer shift) {
    public ClassifierConfiguration {
        if (size < 8 || size > 1024 || Integer.bitCount(size) != 1) {
            throw new IllegalArgumentException("size must be a power of two in 8..1024, got " + size);
        }
        if (channels < 1) {
            throw new IllegalArgumentException("channels must be at least 1, got " + channels);
        }
        if (multipliers == null || multipliers.isEmpty() || multipliers.stream().anyMatch(m -> m == null || m < 1)) {
            throw new IllegalArgumentException(
                    "multipliers must be whole numbers above 0, one a resolution, got " + multipliers);
        }
        multipliers = List.copyOf(multipliers);
        blocks = blocks == null ? 1 : blocks;
        if (blocks < 1) {
            throw new IllegalArgumentException("blocks must be at least 1, got " + blocks);
        }
        patch = patch == null ? 1 : patch;
        if (patch < 1 || patch > 8 || Integer.bitCount(patch) != 1) {
            throw new IllegalArgumentException("patch must be 1, 2, 4 or 8, got " + patch);
        }
        if (size < (long) patch << (multipliers.size() - 1)) {
            throw new IllegalArgumentException("size " + size + " cannot be halved by patch " + patch + " and "
                    + multipliers.size() + " multipliers: fewer multipliers or a larger size");
        }
        dropout = share("dropout", dropout);
        labelSmoothing = share("label_smoothing", labelSmoothing);
        shift = shift == null ? size / 8 : shift;
        if (shift < 0 || shift >= size) {
            throw new IllegalArgumentException("shift must be in 0.." + (size - 1) + " pixels, got " + shift);
        }
    }

    private static double share(String name, Double value) {
        double share = value == null ? 0.1 : value;
        if (!(share >= 0 && share < 1)) {
            throw new IllegalArgumentException(name + " must be in [0, 1), got " + share);
        }
        return share;
    }

    /** D */
    public int dimension() {
        return channels * multipliers.get(multipliers.size() - 1);
    }

    public Classifier build(int classes, Seed seed, Device device) {
        return new Classifier(this, classes, seed, device);
    }
}
