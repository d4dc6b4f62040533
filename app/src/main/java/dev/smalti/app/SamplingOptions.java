package dev.smalti.app;

import dev.smalti.draw.GuidanceSchedule;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.Tempering;
import picocli.CommandLine.Option;

/** How images are drawn. */
final class SamplingOptions {
    @Option(names = "--seed", paramLabel = "S", defaultValue = "0", description = "same seed, same output (default: 0)")
    private long seed;

    @Option(names = "--steps", paramLabel = "S", description = "steps, at most those of training (default: as trained)")
    private Integer steps;

    @Option(
            names = "--temperature",
            paramLabel = "T",
            defaultValue = "1",
            description = "below 1 is safer, above 1 bolder (default: 1)")
    private double temperature;

    @Option(names = "--top-k", paramLabel = "K", description = "draw only from the K likeliest codes")
    private Integer topK;

    @Option(
            names = "--top-p",
            paramLabel = "P",
            defaultValue = "1",
            description = "draw only from the likeliest codes with probability P together")
    private double topP;

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

    long seed() {
        return seed;
    }

    Sampling sampling() {
        if (steps != null && steps < 1) {
            throw new IllegalArgumentException("--steps must be at least 1, got " + steps);
        }
        if (topK != null && topK < 1) {
            throw new IllegalArgumentException("--top-k must be at least 1, got " + topK);
        }
        Tempering tempering = new Tempering(temperature, topK == null ? 0 : topK, topP);
        return new Sampling(steps == null ? 0 : steps, tempering, guidance, schedule);
    }
}
