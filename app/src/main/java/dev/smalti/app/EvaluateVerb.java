package dev.smalti.app;

import dev.smalti.evaluate.Evaluation;
import dev.smalti.evaluate.EvaluationCard;
import dev.smalti.evaluate.EvaluationRequest;
import dev.smalti.evaluate.EvaluationResult;
import dev.smalti.evaluate.Fakes;
import dev.smalti.evaluate.Metric;
import dev.smalti.job.EvaluateImages;
import dev.smalti.job.EvaluatePart;
import dev.smalti.model.Model;
import dev.smalti.model.Opening;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Part;
import dev.smalti.tensor.Phrase;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "evaluate",
        description = "Measures how near drawn or reconstructed images come to real ones, and a model that draws them.")
final class EvaluateVerb extends Verb {
    @Option(
            names = "--real",
            paramLabel = "PATH",
            required = true,
            description = "real images: folder or zip of images, tar shards, IDX, CIFAR binaries, .npz")
    private Path real;

    @Option(
            names = "--split",
            paramLabel = "NAME",
            description = "what the real images are, such as train or test: said with the result")
    private String split;

    @Option(
            names = "--fake",
            paramLabel = "PATH",
            required = true,
            description = {
                "drawn images, as generate writes them; or a MODEL to draw them from; or the run folder of train-tokenizer,"
                        + " which encodes and decodes the real images"
            })
    private String fake;

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
                        + " precision, recall, density, coverage (of any); psnr, ssim, lpips (of pairs in order); codes (of a tokenizer:"
                        + " usage and perplexity); bits (of a model: likelihood of the real images) (default: all but those of"
                        + " pairs and bits; of a tokenizer: frechet or fid, psnr, ssim, codes)"
            })
    private List<String> metrics = new ArrayList<>();

    @Mixin
    private LpipsOption lpips;

    @Option(
            names = "--part",
            paramLabel = "I/N",
            description =
                    "measure nothing yet, but keep the features of part I of N of both sets, from 1 on, in the folder --out that"
                            + " the processes of all parts share, unless they are there")
    private String part;

    @Option(
            names = "--parts",
            paramLabel = "DIR",
            description = "folder with the features of all parts, which are then not looked at again")
    private Path parts;

    @Option(names = "--out", paramLabel = "FILE", description = "JSON file with the result; with --part, a folder")
    private Path out;

    @Option(names = "--card", paramLabel = "FILE", description = "Markdown file with the same for people")
    private Path card;

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
                "of the fake images, for the 95 %% interval of a Frechet distance; 0: no intervals by resampling (default: "
                        + EvaluationRequest.RESAMPLES + ", or " + EvaluationRequest.RESAMPLES_OF_INCEPTION
                        + " of Inception)"
            })
    private int resamples;

    @Option(
            names = "--neighbours",
            paramLabel = "K",
            description = {
                "to which neighbour the balls of precision, recall, density and coverage reach (default: 3 for the first two, 5"
                        + " for the others, as in their papers)"
            })
    private Integer neighbours;

    @Option(names = "--skip-bad", description = "leave broken images out, with a notice, instead of failing")
    private boolean skipBad;

    @Mixin
    private OpeningOptions how;

    @Option(
            names = "--count",
            paramLabel = "N",
            defaultValue = "0",
            description = {
                "of a model: how many to draw (default: as many as there are real images, at most " + Fakes.MOST_DRAWN
                        + ")"
            })
    private int count;

    @Option(
            names = "--label",
            paramLabel = "NAME",
            arity = "1..*",
            description = "of a model: classes, drawn in turn (default: all, evenly)")
    private List<String> labels = new ArrayList<>();

    @Option(
            names = "--set",
            paramLabel = "PATH=VALUE",
            description = "of a model: override a key of its recipe this time; repeatable")
    private List<String> overrides = new ArrayList<>();

    @Mixin
    private SamplingOptions options;

    @Spec
    private CommandSpec spec;

    EvaluateVerb(Console console) {
        super(console);
    }

    @Override
    Answer answer(Interruption interruption) {
        List<Metric> wanted = Metric.named(metrics);
        if (neighbours != null && neighbours < 1) {
            throw new IllegalArgumentException("--neighbours must be at least 1, got " + neighbours);
        }
        Fakes.Kind kind = Fakes.kind(fake);
        Opening opening = how.opening();
        if (kind == Fakes.Kind.IMAGES) {
            refuseOpening();
        }
        if (kind != Fakes.Kind.MODEL) {
            refuseSampling();
            return answer(
                    wanted,
                    kind == Fakes.Kind.IMAGES
                            ? new Fakes.Stored(Path.of(fake))
                            : new Fakes.Reconstructed(
                                    RunFolder.open(fake).at(opening.checkpoint()), opening.precision()));
        }
        if (spec.commandLine().getParseResult().hasMatchedOption("--count") && count < 1) {
            throw new IllegalArgumentException("--count must be at least 1, got " + count);
        }
        try (Model model = Model.open(fake, opening, overrides)) {
            return answer(wanted, new Fakes.Drawn(model, fake, count, labels, options.sampling(model)));
        }
    }

    private Answer answer(List<Metric> wanted, Fakes fakes) {
        EvaluationRequest request = request(wanted, fakes);
        if (part != null) {
            return answerOfPart(request);
        }
        EvaluateImages job = new EvaluateImages(request, out, card);
        EvaluationResult result = job.run(progress());
        return new Answer(result.facts(), new EvaluationCard(result).text());
    }

    private EvaluationRequest request(List<Metric> wanted, Fakes fakes) {
        return new EvaluationRequest(
                new EvaluationRequest.Real(real, split),
                fakes,
                wanted,
                features,
                lpips.weights(),
                cache,
                new EvaluationRequest.Settings(
                        size,
                        resamples,
                        neighbours == null ? 0 : neighbours,
                        options.seed(),
                        skipBad,
                        how.opening().device()),
                parts);
    }

    /** A part of what is asked for, of images that are stored. */
    EvaluatePart partOfStored() {
        if (Fakes.kind(fake) != Fakes.Kind.IMAGES) {
            throw new IllegalArgumentException(Phrase.of(
                            "parts of an evaluation compare images that are stored, and --fake %s is none: draw them first, as"
                                    + " by generate")
                    .with(fake));
        }
        refuseOpening();
        refuseSampling();
        return part(request(Metric.named(metrics), new Fakes.Stored(Path.of(fake))));
    }

    private EvaluatePart part(EvaluationRequest request) {
        if (out == null || parts != null || card != null) {
            throw new IllegalArgumentException(
                    "--part keeps features in the folder --out, and measures nothing: give --out,"
                            + " and leave --parts and --card out");
        }
        return new EvaluatePart(request, Part.parse(part), out);
    }

    private Answer answerOfPart(EvaluationRequest request) {
        Evaluation.Kept kept = part(request).run(progress());
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("out", kept.file());
        facts.put("part", part);
        facts.put("real_images", kept.reals());
        facts.put("fake_images", kept.fakes());
        facts.put("there", kept.there());
        facts.put("seconds", kept.seconds());
        String text = kept.there()
                ? kept.file() + " is there already"
                : Phrase.of(
                                "%s: features of %d real and %d fake images in %s; when all parts are there, give --parts %s")
                        .with(kept.file(), kept.reals(), kept.fakes(), Progress.time(kept.seconds()), out);
        return new Answer(facts, text);
    }

    /** What says how a model is opened has no meaning where there is none. */
    private void refuseOpening() {
        for (String each : List.of("--checkpoint", "--precision")) {
            if (spec.commandLine().getParseResult().hasMatchedOption(each)) {
                throw new IllegalArgumentException(
                        Phrase.of("%s says how a model is opened, and --fake %s is none: give a model, or leave it out")
                                .with(each, fake));
            }
        }
    }

    /** What says how images are drawn has no meaning where none are. */
    private void refuseSampling() {
        Set<String> drawing = new TreeSet<>(List.of("--count", "--label", "--set"));
        spec.mixins().get("options").options().forEach(each -> drawing.add(each.longestName()));
        drawing.remove("--seed");
        for (String each : drawing) {
            if (spec.commandLine().getParseResult().hasMatchedOption(each)) {
                throw new IllegalArgumentException(
                        Phrase.of("%s says how a model draws, and --fake %s is none: give a model, or leave it out")
                                .with(each, fake));
            }
        }
    }
}
