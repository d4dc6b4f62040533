package dev.smalti.compare;

import dev.smalti.evaluate.EvaluationResult;
import dev.smalti.evaluate.Metric;
import dev.smalti.metric.Interval;
import dev.smalti.run.KeptResults;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a {@link Compare} found.
 *
 * @param page {@code index.html}, the one to open
 * @param tokenizers those that were compared instead of priors
 * @param references what no prior is to be held against: training images, and tokens of held-out images, decoded
 * @param missing priors or tokenizers that another process is at work on
 * @param computed measurements that were made this time; 0 if all was there
 */
public record CompareResult(
        Path out,
        Path page,
        List<Prior> priors,
        List<Tokenizer> tokenizers,
        List<Reference> references,
        List<String> missing,
        int computed) {
    /**
     * A prior, trained.
     *
     * @param kind as the recipe says
     * @param taken whether it was trained elsewhere
     * @param steps of its training
     * @param checkpoint the step whose weights draw; null where it is the last
     * @param batch grids of a step
     * @param seconds of its training, by its log; null where there is none
     * @param loss the last that was logged, a mean over some steps; null where there is none
     * @param ownScale whether it was trained on tokens of its own, so that its bits are not comparable
     * @param bits per held-out token; null without held-out tokens
     * @param curve bits per token of grids that were kept out of the training, over its steps
     * @param grid picture of draws as trained, relative to the folder
     */
    public record Prior(
            String name,
            String kind,
            String run,
            boolean taken,
            long parameters,
            long steps,
            Long checkpoint,
            long batch,
            Double seconds,
            Double loss,
            boolean ownScale,
            Bits bits,
            List<Point> curve,
            String grid,
            List<Cell> cells) {
        /** Grids that training has seen, with repetitions. */
        public long grids() {
            return steps * batch;
        }
    }

    /**
     * A tokenizer, trained.
     *
     * @param kind as the recipe says
     * @param taken whether it was trained elsewhere
     * @param grid {@code 8x8}, or {@code 6x8x8} with several codes a place
     * @param codes K
     * @param steps of its training
     * @param checkpoint the step whose weights are measured; null where it is the last
     * @param batch images of a step
     * @param seconds of its training, by its log; null where there is none
     * @param curve PSNR of images that were kept out of the training, in dB, over its steps
     * @param shown picture of some real images, each over what comes back of it, relative to the folder
     * @param measures of the reconstructions of all real images
     */
    public record Tokenizer(
            String name,
            String kind,
            String run,
            boolean taken,
            String grid,
            long codes,
            long parameters,
            long steps,
            Long checkpoint,
            long batch,
            Double seconds,
            List<Point> curve,
            String shown,
            Measures measures) {}

    /**
     * Bits per held-out token.
     *
     * @param interval half the width of the 95 % interval over grids
     * @param exact false for a bound from above
     * @param steps T of the process that it bounds, 0 for continuous time; null where it wasn't written down
     */
    public record Bits(double mean, Double interval, boolean exact, long grids, Integer steps) {}

    /** A point of a curve. */
    public record Point(long step, double value) {}

    /**
     * A setting, measured.
     *
     * @param setting what was asked for, by name; without what is as usual
     * @param steps that were taken; null if the prior can't do it
     * @param secondsPerImage of drawing tokens, without decoding
     * @param passes forward passes for an image
     * @param machine where the time was taken
     * @param measures null if the prior can't do it
     * @param skipped why not; null if it can
     */
    public record Cell(
            Map<String, Object> setting,
            Integer steps,
            Double secondsPerImage,
            Double passes,
            String machine,
            Measures measures,
            String skipped) {
        /** {@code steps 16, guidance 0.5} */
        public String text() {
            return setting.isEmpty()
                    ? "as trained"
                    : String.join(
                            ", ",
                            setting.entrySet().stream()
                                    .map(each -> each.getKey().replace('_', ' ') + " "
                                            + each.getValue().toString().replaceFirst("\\.0$", ""))
                                    .toList());
        }

        boolean differsInStepsAlone() {
            return setting.keySet().stream().allMatch("steps"::equals);
        }
    }

    /**
     * Images that are no draws, compared with the real ones as draws are.
     *
     * @param name {@code train} or {@code tokenizer}
     * @param of the prior whose own held-out tokens were decoded; null for those of the plan, and for training images
     * @param what for people
     */
    public record Reference(String name, String of, String what, Measures measures) {
        /** {@code train}, {@code tokenizer}, or {@code tokenizer of rdpm}: one of its own for each. */
        String title() {
            return of == null ? name : name + " of " + of;
        }
    }

    /**
     * A measured number.
     *
     * @param deviation over subsets or parts of the images; null where there are none
     * @param low end of the 95 % interval; null where there is none
     * @param high the other end
     * @param neighbours k of precision, recall, density and coverage; null for others, and where it wasn't written down
     */
    public record Value(double value, Double deviation, Double low, Double high, Integer neighbours) {
        private static Value of(EvaluationResult.Value measured) {
            Interval interval = measured.interval();
            return new Value(
                    measured.value(),
                    measured.deviation(),
                    interval == null ? null : interval.low(),
                    interval == null ? null : interval.high(),
                    measured.neighbours());
        }
    }

    /**
     * How near images come to the real ones.
     *
     * @param features the name of what was compared
     * @param values by the name of the metric
     */
    public record Measures(
            String features,
            String sha256,
            int dimension,
            int size,
            long real,
            long images,
            int resamples,
            Map<String, Value> values,
            List<String> notices) {
        static Measures of(EvaluationResult result) {
            Map<String, Value> values = new LinkedHashMap<>();
            result.values().forEach((metric, each) -> values.put(metric, Value.of(each)));
            return new Measures(
                    result.features(),
                    result.sha256(),
                    result.dimension(),
                    result.side(),
                    result.real().images(),
                    result.fake().images(),
                    result.resamples(),
                    values,
                    result.notices());
        }

        /** The metric that stands for quality: a Fréchet distance where there is one. */
        String quality() {
            return List.of(Metric.FID, Metric.FRECHET).stream()
                    .map(Metric::label)
                    .filter(values::containsKey)
                    .findFirst()
                    .orElseGet(() -> values.keySet().iterator().next());
        }

        double value(String metric) {
            return values.containsKey(metric) ? values.get(metric).value() : Double.NaN;
        }
    }

    /** All of it, by name. */
    @SuppressWarnings("unchecked")
    public Map<String, Object> facts() {
        Map<String, Object> facts = KeptResults.JSON.convertValue(this, Map.class);
        facts.put("out", out.toString());
        facts.put("page", page.toString());
        return facts;
    }
}
