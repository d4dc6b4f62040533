package dev.smalti.app;

import dev.smalti.job.PackModel;
import dev.smalti.tensor.Phase;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "pack",
        description = "Makes a small copy of a trained model: averaged weights in bfloat16, with its tokenizer.")
final class PackVerb extends Verb {
    @Parameters(paramLabel = "RUN", description = "run folder of train-prior, train-tokenizer or train-features")
    private Path run;

    @Option(names = "--out", paramLabel = "DIR", required = true, description = "new folder")
    private Path out;

    @Mixin
    private CheckpointOption checkpoint;

    PackVerb(Console console) {
        super(console);
    }

    @Override
    Answer answer(Interruption interruption) {
        progress().see(Phase.of("packing"));
        long bytes = new PackModel(run, out, checkpoint.which()).run();
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("out", out);
        facts.put("bytes", bytes);
        return new Answer(facts, String.format(Locale.ROOT, "%s: %.1f MB", out, bytes / 1e6));
    }
}
