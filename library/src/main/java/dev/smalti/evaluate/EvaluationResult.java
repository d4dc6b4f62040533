package dev.smalti.evaluate;

import dev.smalti.draw.Sampling;
import dev.smalti.metric.Estimate;
import dev.smalti.metric.Interval;
import dev.smalti.model.Drawing;
import dev.smalti.tensor.Precision;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What an evaluation measured, and all that the numbers depend on.
 *
 * @param real the set that was compared with
 * @param split what the real images are, as the user says; null where that is not said
 * @param fake the other one
 * @param kind where the fake images come from
 * @param draw how the fake images were drawn; null where they weren't
 * @param features the name of what was compared
 * @param sha256 of the file with the weights; null where there are none
 * @param dimension of the features
 * @param side of the squares, in pixels
 * @param resize how images became squares
 * @param values by the names of the metrics
 * @param lpips network and SHA-256 of the files of {@link Metric#LPIPS}; null where it was not measured
 * @param resamples for each interval of a Fréchet distance; 0 if there is none
 * @param seed of subsets, resamples, orders and draws
 * @param cached whether the real features were there already
 * @param notices what a reader of the numbers must know
 * @param seconds in all
 */
public record EvaluationResult(
        Compared real,
        String split,
        Compared fake,
        Fakes.Kind kind,
        Draw draw,
        String features,
        String sha256,
        int dimension,
        int side,
        String resize,
        Map<String, Value> values,
        Map<String, String> lpips,
        int resamples,
        long seed,
        boolean cached,
        List<String> notices,
        double seconds) {

    /**
     * A measured number.
     *
     * @param deviation over subsets or parts of the images; null where there are none
     * @param interval of 95 %; null where there is none. That of a Fréchet distance is the distance ± 1.96 standard
     *     deviations of those of resamples of the fake images, while the real ones stay as they are; that of precision and
     *     density goes from one quantile to the other of resamples of the fakes, and that of recall and coverage of resamples
     *     of the reals, where the fakes stay as they are; that of a mean over images is ± 1.96 standard errors
     * @param from what the interval is from, for people; null without
     * @param neighbours to which neighbour balls reach, of {@linkplain dev.smalti.metric.Manifolds precision, recall, density and
     *     coverage}; null for others
     */
    public record Value(double value, Double deviation, Interval interval, String from, Integer neighbours) {
        static final String OVER_IMAGES = "the standard error over images";

        static Value of(double value) {
            return new Value(value, null, null, null, null);
        }

        static Value of(Estimate estimate) {
            return new Value(estimate.mean(), estimate.deviation(), null, null, null);
        }

        static Value of(double value, Interval interval, String from) {
            return new Value(value, null, interval, from, null);
        }

        /** Of a mean over images, with the interval of its standard error where there are several. */
        static Value mean(double[] each) {
            double mean = Arrays.stream(each).average().orElseThrow();
            return each.length < 2 ? of(mean) : of(mean, Interval.ofMean(each), OVER_IMAGES);
        }

        /** The same, said to be of so many. */
        Value neighbours(int neighbours) {
            return new Value(value, deviation, interval, from, neighbours);
        }

        private Map<String, Object> facts() {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("value", value);
            if (neighbours != null) {
                facts.put("neighbours", neighbours);
            }
            if (deviation != null) {
                facts.put("deviation", deviation);
            }
            if (interval != null) {
                facts.put("interval_95", List.of(interval.low(), interval.high()));
                facts.put("interval_from", from);
            }
            return facts;
        }
    }

    /**
     * A set that was compared.
     *
     * @param path of the images; of those that were made, what made them
     * @param images that were looked at
     * @param skipped broken ones
     * @param resized those that had another size
     * @param sizes how many sizes they had
     * @param fingerprint of the set, or of the weights of what made it
     */
    public record Compared(String path, long images, long skipped, long resized, int sizes, String fingerprint) {
        private Map<String, Object> facts(Fakes.Kind kind) {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("kind", kind.name().toLowerCase(Locale.ROOT));
            facts.put("path", path);
            facts.put("images", images);
            facts.put("skipped", skipped);
            facts.put("resized", resized);
            facts.put("sizes", sizes);
            facts.put("fingerprint", fingerprint);
            return facts;
        }
    }

    /**
     * How images were drawn.
     *
     * @param model what the user called it
     * @param fingerprint of the prior's weights
     * @param tokenizer fingerprint of the tokenizer's weights; null where the model doesn't know it
     * @param checkpoint the step of these weights
     * @param precision of products
     * @param overrides of the model's recipe
     * @param labels names of classes in turn; empty for all classes evenly
     * @param seed of the draws
     * @param sampling as it was asked for, with the best times that the model knows
     * @param cost of drawing the grids alone
     * @param seconds of drawing and decoding
     */
    public record Draw(
            String model,
            String fingerprint,
            String tokenizer,
            long checkpoint,
            Precision precision,
            List<String> overrides,
            List<String> labels,
            long seed,
            Sampling sampling,
            Drawing.Cost cost,
            double seconds) {
        private Map<String, Object> facts() {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("model", model);
            facts.put("fingerprint", fingerprint);
            facts.put("tokenizer", tokenizer);
            facts.put("checkpoint", checkpoint);
            facts.put("precision", precision.name().toLowerCase(Locale.ROOT));
            facts.put("set", overrides);
            facts.put("labels", labels.isEmpty() ? "all, evenly" : labels);
            facts.put("seed", seed);
            facts.put("sampler", sampler());
            facts.put("forward_passes_per_image", cost.passes());
            facts.put("seconds", seconds);
            return facts;
        }

        /** The settings by the names of the command line. */
        Map<String, Object> sampler() {
            Map<String, Object> named = sampling.named();
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("steps", named.getOrDefault("steps", "as its recipe says"));
            if (named.containsKey("times")) {
                facts.put("times", named.get("times"));
            }
            if (named.containsKey("temperatures")) {
                facts.put("temperatures", named.get("temperatures"));
            } else {
                facts.put("temperature", named.getOrDefault("temperature", 1.0));
            }
            if (named.containsKey("last_temperature")) {
                facts.put("last_temperature", named.get("last_temperature"));
            }
            facts.put("top_k", named.getOrDefault("top_k", "all"));
            facts.put("top_p", named.getOrDefault("top_p", 1.0));
            facts.put("typical", named.getOrDefault("typical", 1.0));
            facts.put("guidance", named.getOrDefault("guidance", 0.0));
            if (named.containsKey("guidance")) {
                facts.put("guidance_schedule", named.getOrDefault("guidance_schedule", "constant"));
                facts.put("guidance_interval", named.getOrDefault("guidance_interval", List.of(0.0, 1.0)));
                if (named.containsKey("guidance_power")) {
                    facts.put("guidance_power", named.get("guidance_power"));
                }
                Object negative = named.get("negative");
                if (named.containsKey("against")) {
                    facts.put("against", named.get("against"));
                } else {
                    facts.put("negative", negative == null ? "no class" : "class " + negative);
                }
            }
            return facts;
        }
    }

    /** All of it, by name: strings, numbers, truths, and lists and maps of them. */
    public Map<String, Object> facts() {
        Map<String, Object> facts = new LinkedHashMap<>();
        Map<String, Object> reals = real.facts(Fakes.Kind.IMAGES);
        reals.put("split", split);
        facts.put("real", reals);
        facts.put("fake", fake.facts(kind));
        if (draw != null) {
            facts.put("draw", draw.facts());
        }
        facts.put("size", side + "x" + side);
        facts.put("resize", resize);
        Map<String, Object> network = new LinkedHashMap<>();
        network.put("name", features);
        network.put("dimension", dimension);
        network.put("sha256", sha256);
        facts.put("features", network);
        Map<String, Object> metrics = new LinkedHashMap<>();
        values.forEach((metric, value) -> metrics.put(metric, value.facts()));
        facts.put("metrics", metrics);
        if (lpips != null) {
            facts.put("lpips", lpips);
        }
        facts.put("resamples", resamples);
        facts.put("seed", seed);
        facts.put("cached", cached);
        facts.put("notices", notices);
        facts.put("seconds", seconds);
        return facts;
    }
}
