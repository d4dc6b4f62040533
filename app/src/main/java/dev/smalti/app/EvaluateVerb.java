package dev.smalti.app;

import dev.smalti.job.EvaluateImages;
import dev.smalti.job.EvaluateImages.Compared;
import dev.smalti.job.EvaluateImages.Value;
import dev.smalti.job.Metric;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(name = "evaluate", description = "Measures how near drawn images come to real ones.")
final class EvaluateVerb extends Verb {
    @Option(
            names = "--real",
            paramLabel = "PATH",
            required = true,
            description = "real images: folder or zip of images, IDX, CIFAR binaries, .npz")
    private Path real;

    @Option(
            names = "--fake",
            paramLabel = "PATH",
            required = true,
            description = "drawn images, as generate writes them")
    private Path fake;

    @Option(
            names = "--features",
            paramLabel = "WHAT",
            description = {
                "what images are compared by: pixels, averaged to 8 x 8; the run folder of train-features; or a file with the"
                        + " weights of the FID's network, torch-fidelity's weights-inception-2015-12-05-6726825d.pth or the"
                        + " same as safetensors (default: pixels)"
            })
    private String features;

    @Option(
            names = "--metrics",
            paramLabel = "NAME",
            split = ",",
            description = {
                "frechet, kernel (of pixels or train-features); score, accuracy (of train-features); fid, sfid, kid, is (of Inception);"
                        + " precision, recall, density, coverage (of any); psnr, ssim (of pairs in order) (default: all but those of pairs)"
            })
    private List<String> metrics = new ArrayList<>();

    @Option(names = "--out", paramLabel = "FILE", description = "JSON file with the result")
    private Path out;

    @Option(
            names = "--cache",
            paramLabel = "DIR",
            description = {
                "folder that keeps features of the real images for the next time; it knows them by names and sizes of files,"
                        + " so empty it when contents change"
            })
    private Path cache;

    @Option(
            names = "--size",
            paramLabel = "S",
            defaultValue = "0",
            description = {
                "all images are brought to S x S first, a power of two (default: the largest that the first drawn image"
                        + " has)"
            })
    private int size;

    @Option(
            names = "--resamples",
            paramLabel = "N",
            defaultValue = "-1",
            description = {
                "of the drawn images, for the 95 %% interval of a Frechet distance; 0: none (default: "
                        + EvaluateImages.RESAMPLES + ", or " + EvaluateImages.RESAMPLES_OF_INCEPTION
                        + " of Inception)"
            })
    private int resamples;

    @Option(
            names = "--seed",
            paramLabel = "S",
            defaultValue = "0",
            description = "of subsets and resamples (default: 0)")
    private long seed;

    @Option(names = "--skip-bad", description = "leave broken images out, with a notice, instead of failing")
    private boolean skipBad;

    @Mixin
    private DeviceOption device;

    EvaluateVerb(Console console) {
        super(console);
    }

    @Override
    Answer answer(Interruption interruption) {
        EvaluateImages.Settings settings = new EvaluateImages.Settings(size, resamples, seed, skipBad, device.name());
        EvaluateImages job = new EvaluateImages(real, fake, Metric.named(metrics), features, cache, out, settings);
        EvaluateImages.Result result;
        try (Progress progress = progress("evaluate", "images")) {
            result = job.run(progress::start, done -> {
                interruption.check();
                progress.done(done);
            });
        }
        return new Answer(result.facts(), card(result));
    }

    private static String card(EvaluateImages.Result result) {
        List<String> lines = new ArrayList<>();
        lines.add("real: " + text(result.real()) + (result.cached() ? ", features from the cache" : ""));
        lines.add("fake: " + text(result.fake()));
        lines.add("size: %1$dx%1$d, shorter side bicubic with antialias, centre kept".formatted(result.side()));
        lines.add("features: %s, %d numbers%s"
                .formatted(
                        result.features(),
                        result.dimension(),
                        result.sha256() == null ? ", no weights" : ", SHA-256 " + result.sha256()));
        result.values().forEach((metric, value) -> lines.add(text(metric, value, result.resamples())));
        lines.add("seed: %d; %s".formatted(result.seed(), Progress.time(result.seconds())));
        result.notices().forEach(each -> lines.add("note: " + each));
        return String.join(System.lineSeparator(), lines);
    }

    private static String text(Compared set) {
        return "%d images of %s, %d of another size".formatted(set.images(), set.path(), set.resized());
    }

    private static String text(Metric metric, Value value, int resamples) {
        String more = "";
        if (value.deviation() != null) {
            more = String.format(Locale.ROOT, ", deviation %.4g over parts", value.deviation());
        } else if (value.low() != null) {
            more = String.format(
                    Locale.ROOT,
                    ", 95 %%: %.6g to %.6g (%d resamples of the fake images)",
                    value.low(),
                    value.high(),
                    resamples);
        }
        return String.format(Locale.ROOT, "%s: %.6g%s", metric.label(), value.value(), more);
    }
}
