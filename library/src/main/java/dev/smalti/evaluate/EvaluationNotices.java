package dev.smalti.evaluate;

import dev.smalti.evaluate.EvaluationResult.Compared;
import dev.smalti.tensor.Phrase;
import java.util.ArrayList;
import java.util.List;

/**
 * What a reader of an evaluation's numbers must know.
 *
 * @param metrics that were measured
 */
record EvaluationNotices(Fakes fake, Gathered real, Gathered other, List<Metric> metrics) {
    /**
     * @param side of the squares
     * @param bits the likelihood that was measured; null where it wasn't
     */
    List<String> all(ImageFeatures features, int side, int resamples, Likelihood.Result bits) {
        List<String> notices = new ArrayList<>();
        long fewest = Math.min(real.set().images(), other.set().images());
        metrics.stream().filter(Metric::frechet).forEach(each -> {
            long dimension = each == Metric.SFID ? other.features().spatial().dimension() : features.dimension();
            if (fewest <= dimension) {
                notices.add(Phrase.of(
                                "a Frechet distance of %,d images in %,d dimensions lies above that of many images: compare it"
                                        + " at one number of images alone")
                        .with(fewest, dimension));
            }
        });
        if (metrics.stream().anyMatch(Metric::ofFeatures)) {
            notices.addAll(features.notices(side));
        }
        if (metrics.contains(Metric.KID) && fewest < Comparison.SUBSET) {
            notices.add(Phrase.of("kid is of all images at once, since there are fewer than %,d")
                    .with(Comparison.SUBSET));
        }
        if (metrics.contains(Metric.SFID) && resamples > 0 && other.features().spatialRows() == null) {
            notices.add("sfid has no interval: the spatial features of so many images don't fit into 1 GiB");
        }
        if (fake instanceof Fakes.Drawn drawn && drawn.count() == 0) {
            notices.addAll(fewerDrawn());
        }
        if (bits != null && !bits.exact()) {
            notices.add(
                    bits.steps() == 0
                            ? "bits are bounds from above, of continuous time"
                            : Phrase.of("bits are bounds from above, of %,d steps")
                                    .with(bits.steps()));
        }
        for (Compared set : List.of(real.set(), other.set())) {
            if (set.sizes() > 1) {
                notices.add(Phrase.of("images of %s have %,d sizes; all were brought to %3$dx%3$d")
                        .with(set.path(), set.sizes(), side));
            }
            if (set.skipped() > 0) {
                notices.add(Phrase.of("%d broken images of %s were left out").with(set.skipped(), set.path()));
            }
        }
        return notices;
    }

    private List<String> fewerDrawn() {
        long drawn = other.set().images();
        long there = real.set().images();
        return drawn == 0 || drawn >= there
                ? List.of()
                : List.of(Phrase.of("%,d images were drawn, the most without --count, to compare with %,d real ones")
                        .with(drawn, there));
    }
}
