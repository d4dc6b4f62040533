package dev.smalti.app;

import dev.smalti.draw.Filters;
import dev.smalti.draw.GuidanceSchedule;
import dev.smalti.draw.GuidanceSettings;
import dev.smalti.draw.GuidanceSettings.Interval;
import dev.smalti.draw.GuidingModel;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.Temperatures;
import dev.smalti.model.Model;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** How images are drawn. */
final class SamplingOptions {
    private static final Pattern INTERVAL = Pattern.compile("\\s*(\\d*\\.?\\d+)\\s*,\\s*(\\d*\\.?\\d+)\\s*");

    @Option(names = "--seed", paramLabel = "S", defaultValue = "0", description = "same seed, same output (default: 0)")
    private long seed;

    @Option(names = "--steps", paramLabel = "S", description = "steps, at most those of training (default: as trained)")
    private Integer steps;

    @Option(names = "--temperature", paramLabel = "T", description = "below 1 is safer, above 1 bolder (default: 1)")
    private Double temperature;

    @Option(
            names = "--last-temperature",
            paramLabel = "T",
            description = "to which the temperature goes in equal steps (default: it stays)")
    private Double lastTemperature;

    @Option(
            names = "--temperatures",
            paramLabel = "T",
            split = ",",
            description = "spread over the steps, such as 1,0.9,0.7; as many as there are steps are one a step")
    private List<Double> temperatures;

    @Option(names = "--top-k", paramLabel = "K", description = "draw only from the K likeliest codes")
    private Integer topK;

    @Option(
            names = "--top-p",
            paramLabel = "P",
            defaultValue = "1",
            description = "draw only from the likeliest codes with probability P together")
    private double topP;

    @Option(
            names = "--typical",
            paramLabel = "P",
            defaultValue = "1",
            description = "draw only from the codes of most ordinary surprise with probability P together")
    private double typical;

    @Option(
            names = "--guidance",
            paramLabel = "W",
            defaultValue = "0",
            description = "how strongly to insist on the class (default: 0)")
    private double guidance;

    @Option(
            names = "--guidance-schedule",
            paramLabel = "SCHEDULE",
            defaultValue = "constant",
            description = "of the guidance over the steps: constant, linear or cosine (default: constant)")
    private GuidanceSchedule schedule;

    @Option(
            names = "--guidance-interval",
            paramLabel = "FROM,TO",
            description = "guide only between these shares of the steps, such as 0.1,0.8 (default: 0,1)")
    private String interval;

    @Option(
            names = "--negative",
            paramLabel = "NAME",
            description = "class from which the guidance leads away (default: from no class)")
    private String negative;

    @Option(
            names = "--guidance-power",
            paramLabel = "S",
            defaultValue = "1",
            description =
                    "power of the progress along a linear or cosine schedule: above 1, guidance comes later (default: 1)")
    private double power;

    @Option(
            names = "--against",
            paramLabel = "RUN",
            description =
                    "run or bundled model of the same tokens, smaller or less trained, from which the guidance leads away,"
                            + " rather than from no class (with --against-checkpoint, default: the same run)")
    private String against;

    @Option(
            names = "--against-checkpoint",
            paramLabel = "STEP",
            description = "with its weights of that step (default: the best where training kept it and else the last)")
    private String againstCheckpoint;

    @Mixin
    private StepOptions stepOptions;

    long seed() {
        return seed;
    }

    /** @param model knows the class that {@code --negative} names */
    Sampling sampling(Model model) {
        if (steps != null && steps < 1) {
            throw new IllegalArgumentException("--steps must be at least 1, got " + steps);
        }
        if (topK != null && topK < 1) {
            throw new IllegalArgumentException("--top-k must be at least 1, got " + topK);
        }
        checkGuidance();
        Long away = negative == null ? null : Long.valueOf(model.label(negative));
        Interval within = interval == null ? Interval.ALL : interval(interval);
        Sampling sampling = Sampling.USUAL
                .steps(steps == null ? 0 : steps)
                .temperatures(temperatures())
                .filters(new Filters(topK == null ? 0 : topK, topP, typical))
                .guidance(new GuidanceSettings(guidance, schedule, within, away, power, guiding()));
        model.requireGuiding(sampling);
        return stepOptions.of(sampling);
    }

    private Temperatures temperatures() {
        if (temperatures == null) {
            double first = temperature == null ? 1 : temperature;
            return new Temperatures(first, lastTemperature == null ? first : lastTemperature);
        }
        if (temperature != null || lastTemperature != null) {
            throw new IllegalArgumentException("--temperatures are of all steps, and so "
                    + (temperature != null ? "is --temperature" : "is --last-temperature") + ": give one or the other");
        }
        return new Temperatures(temperatures);
    }

    /** For results; null where guidance leads away from no model. */
    String against() {
        return guiding() == null ? null : guiding().named();
    }

    private GuidingModel guiding() {
        return against == null && againstCheckpoint == null ? null : new GuidingModel(against, againstCheckpoint);
    }

    /** What says how guidance acts has no meaning where there is none. */
    private void checkGuidance() {
        Map<String, Boolean> given = new LinkedHashMap<>();
        given.put("--guidance-interval", interval != null);
        given.put("--negative", negative != null);
        given.put("--against", against != null);
        given.put("--against-checkpoint", againstCheckpoint != null);
        given.put("--guidance-power", power != 1);
        given.forEach((name, is) -> {
            if (is && guidance == 0) {
                throw new IllegalArgumentException(
                        name + " acts through guidance, and there is none: give --guidance W above 0 too");
            }
        });
        if (power != 1 && schedule == GuidanceSchedule.CONSTANT) {
            throw new IllegalArgumentException(
                    "--guidance-power bends a schedule that rises, and constant doesn't: give --guidance-schedule linear or cosine");
        }
        if (negative != null && (against != null || againstCheckpoint != null)) {
            throw new IllegalArgumentException(
                    "--negative and --against are two things to lead away from: give one of them");
        }
    }

    private static Interval interval(String text) {
        Matcher matcher = INTERVAL.matcher(text);
        if (!matcher.matches()) {
            throw new IllegalArgumentException(
                    "--guidance-interval must be two shares of the steps FROM,TO, such as 0.1,0.8, got " + text);
        }
        return new Interval(Double.parseDouble(matcher.group(1)), Double.parseDouble(matcher.group(2)));
    }
}
