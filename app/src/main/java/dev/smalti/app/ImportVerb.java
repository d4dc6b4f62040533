package dev.smalti.app;

import dev.smalti.job.ImportWeights;
import dev.smalti.tensor.Phase;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "import", description = "Makes a run folder of a checkpoint that another project published.")
final class ImportVerb extends Verb {
    @Parameters(
            paramLabel = "FILE",
            description =
                    "weights: .pth, .pt, .ckpt, .bin, .safetensors or .msgpack, an index of parts, or a folder of these")
    private Path file;

    @Option(names = "--out", paramLabel = "RUN", required = true, description = "new folder")
    private Path out;

    @Option(names = "--kind", paramLabel = "KIND", description = "what it is, where its names of tensors don't tell")
    private String kind;

    @Option(
            names = "--tokenizer",
            paramLabel = "RUN",
            description = "tokenizer of a prior's tokens; without one it draws tokens and no images")
    private String tokenizer;

    @Option(names = "--classes", paramLabel = "FILE", description = "names of a prior's classes, one a line, in order")
    private Path classes;

    @Option(
            names = "--size",
            paramLabel = "PIXELS",
            description =
                    "side of the images that it was trained on, where the file can't tell (256 if left out), or the"
                            + " length of a text model's rows of tokens (1024)")
    private Integer size;

    @Option(
            names = "--set",
            paramLabel = "PATH=VALUE",
            description = "overrides a key of the recipe that the file says, such as prior.network.heads=8")
    private List<String> overrides = List.of();

    ImportVerb(Console console) {
        super(console);
    }

    @Override
    Answer answer(Interruption interruption) {
        progress().see(Phase.of("importing"));
        Map<String, Object> facts = new ImportWeights(file, out, kind, tokenizer, classes, size, overrides).run();
        return new Answer(
                facts,
                String.format(
                        Locale.ROOT,
                        "%s: %s, a %s of %s codes on a grid of %s, %.1f million parameters (%s); left out: %s%s",
                        out,
                        facts.get("what"),
                        facts.get("model"),
                        facts.get("codes"),
                        facts.get("grid"),
                        ((Long) facts.get("parameters")) / 1e6,
                        facts.get("contents"),
                        facts.get("left_out"),
                        facts.containsKey("hint") ? "\n" + facts.get("hint") : ""));
    }
}
