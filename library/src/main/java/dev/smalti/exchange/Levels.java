package dev.smalti.exchange;

import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.WeightArchive;
import java.util.ArrayList;
import java.util.List;

/**
 * What an encoder has at each resolution, highest first.
 *
 * @param channels after the first convolution
 * @param multipliers factors of these at each resolution
 * @param attention resolutions with attention
 */
record Levels(int channels, List<Integer> multipliers, List<Integer> attention) {
    /**
     * Reads them off shapes.
     *
     * @param size H = W of the images
     * @param first name of the weight of the first convolution, [C, 3, k, k]
     * @param block name of a weight of the first residual block of a level, [C·m, …], with {@code %d} for the level
     * @param attention name of a weight of the first attention of a level, with {@code %d} for the level
     * @throws BadFileException if a level's channels are no multiple of the first ones
     */
    static Levels read(WeightArchive weights, int size, String first, String block, String attention) {
        List<Integer> channels = new ArrayList<>();
        List<Integer> attended = new ArrayList<>();
        for (int level = 0; level < weights.count(block); level++) {
            channels.add(weights.size(at(block, level), 0));
            if (weights.has(at(attention, level))) {
                attended.add(size >> level);
            }
        }
        int beginning = weights.size(first, 0);
        return new Levels(beginning, multipliers(weights, beginning, channels), attended);
    }

    private static String at(String pattern, int level) {
        return pattern.replace("%d", Integer.toString(level));
    }

    /** @param channels of each level */
    static List<Integer> multipliers(WeightArchive weights, int first, List<Integer> channels) {
        List<Integer> multipliers = new ArrayList<>();
        for (int each : channels) {
            if (first < 1 || each < 1 || each % first > 0) {
                throw new BadFileException(
                        weights.path(),
                        Phrase.of(
                                        "must have multiples of its first convolution's %d channels at every resolution, has %s")
                                .with(first, channels));
            }
            multipliers.add(each / first);
        }
        return multipliers;
    }
}
