package dev.smalti.app;

import dev.smalti.job.EditImage;
import dev.smalti.job.Extension;
import dev.smalti.job.GenerateImages;
import dev.smalti.model.Model;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Precision;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
        name = "edit",
        description = {
            "Draws a part of an image anew, or what lies beyond its edges, in several variations.",
            "Outside the mask a result is the image byte by byte. An image that tiles into tokens is edited at its own size if"
                    + " that, with --extend, is at least the model's in both directions; every other one is resized and"
                    + " cropped to the model's size first, as encode does it."
        })
final class EditVerb extends Verb {
    @Mixin
    private ModelOptions model;

    @Option(names = "--image", paramLabel = "FILE", required = true, description = "PNG, JPEG, BMP, GIF or WebP")
    private Path image;

    @Option(
            names = "--mask",
            paramLabel = "MASK",
            description = "what is drawn anew: a picture of the image's size, transparent there or else white on black;"
                    + " or x,y,width,height in pixels")
    private String mask;

    @Option(
            names = "--extend",
            paramLabel = "SIDE=PIXELS",
            description = "add pixels beyond the edges, such as left=64,bottom=32; multiples of a token's")
    private String extend;

    @Option(
            names = "--out",
            paramLabel = "PATH",
            required = true,
            description = "new folder of <number>.png, file for npz")
    private Path out;

    @Option(names = "--count", paramLabel = "N", defaultValue = "4", description = "how many variations (default: 4)")
    private int count;

    @Option(names = "--label", paramLabel = "NAME", description = "class of what is drawn (default: none)")
    private String label;

    @Option(
            names = "--feather",
            paramLabel = "PIXELS",
            defaultValue = "" + EditImage.Source.FEATHER,
            description = "inside the mask, pixels over which the image passes into what is drawn (default: "
                    + EditImage.Source.FEATHER + ")")
    private int feather;

    @Option(
            names = "--resize",
            description = "bring the image to the model's size though it could be edited at its own")
    private boolean resize;

    @Mixin
    private WindowOptions windows;

    @Mixin
    private SamplingOptions options;

    @Option(names = "--format", paramLabel = "FORMAT", defaultValue = "png", description = "png or npz (default: png)")
    private GenerateImages.Format format;

    @Option(
            names = "--grid",
            paramLabel = "FILE",
            description = "also write a picture of the image, what is drawn anew of it, and the variations")
    private Path grid;

    @Option(
            names = "--batch",
            paramLabel = "N",
            defaultValue = "16",
            description = "variations at once; does not change them (default: 16)")
    private int batch;

    EditVerb(Console console) {
        super(console);
    }

    @Override
    Answer answer(Interruption interruption) {
        int stride = windows.stride();
        Extension extension = extend == null ? Extension.NONE : Extension.parse(extend);
        EditImage.Source source = new EditImage.Source(image, mask, extension, feather, resize);
        GenerateImages.Output output = new GenerateImages.Output(out, format, grid);
        EditImage.Result result;
        long step;
        Precision precision;
        try (Model open = model.open()) {
            step = open.step();
            precision = open.precision();
            EditImage.Request request =
                    new EditImage.Request(count, label, options.seed(), windows.of(options.sampling(open)), stride);
            result = new EditImage(source, request, output, batch).run(open, progress());
        }
        if (result.resized() != null) {
            warn(Phrase.of(
                            "%s was resized and cropped from %s to the model's size, and so are the results (height x width)")
                    .with(image, result.resized()));
        }
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("out", result.out());
        facts.put("grid", result.grid());
        facts.put("format", format.name().toLowerCase(Locale.ROOT));
        facts.put("count", result.count());
        facts.put("model", model.name());
        facts.put("checkpoint", step);
        facts.put("precision", precision.name().toLowerCase(Locale.ROOT));
        facts.put("set", model.overrides());
        facts.put("seed", options.seed());
        facts.put("against", options.against());
        facts.put("label", label);
        facts.put(
                "resized_from",
                result.resized() == null ? null : result.resized().toString());
        facts.put("size", result.size().toString());
        facts.put("tokens", result.space().grid());
        facts.put("places", result.space().length());
        facts.put("places_drawn", result.drawn());
        facts.put("seconds", result.seconds());
        facts.put("images_per_second", result.count() / result.seconds());
        String text = String.format(
                Locale.ROOT,
                "%s: %d variations of %s, %d of %d tokens drawn, in %s",
                result.out(),
                result.count(),
                result.size(),
                result.drawn(),
                result.space().length(),
                Progress.time(result.seconds()));
        return new Answer(facts, result.grid() == null ? text : text + "; all in " + result.grid());
    }
}
