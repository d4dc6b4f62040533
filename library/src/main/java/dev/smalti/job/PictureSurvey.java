package dev.smalti.job;

import dev.smalti.data.Crop;
import dev.smalti.data.DataException;
import dev.smalti.data.Extent;
import dev.smalti.data.ImageSet;
import dev.smalti.data.Pixels;
import dev.smalti.data.Subset;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Phase;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Stopping;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/**
 * What a training would make of pictures: of the header of each, and of all of as many as can be decoded in the time that is
 * given, in an order of chance.
 *
 * @param pictures how many there are
 * @param decoded how many of them were decoded wholly; of the others, only the headers were read
 * @param smaller pictures whose shorter side is below the recipe's size, so that they are enlarged
 * @param enlargement by how much at most; 1 if none is
 * @param cut pictures of which the crop leaves less than half
 * @param broken pictures that can't be used
 * @param messages what is wrong with the first few of them
 */
public record PictureSurvey(
        long pictures, long decoded, long smaller, double enlargement, long cut, long broken, List<String> messages) {
    private static final int PART = 64; // pictures looked at before the observer is told
    private static final long DECODING = 20_000_000_000L; // nanoseconds; headers take what they take
    private static final int SHOWN = 3;
    private static final double MUCH = 2; // sides a to b of which the square in the middle is less than half

    /**
     * Looks at all pictures.
     *
     * @param size H = W of the recipe
     */
    static PictureSurvey of(ImageSet images, int size, Crop crop, Observer observer) {
        int[] order = Subset.shuffled(images.size(), new Seed(0).child("survey"));
        long end = System.nanoTime() + DECODING;
        List<Look> looks = new ArrayList<>();
        LongConsumer told = observer.counting(Phase.of("pictures", "pictures", order.length));
        for (int from = 0; from < order.length; from += PART) {
            Stopping.check();
            boolean decode = System.nanoTime() < end;
            looks.addAll(Arrays.stream(order, from, Math.min(order.length, from + PART))
                    .parallel()
                    .mapToObj(index -> Look.at(images, index, decode))
                    .toList());
            told.accept(looks.size());
        }
        List<Extent> extents = looks.stream()
                .filter(look -> look.problem == null)
                .map(Look::extent)
                .toList();
        List<String> problems = looks.stream()
                .filter(look -> look.problem != null)
                .map(Look::problem)
                .toList();
        int shortest = extents.stream().mapToInt(Extent::shorter).min().orElse(size);
        return new PictureSurvey(
                images.size(),
                looks.stream().filter(Look::decoded).count(),
                extents.stream().filter(extent -> extent.shorter() < size).count(),
                Math.max(1, (double) size / shortest),
                crop == Crop.NONE
                        ? 0
                        : extents.stream()
                                .filter(extent -> extent.ratio() > MUCH)
                                .count(),
                problems.size(),
                problems.stream().sorted().limit(SHOWN).toList());
    }

    private record Look(Extent extent, boolean decoded, String problem) {
        static Look at(ImageSet images, int index, boolean decode) {
            try {
                if (!decode) {
                    return new Look(images.extent(index), false, null);
                }
                Pixels pixels = images.read(index);
                return new Look(new Extent(pixels.width(), pixels.height()), true, null);
            } catch (DataException e) {
                return new Look(null, decode, e.getMessage());
            }
        }
    }

    static List<Long> byClass(ImageSet images) {
        long[] counts = new long[images.classNames().size()];
        IntStream.range(0, images.size())
                .map(images::label)
                .filter(label -> label >= 0 && label < counts.length)
                .forEach(label -> counts[label]++);
        return LongStream.of(counts).boxed().toList();
    }

    /** The same by name, for a JSON object. */
    Map<String, Object> facts() {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("pictures", pictures);
        facts.put("decoded", decoded);
        facts.put("smaller", smaller);
        facts.put("enlargement", enlargement);
        facts.put("cut", cut);
        facts.put("broken", broken);
        facts.put("broken_examples", messages);
        return facts;
    }
}
