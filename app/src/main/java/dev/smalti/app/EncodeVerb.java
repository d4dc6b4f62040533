package dev.smalti.app;

import dev.smalti.data.Crop;
import dev.smalti.job.EncodeImages;
import dev.smalti.run.TokenOutput;
import dev.smalti.tensor.Part;
import dev.smalti.tensor.Phrase;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "encode", description = "Turns images into a token file, or a folder of several.")
final class EncodeVerb extends Verb {
    @Parameters(paramLabel = "RUN", description = "run folder of train-tokenizer, or a model")
    private String run;

    @Option(
            names = "--data",
            paramLabel = "PATH",
            required = true,
            description = "folder or zip of images, tar shards, IDX, CIFAR binaries, .npz")
    private Path data;

    @Option(names = "--out", paramLabel = "TOKENS", required = true, description = "token file (safetensors)")
    private Path out;

    @Option(
            names = "--shard-size",
            paramLabel = "N",
            description = "grids a file; then TOKENS is a folder of files, which is read as one (default: one file)")
    private Long shardSize;

    @Option(
            names = "--resume",
            description = "keep the tokens when stopped, and go on with those of an earlier run of the same command")
    private boolean resume;

    @Option(
            names = "--part",
            paramLabel = "I/N",
            description =
                    "encode part I of N, from 1 on, as a file of the folder TOKENS that the processes of all parts share, unless"
                            + " it is there (default: all)")
    private String part;

    @Option(names = "--reconstruct", description = "also decode the tokens and measure what comes back")
    private boolean reconstruct;

    @Option(
            names = "--noises",
            paramLabel = "N",
            defaultValue = "1",
            description = "grids of each view, each with other noise, from a diffusion tokenizer (default: 1)")
    private int noises;

    @Option(
            names = "--views",
            paramLabel = "N",
            description =
                    "views of each image, each of which becomes a grid: of random crops, or the image and its mirror"
                            + " image (default: 2 with --flip, else 1)")
    private Integer views;

    @Option(names = "--flip", description = "mirror every second view of an image")
    private boolean flip;

    @Option(
            names = "--upright",
            paramLabel = "CLASS",
            description =
                    "a class of which no image is mirrored with --flip, such as one of letters; may be given again")
    private Set<String> upright = Set.of();

    @Option(
            names = "--crop",
            paramLabel = "CROP",
            description =
                    "center or random, anew for each view (default: as the tokenizer was trained, but center for random)")
    private String crop;

    @Option(names = "--skip-bad", description = "leave broken images out, with a warning, instead of failing")
    private boolean skipBad;

    @Option(names = "--batch", paramLabel = "N", defaultValue = "64", description = "images at once (default: 64)")
    private int batch;

    @Mixin
    private OpeningOptions how;

    EncodeVerb(Console console) {
        super(console);
    }

    /** What is asked for. */
    EncodeImages job() {
        if (shardSize != null && shardSize < 1) {
            throw new IllegalArgumentException("--shard-size must be at least 1, got " + shardSize);
        }
        return new EncodeImages(
                run,
                data,
                new TokenOutput.Target(out, shardSize == null ? 0 : shardSize, resume),
                batch,
                skipBad,
                reconstruct,
                new EncodeImages.Views(views != null ? views : flip ? 2 : 1, crop(), flip, upright),
                noises,
                how.opening(),
                part == null ? null : Part.parse(part));
    }

    @Override
    Answer answer(Interruption interruption) {
        EncodeImages job = job();
        if (resume) {
            interruption.left("the tokens so far are kept: give the same command to go on");
        }
        EncodeImages.Result result = job.run(progress());
        double rate = result.encoded() == 0 ? 0 : result.encoded() / result.seconds();
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("out", result.tokens());
        facts.put("images", result.images());
        facts.put("encoded", result.encoded());
        facts.put("views", job.views().count());
        facts.put("skipped", result.skipped());
        facts.put("grid", result.space().grid());
        facts.put("codes", result.space().codes());
        facts.put("seconds", result.seconds());
        facts.put("part", part);
        facts.put("images_per_second", rate);
        facts.putAll(result.measures());
        StringBuilder text = new StringBuilder(String.format(
                Locale.ROOT,
                "%s: %d images%s as %s tokens of %d codes in %s (%.3g images/s)",
                result.tokens(),
                result.images(),
                job.views().count() == 1
                        ? ""
                        : Phrase.of(" in %d views").with(job.views().count()),
                facts.get("grid"),
                result.space().codes(),
                Progress.time(result.seconds()),
                rate));
        if (result.skipped() > 0) {
            text.append("; ").append(result.skipped()).append(" broken ones left out");
        }
        result.measures()
                .forEach((name, value) ->
                        text.append(String.format(Locale.ROOT, "%n%s  %.5g", name.replace('_', ' '), value)));
        return new Answer(facts, text.toString());
    }

    private Crop crop() {
        if (crop == null) {
            return null;
        }
        return switch (crop) {
            case "center" -> Crop.CENTER;
            case "random" -> Crop.RANDOM;
            default -> throw new IllegalArgumentException("--crop must be center or random, got " + crop);
        };
    }
}
