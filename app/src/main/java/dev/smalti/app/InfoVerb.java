package dev.smalti.app;

import dev.smalti.job.Describe;
import dev.smalti.job.DescribeDevice;
import dev.smalti.tensor.Phase;
import java.util.Map;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "info",
        description = "Says what a run folder, a token file or a weights file is, or what this machine computes with.")
final class InfoVerb extends Verb {
    @ArgGroup(multiplicity = "1")
    private Subject subject;

    InfoVerb(Console console) {
        super(console);
    }

    /** One of the two. */
    private static final class Subject {
        @Option(
                names = "--device",
                description = "the libtorch that is loaded, the cards that there are, and why there is none")
        private boolean device;

        @Parameters(
                paramLabel = "PATH",
                description = "run folder, name of a bundled model, folder of token files, or weights (a file, or a"
                        + " folder of Hugging Face)")
        private String path;
    }

    @Override
    Answer answer(Interruption interruption) {
        progress().see(Phase.of("reading"));
        Map<String, Object> facts = subject.device ? new DescribeDevice().run() : new Describe(subject.path).run();
        return new Answer(facts, Describe.text(facts).stripTrailing());
    }
}
