package dev.smalti.app;

import dev.smalti.job.Describe;
import dev.smalti.tensor.Phase;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(name = "info", description = "Says what a run folder, a token file or a weights file is.")
final class InfoVerb extends Verb {
    @Parameters(
            paramLabel = "PATH",
            description = "run folder, name of a bundled model, folder of token files, or safetensors file")
    private String path;

    InfoVerb(Console console) {
        super(console);
    }

    @Override
    Answer answer(Interruption interruption) {
        progress().see(Phase.of("reading"));
        Map<String, Object> facts = new Describe(path).run();
        return new Answer(facts, Describe.text(facts).stripTrailing());
    }
}
