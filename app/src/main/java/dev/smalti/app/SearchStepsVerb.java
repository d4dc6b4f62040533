package dev.smalti.app;

import dev.smalti.job.SearchSteps;
import dev.smalti.model.Model;
import dev.smalti.model.SearchedSteps;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.StringJoiner;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
        name = "search-steps",
        description = "Finds the times of few steps that cost the least likelihood, and keeps them with the model.")
final class SearchStepsVerb extends Verb {
    @Mixin
    private ModelOptions model;

    @Option(
            names = "--tokens",
            paramLabel = "TOKENS",
            required = true,
            description = "held-out token file, or a folder of them")
    private Path tokens;

    @Option(
            names = "--steps",
            paramLabel = "S",
            split = ",",
            defaultValue = "4,8,16,32",
            description = "numbers of steps (default: 4,8,16,32)")
    private List<Integer> steps;

    @Option(names = "--grids", paramLabel = "N", defaultValue = "128", description = "grids to look at (default: 128)")
    private int grids;

    @Option(
            names = "--shares",
            paramLabel = "N",
            defaultValue = "64",
            description = "parts into which the time is cut (default: 64)")
    private int shares;

    @Option(names = "--seed", paramLabel = "S", defaultValue = "0", description = "same seed, same lists (default: 0)")
    private long seed;

    SearchStepsVerb(Console console) {
        super(console);
    }

    @Override
    Answer answer(Interruption interruption) {
        SearchSteps job = new SearchSteps(tokens, steps, grids, shares, seed);
        SearchedSteps found;
        try (Model open = model.open()) {
            found = job.run(open, progress());
        }
        Map<String, Object> facts = new LinkedHashMap<>();
        StringJoiner text = new StringJoiner("\n");
        for (int each : steps) {
            SearchedSteps.Found list = found.lists().get(each);
            Map<String, Object> own = new LinkedHashMap<>();
            own.put("times", list.times());
            own.put("bits_per_token", list.bits());
            own.put("bits_per_token_of_equal_steps", list.equalBits());
            facts.put(Integer.toString(each), own);
            text.add(String.format(
                    Locale.ROOT,
                    "%d steps: at most %.3f bits per token, in equal steps %.3f",
                    each,
                    list.bits(),
                    list.equalBits()));
        }
        return new Answer(facts, text.toString());
    }
}
