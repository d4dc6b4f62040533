package dev.smalti.app;

import dev.smalti.job.GenerateImages;
import dev.smalti.model.Model;
import dev.smalti.tensor.Part;
import dev.smalti.tensor.Precision;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(name = "generate", description = "Draws images.")
final class GenerateVerb extends Verb {
    @Mixin
    private ModelOptions model;

    @Option(
            names = "--out",
            paramLabel = "PATH",
            required = true,
            description = "new folder for png and webdataset, file for npz and tokens")
    private Path out;

    @Option(names = "--count", paramLabel = "N", defaultValue = "16", description = "how many (default: 16)")
    private int count;

    @Option(
            names = "--label",
            paramLabel = "NAME",
            arity = "1..*",
            description = "classes, drawn in turn (default: all, evenly)")
    private List<String> labels = new ArrayList<>();

    @Mixin
    private SamplingOptions options;

    @Option(
            names = "--size",
            paramLabel = "HxW",
            description = "pixels, at least those of training (default: as trained)")
    private String size;

    @Mixin
    private WindowOptions windows;

    @Option(
            names = "--format",
            paramLabel = "FORMAT",
            defaultValue = "png",
            description = "png, npz, tokens or webdataset (default: png)")
    private GenerateImages.Format format;

    @Option(
            names = "--shard-size",
            paramLabel = "N",
            description = "images a tar of webdataset (default: " + GenerateImages.Output.SHARD + ")")
    private Integer shardSize;

    @Option(
            names = "--part",
            paramLabel = "I/N",
            description =
                    "draw part I of N, from 1 on, into the folder PATH that the processes of all parts share, unless it is there"
                            + " (default: all)")
    private String part;

    @Option(names = "--grid", paramLabel = "FILE", description = "also write a picture of all of them")
    private Path grid;

    @Option(
            names = "--resume",
            description =
                    "keep the images or tokens when stopped, and go on with those of an earlier run of the same command")
    private boolean resume;

    @Option(
            names = "--batch",
            paramLabel = "N",
            defaultValue = "64",
            description = "images of the size of training at once; does not change them (default: 64)")
    private int batch;

    GenerateVerb(Console console) {
        super(console);
    }

    /** Which model is asked for. */
    ModelOptions model() {
        return model;
    }

    /** Where it goes. */
    GenerateImages.Output output() {
        if (shardSize != null && shardSize < 1) {
            throw new IllegalArgumentException("--shard-size must be at least 1, got " + shardSize);
        }
        return new GenerateImages.Output(
                out, format, grid, resume, shardSize == null ? 0 : shardSize, part == null ? null : Part.parse(part));
    }

    /** What is asked for. @param open the model, which knows the classes that options name */
    GenerateImages job(Model open) {
        GenerateImages.Request request = new GenerateImages.Request(
                count,
                labels,
                options.seed(),
                windows.of(options.sampling(open)),
                size == null ? null : GenerateImages.Size.parse(size),
                windows.stride());
        return new GenerateImages(model.name(), model.opening(), request, output(), batch);
    }

    /** Refuses what can be seen without the model. */
    void check() {
        windows.stride();
        if (size != null) {
            GenerateImages.Size.parse(size);
        }
        output();
    }

    @Override
    Answer answer(Interruption interruption) {
        check();
        GenerateImages.Result result;
        long step;
        Precision precision;
        if (resume) {
            interruption.left("what is there so far is kept: give the same command to go on");
        }
        try (Model open = model.open()) {
            step = open.step();
            precision = open.precision();
            result = job(open).run(open, progress());
        }
        String kind = format.name().toLowerCase(Locale.ROOT);
        double rate = result.drawn() == 0 ? 0 : result.drawn() / result.seconds();
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("out", result.out());
        facts.put("grid", result.grid());
        facts.put("format", kind);
        facts.put("count", result.count());
        facts.put("part", part);
        facts.put("model", model.name());
        facts.put("checkpoint", step);
        facts.put("precision", precision.name().toLowerCase(Locale.ROOT));
        facts.put("set", model.overrides());
        facts.put("seed", options.seed());
        facts.put("against", options.against());
        facts.put("size", result.size() == null ? null : result.size().toString());
        facts.put("tokens", result.space().grid());
        facts.put("classes", result.classes());
        facts.put("forward_passes_per_image", result.passes());
        facts.put("seconds", result.seconds());
        facts.put("images_per_second", rate);
        String what = result.size() == null ? "grids of tokens" : "images of " + result.size();
        String text = String.format(
                Locale.ROOT,
                "%s: %d %s as %s in %s (%.3g/s, %.3g forward passes each)",
                result.out(),
                result.count(),
                what,
                kind,
                Progress.time(result.seconds()),
                rate,
                result.passes());
        return new Answer(facts, result.grid() == null ? text : text + "; all in " + result.grid());
    }
}
