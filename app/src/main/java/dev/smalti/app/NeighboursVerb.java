package dev.smalti.app;

import dev.smalti.job.FindNeighbours;
import dev.smalti.job.FindNeighbours.By;
import dev.smalti.job.FindNeighbours.Found;
import dev.smalti.job.FindNeighbours.Neighbour;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(name = "neighbours", description = "Shows the nearest training images beside each sample.")
final class NeighboursVerb extends Verb {
    @Option(
            names = "--samples",
            paramLabel = "PATH",
            required = true,
            description = "drawn images, as generate writes them; at most 1,024")
    private Path samples;

    @Option(
            names = "--data",
            paramLabel = "PATH",
            required = true,
            description = "training images: folder or zip of images, tar shards, IDX, CIFAR binaries, .npz")
    private Path data;

    @Option(
            names = "--out",
            paramLabel = "FILE",
            required = true,
            description = "PNG with a strip for each sample, its neighbours beside it, nearest first")
    private Path out;

    @Option(
            names = "--by",
            paramLabel = "WHAT",
            defaultValue = "pixels",
            description =
                    "pixels, compared at 64 x 64 at most, codes of a model, features, which --features names, or lpips, as AlexNet"
                            + " or VGG16 see images of 32 x 32 or 64 x 64, or with --full-size whole (default: pixels)")
    private By by;

    @Option(names = "--count", paramLabel = "K", defaultValue = "5", description = "of each sample (default: 5)")
    private int count;

    @Option(
            names = "--model",
            paramLabel = "MODEL",
            description = "for codes: run folder of train-tokenizer or train-prior, or the name of a bundled model")
    private String model;

    @Option(
            names = "--features",
            paramLabel = "WHAT",
            description =
                    "for features: pixels, averaged to 8 x 8, the run folder of train-features, or a file with Inception's"
                            + " weights, as evaluate takes them (default: pixels)")
    private String features;

    @Mixin
    private LpipsOption lpips;

    @Option(
            names = "--full-size",
            description =
                    "for pixels and lpips: compare images at their own size, at most 1,024 pixels, instead of 64; where the"
                            + " samples don't fit into memory then, the data are read several times")
    private boolean fullSize;

    @Option(names = "--skip-bad", description = "leave broken images out, with a warning, instead of failing")
    private boolean skipBad;

    @Mixin
    private OpeningOptions how;

    NeighboursVerb(Console console) {
        super(console);
    }

    @Override
    Answer answer(Interruption interruption) {
        FindNeighbours job = new FindNeighbours(
                samples, data, out, by, count, model, features, lpips.weights(), fullSize, skipBad, how.opening());
        FindNeighbours.Result result = job.run(progress());
        double nearest = result.found().stream()
                .mapToDouble(each -> each.neighbours().get(0).distance())
                .min()
                .orElseThrow();
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("out", result.out());
        facts.put("by", by.name().toLowerCase(Locale.ROOT));
        facts.put("model", model);
        facts.put("lpips", result.lpips());
        facts.put("size", result.side() + "x" + result.side());
        facts.put("samples", result.found().size());
        facts.put("images", result.compared());
        facts.put("skipped", result.skipped());
        facts.put("mean_distance", result.meanDistance());
        facts.put("least_distance", nearest);
        facts.put("nearest", result.found().stream().map(this::facts).toList());
        facts.put("seconds", result.seconds());
        String text = String.format(
                Locale.ROOT,
                "%s: the nearest of %d images beside each of %d samples, in %s%n"
                        + "distance of the nearest, %s: %.4g on average, %.4g at least",
                result.out(),
                result.compared(),
                result.found().size(),
                Progress.time(result.seconds()),
                switch (by) {
                    case PIXELS -> "root mean square of pixel values from 0 to 1";
                    case CODES -> "share of tokens that differ";
                    case FEATURES -> "distance of features";
                    case LPIPS -> "LPIPS by " + result.lpips().get("net");
                },
                result.meanDistance(),
                nearest);
        return new Answer(facts, text);
    }

    private Map<String, Object> facts(Found found) {
        List<Map<String, Object>> neighbours = new ArrayList<>();
        for (Neighbour each : found.neighbours()) {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("name", each.name());
            facts.put("distance", each.distance());
            if (by == By.CODES) {
                facts.put("equal", 1 - each.distance());
            }
            neighbours.add(facts);
        }
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("sample", found.sample());
        facts.put("neighbours", neighbours);
        return facts;
    }
}
