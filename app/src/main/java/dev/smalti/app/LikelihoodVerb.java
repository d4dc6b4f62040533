package dev.smalti.app;

import dev.smalti.evaluate.Likelihood;
import dev.smalti.evaluate.Likelihood.Estimate;
import dev.smalti.job.MeasureLikelihood;
import dev.smalti.model.Model;
import dev.smalti.tensor.Phrase;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(name = "likelihood", description = "Measures how likely a model finds tokens or images, in bits.")
final class LikelihoodVerb extends Verb {
    @Mixin
    private ModelOptions model;

    @ArgGroup(multiplicity = "1")
    private Source source;

    static final class Source {
        @Option(
                names = "--tokens",
                paramLabel = "TOKENS",
                required = true,
                description = "token file, or a folder of them")
        private Path tokens;

        @Option(names = "--data", paramLabel = "PATH", required = true, description = "images")
        private Path data;
    }

    @Option(
            names = "--grids",
            paramLabel = "N",
            defaultValue = "0",
            description = "how many are measured, evenly spread over all (default: all)")
    private int grids;

    @Option(
            names = "--repeats",
            paramLabel = "N",
            defaultValue = "1",
            description = "estimates of each grid that are averaged (default: 1)")
    private int repeats;

    @Option(
            names = "--seed",
            paramLabel = "S",
            defaultValue = "0",
            description = "same seed, same estimate (default: 0)")
    private long seed;

    @Option(names = "--skip-bad", description = "leave broken images out, with a warning, instead of failing")
    private boolean skipBad;

    LikelihoodVerb(Console console) {
        super(console);
    }

    @Override
    Answer answer(Interruption interruption) {
        MeasureLikelihood job = new MeasureLikelihood(source.tokens, source.data, repeats, seed, skipBad, grids, true);
        Likelihood.Result result;
        int depth;
        Map<String, Object> facts = new LinkedHashMap<>();
        try (Model open = model.open()) {
            facts.put("checkpoint", open.step());
            facts.put("precision", open.precision().name().toLowerCase(Locale.ROOT));
            depth = open.prior().space().depth();
            result = job.run(open, progress());
        }
        facts.put("grids", result.grids());
        facts.put("exact", result.exact());
        facts.put("bound", result.exact() ? null : result.steps() == 0 ? "continuous" : "steps");
        facts.put("steps", result.steps() == 0 ? null : result.steps());
        facts.putAll(bits(result));
        String text = text(result, depth);
        if (result.inSteps() != null) {
            Map<String, Object> inSteps = new LinkedHashMap<>();
            inSteps.put("steps", result.inSteps().steps());
            inSteps.putAll(bits(result.inSteps()));
            facts.put("bound_in_steps", inSteps);
            text += "\n" + text(result.inSteps(), depth);
        }
        return new Answer(facts, text + "\nover " + result.grids() + " grids");
    }

    private static Map<String, Object> bits(Likelihood.Result result) {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("bits_per_token", facts(result.bitsPerToken()));
        facts.put("bits_per_dimension", facts(result.bitsPerDimension()));
        facts.put("bits_per_dimension_5_bit", facts(result.bitsPerDimensionOf5Bits()));
        return facts;
    }

    private static String text(Likelihood.Result result, int depth) {
        String bound = result.exact() ? "" : "at most ";
        String unit = depth == 1 ? "bits per token" : "bits per token given the noise, " + depth + " tokens a place";
        String text = bound + text(result.bitsPerToken(), unit);
        if (!result.exact()) {
            text += result.steps() == 0
                    ? ", the bound of continuous time"
                    : Phrase.of(", the bound of %,d steps").with(result.steps());
        }
        if (result.bitsPerDimension() != null) {
            text += "\n" + bound + text(result.bitsPerDimension(), "bits per pixel dimension");
            text += "\n" + bound + text(result.bitsPerDimensionOf5Bits(), "bits per pixel dimension of 5-bit pixels");
        }
        return text;
    }

    private static Map<String, Object> facts(Estimate estimate) {
        if (estimate == null) {
            return null;
        }
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("mean", estimate.mean());
        facts.put("interval_95", estimate.interval());
        return facts;
    }

    private static String text(Estimate estimate, String unit) {
        return Double.isNaN(estimate.interval())
                ? String.format(Locale.ROOT, "%.4f %s", estimate.mean(), unit)
                : String.format(Locale.ROOT, "%.4f ± %.4f %s (95 %%)", estimate.mean(), estimate.interval(), unit);
    }
}
