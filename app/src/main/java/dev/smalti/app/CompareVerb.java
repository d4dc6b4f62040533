package dev.smalti.app;

import dev.smalti.compare.Compare;
import dev.smalti.compare.CompareResult;
import dev.smalti.tensor.Phrase;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "compare",
        description = {
            "Trains several priors by one budget, draws from each in many settings, and writes a table, plots and a page of what"
                    + " that gives and costs; or several tokenizers, and what they give back. What is there already is not made again; a run that was stopped goes on."
        })
final class CompareVerb extends Verb {
    @Parameters(paramLabel = "PLAN", description = "YAML file, see recipes/compare/")
    private Path plan;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            required = true,
            description = {
                "folder of runs, measurements and the page; that of an earlier run is gone on with, and several processes may"
                        + " share one"
            })
    private Path out;

    @Option(
            names = "--set",
            paramLabel = "PATH=VALUE",
            description = "override a key of the plan, such as draws=100 or set=[training.steps=100]; repeatable")
    private List<String> overrides = new ArrayList<>();

    @Mixin
    private OpeningOptions how;

    CompareVerb(Console console) {
        super(console);
    }

    @Override
    Answer answer(Interruption interruption) {
        interruption.left("what is done lies in " + out + ", and the same command goes on from there");
        Optional<CompareResult> result =
                new Compare(plan, overrides, out, how.opening()).run(progress(), interruption::asked);
        if (result.isEmpty()) {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("out", out);
            facts.put("complete", false);
            return new Answer(
                    Failure.STOPPED,
                    facts,
                    "stopped; what is done lies in " + out + ", and the same command goes on from there");
        }
        Map<String, Object> facts = result.get().facts();
        facts.put("complete", result.get().missing().isEmpty());
        return new Answer(facts, text(result.get()));
    }

    private static String text(CompareResult result) {
        List<String> lines = new ArrayList<>();
        for (CompareResult.Prior prior : result.priors()) {
            long skipped = prior.cells().stream()
                    .filter(each -> each.skipped() != null)
                    .count();
            lines.add(Phrase.of("%s: %d steps of training, %d settings%s")
                    .with(
                            prior.name(),
                            prior.steps(),
                            prior.cells().size() - skipped,
                            skipped == 0 ? "" : ", " + skipped + " that it can't do"));
        }
        for (CompareResult.Tokenizer tokenizer : result.tokenizers()) {
            lines.add(Phrase.of("%s: %d steps of training, PSNR %.2f dB")
                    .with(
                            tokenizer.name(),
                            tokenizer.steps(),
                            tokenizer.measures().values().get("psnr").value()));
        }
        if (!result.missing().isEmpty()) {
            lines.add("another process is at work on " + String.join(", ", result.missing())
                    + ": it, or this command again, adds them to the page");
        }
        lines.add(Phrase.of("%s (%d measurements made now)").with(result.page(), result.computed()));
        return String.join(System.lineSeparator(), lines);
    }
}
