package dev.smalti.app;

import dev.smalti.draw.Sampling;
import dev.smalti.job.Demo;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
        name = "demo",
        description = "Draws with the bundled models: grids, a reveal, edits, and a page that shows them.")
final class DemoVerb extends Verb {
    @Option(
            names = "--out",
            paramLabel = "DIR",
            defaultValue = "demo",
            description = "folder of the results (default: demo)")
    private Path out;

    @Option(names = "--seed", paramLabel = "S", defaultValue = "0", description = "same seed, same images (default: 0)")
    private long seed;

    @Mixin
    private OpeningOptions how;

    @Option(
            names = "--model",
            paramLabel = "MODEL",
            description = "a run folder or a bundled model; repeatable (default: fruits-64, emoji-64 and cifar-32)")
    private List<String> models;

    DemoVerb(Console console) {
        super(console);
    }

    @Override
    Answer answer(Interruption interruption) {
        interruption.left("what was drawn so far lies in " + out);
        Demo demo = models == null
                ? new Demo(Demo.BUNDLED, out, seed, Sampling.USUAL.guidance(1), how.opening())
                : new Demo(models, out, seed, Sampling.USUAL, how.opening());
        Demo.Result result = demo.run(progress());
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("out", result.out());
        facts.put("files", result.files());
        facts.put("seconds", result.seconds());
        StringBuilder text = new StringBuilder();
        result.files().values().forEach(file -> text.append(file).append('\n'));
        double all = result.seconds().values().stream()
                .mapToDouble(Double::doubleValue)
                .sum();
        Path page = result.files().get("page").toAbsolutePath().normalize();
        text.append("drawn in ").append(Progress.time(all)).append("; open ").append(page);
        return new Answer(facts, text.toString());
    }
}
