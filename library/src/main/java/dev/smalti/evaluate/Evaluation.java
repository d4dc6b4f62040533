package dev.smalti.evaluate;

import dev.smalti.data.Crop;
import dev.smalti.data.ImageSet;
import dev.smalti.data.Preparation;
import dev.smalti.evaluate.EvaluationResult.Compared;
import dev.smalti.evaluate.EvaluationResult.Value;
import dev.smalti.metric.Interval;
import dev.smalti.metric.lpips.Lpips;
import dev.smalti.model.Model;
import dev.smalti.run.Claim;
import dev.smalti.run.Identity;
import dev.smalti.run.JobException;
import dev.smalti.run.PartFolder;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Part;
import dev.smalti.tensor.Phase;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongConsumer;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.NoGradGuard;

/**
 * Measures how near a set of images comes to real ones, and says with every number what it depends on.
 *
 * <p>Both sets are brought to squares of one size as for training: the shorter side is resized by Pillow's bicubic filter
 * and rounded to 8 bits, and the centre is kept. Images of that size stay as they are. Each set is read, drawn or decoded in
 * batches; its features stay in memory, 4 bytes a number.
 *
 * <p>{@link ImageSource} is where images come from, {@link SetFeatures} what is kept of them, {@link Comparison} what is
 * measured of that, {@link PairMeasures} what is measured image by image.
 */
public final class Evaluation {
    private static final int LEAST_SIDE_OF_SSIM = 11;

    private final long started = System.nanoTime();
    private final EvaluationRequest request;
    private final StoredImages reals;
    private final ImageSource fakes;
    private final ImageFeatures features;
    private final Preparation preparation;
    private final long[] classes; // of the fakes, by the features' own numbers; null where not all are known
    private final List<Metric> wanted;
    private final Lpips lpips; // null: not measured
    private final PairMeasures pairs;
    private final int resamples;

    /**
     * Opens what is asked for, goes through both sets, and measures.
     *
     * @param observer told of the images of each set, and of the measures
     * @throws JobException if the sets are too small for what is wanted
     */
    public static EvaluationResult of(EvaluationRequest request, Observer observer) {
        EvaluationRequest.Settings settings = request.settings();
        Device place = Devices.of(settings.device());
        try (StoredImages reals = new StoredImages(request.real().path(), 0, settings.skipBad(), place);
                ImageSource fakes = fakes(request, reals, place);
                ImageFeatures features = ImageFeatures.open(request.features(), place);
                Lpips lpips = request.lpips() == null ? null : request.lpips().open(place)) {
            return Scope.value(() -> {
                try (NoGradGuard guard = new NoGradGuard()) {
                    return new Evaluation(request, reals, fakes, features, lpips).run(observer);
                }
            });
        }
    }

    private static ImageSource fakes(EvaluationRequest request, StoredImages reals, Device place) {
        EvaluationRequest.Settings settings = request.settings();
        if (request.fake() instanceof Fakes.Drawn drawn) {
            int count = drawn.count() == 0 ? Math.min(Fakes.MOST_DRAWN, reals.size()) : drawn.count();
            return new DrawnImages(drawn, count, settings.seed(), place);
        }
        if (request.fake() instanceof Fakes.Reconstructed reconstructed) {
            return new ReconstructedImages(reconstructed, reals, place);
        }
        if (request.fake() instanceof Fakes.Decoded decoded) {
            return new DecodedTokens(decoded, place);
        }
        Fakes.Stored stored = (Fakes.Stored) request.fake();
        return new StoredImages(stored.path(), stored.count(), settings.skipBad(), place);
    }

    private Evaluation(
            EvaluationRequest request, StoredImages reals, ImageSource fakes, ImageFeatures features, Lpips lpips) {
        this.request = request;
        this.reals = reals;
        this.fakes = fakes;
        this.features = features;
        this.lpips = lpips;
        this.preparation = fakes.preparation(request.settings().size());
        List<String> names = features.classNames();
        this.classes = names.isEmpty() ? null : fakes.classes(names);
        this.wanted = chosen(reals.size(), fakes.size());
        requireLarge();
        this.pairs = new PairMeasures(wanted, lpips);
        int asked = request.settings().resamples();
        boolean slow = features.kind() == ImageFeatures.Kind.INCEPTION;
        this.resamples =
                asked >= 0 ? asked : slow ? EvaluationRequest.RESAMPLES_OF_INCEPTION : EvaluationRequest.RESAMPLES;
    }

    /**
     * What was done of a part.
     *
     * @param there whether it was there before
     */
    public record Kept(Path file, long reals, long fakes, boolean there, double seconds) {}

    /**
     * Looks at a part of both sets and keeps their features in a folder, for {@link EvaluationRequest#parts}: sums, where the request
     * is for Fréchet distances without intervals, else of each image. Parts are cut between batches.
     *
     * @param part which, of how many
     * @param folder that all parts share
     * @throws JobException if the folder holds parts of another request
     */
    public static Kept part(EvaluationRequest request, Part part, Path folder, Observer observer) {
        EvaluationRequest.requireStored(request.fake(), request.metrics(), request.cache());
        Device place = Devices.of(request.settings().device());
        try (ImageFeatures features = ImageFeatures.open(request.features(), place)) {
            return part(request, part, folder, features, observer);
        }
    }

    /**
     * {@link #part(EvaluationRequest, Part, Path, Observer)} with features that are open already, and stay so.
     *
     * @param features those that the request names, on its device
     */
    public static Kept part(
            EvaluationRequest request, Part part, Path folder, ImageFeatures features, Observer observer) {
        EvaluationRequest.requireStored(request.fake(), request.metrics(), request.cache());
        EvaluationRequest.Settings settings = request.settings();
        Device place = Devices.of(settings.device());
        try (StoredImages reals = new StoredImages(request.real().path(), 0, settings.skipBad(), place);
                StoredImages fakes = (StoredImages) fakes(request, reals, place)) {
            return Scope.value(() -> {
                try (NoGradGuard guard = new NoGradGuard()) {
                    return new Evaluation(request, reals, fakes, features, null).keep(part, folder, observer);
                }
            });
        }
    }

    private Kept keep(Part part, Path folder, Observer observer) {
        SetFeatures.Wanted wantedOfFakes = keptOfFakes();
        PartFolder parts = new PartFolder(folder, part, identity(wantedOfFakes));
        Path file = parts.file(".safetensors");
        boolean there = parts.done(".safetensors");
        StoredImages others = (StoredImages) fakes;
        if (there) {
            return new Kept(
                    file,
                    FeatureParts.images(file, "real"),
                    FeatureParts.images(file, "fake"),
                    true,
                    (System.nanoTime() - started) / 1e9);
        }
        try (Claim claim = Claim.beside(file)) {
            parts.check();
            SetFeatures.Wanted wantedOfReals =
                    new SetFeatures.Wanted(true, false, wantedOfFakes.spatial(), false, wantedOfFakes.sums());
            FeatureParts.Entry ours = gather(part, reals, wantedOfReals, null, observer, "features of the real images");
            FeatureParts.Entry theirs = gather(part, others, wantedOfFakes, classes, observer, fakes.name());
            parts.check();
            FeatureParts.write(file, ours, theirs);
            return new Kept(
                    file, ours.seen().images(), theirs.seen().images(), false, (System.nanoTime() - started) / 1e9);
        }
    }

    private SetFeatures.Wanted keptOfFakes() {
        boolean rows = resamples > 0
                || wanted.stream().anyMatch(each -> each.ofFeatures() && !each.frechet() && !each.ofFakes());
        return new SetFeatures.Wanted(
                true, wanted.stream().anyMatch(Metric::ofFakes), wanted.contains(Metric.SFID), resamples > 0, !rows);
    }

    private FeatureParts.Entry gather(
            Part part, StoredImages images, SetFeatures.Wanted kept, long[] numbers, Observer observer, String name) {
        int from = (int) part.from(images.size(), ImageSource.BATCH);
        int to = (int) part.to(images.size(), ImageSource.BATCH);
        LongConsumer progress = observer.counting(Phase.of(name, "images", to - from));
        try (SetFeatures.Gatherer gatherer =
                new SetFeatures.Gatherer(features, to - from, images.size(), kept, numbers)) {
            StoredImages.Seen seen = images.each(from, to, preparation, progress, gatherer::add);
            return new FeatureParts.Entry(seen, gatherer.finishPart());
        }
    }

    /** All that the features of parts depend on, and what is kept of them. */
    private Identity identity(SetFeatures.Wanted kept) {
        Map<String, Object> named = new LinkedHashMap<>();
        named.put("real", reals.images().fingerprint());
        named.put("fake", ((StoredImages) fakes).images().fingerprint());
        named.put("reading", ImageSet.READING);
        named.put("features", features.name());
        named.put("sha256", features.sha256());
        named.put("size", preparation.size());
        named.put("crop", preparation.crop().toString());
        named.put("device", Devices.type(Devices.of(request.settings().device())));
        named.put("batch", ImageSource.BATCH);
        named.put("rows", !kept.sums());
        named.put("logits", kept.logits());
        named.put("spatial", kept.spatial());
        named.put("spatial_rows", kept.rows());
        return Identity.of(named);
    }

    /** The parts of the request, whether they keep what is wanted or more. */
    private List<Path> parts() {
        PartFolder.Whole whole = PartFolder.whole(request.parts());
        SetFeatures.Wanted needed = keptOfFakes();
        SetFeatures.Wanted kept = new SetFeatures.Wanted(
                true,
                whole.request().contains("\"logits\":true"),
                whole.request().contains("\"spatial\":true"),
                whole.request().contains("\"spatial_rows\":true"),
                !whole.request().contains("\"rows\":true"));
        boolean fewer = kept.sums() && !needed.sums()
                || needed.logits() && !kept.logits()
                || needed.spatial() && !kept.spatial()
                || needed.spatial() && needed.rows() && !kept.rows();
        Identity expected = identity(fewer ? needed : kept);
        if (!expected.json().equals(whole.request())) {
            throw new JobException(Phrase.of(
                            "%s holds parts of another request (other: %s): give the sets, features and size of these, and"
                                    + " metrics and resamples that they keep enough for, or make them again")
                    .with(request.parts(), different(expected, whole.request())));
        }
        return whole.files();
    }

    private String different(Identity expected, String there) {
        try {
            return PartFolder.different(expected, there);
        } catch (IOException e) {
            throw new JobException(
                    request.parts() + " says nothing of its request: delete it, and make the parts again", e);
        }
    }

    private EvaluationResult run(Observer observer) {
        if (request.parts() != null) {
            List<Path> files = parts();
            Gathered ours = FeatureParts.join(files, "real").of(reals);
            Gathered theirs = FeatureParts.join(files, "fake").of((StoredImages) fakes);
            return measure(ours, theirs, false, observer);
        }
        SetFeatures.Wanted kept = new SetFeatures.Wanted(ofFeatures(), false, wanted.contains(Metric.SFID), false);
        KeptFeatures cache = kept.pool() ? cache(kept) : null;
        Gathered cached = cache == null ? null : cache.find().orElse(null);
        Gathered ours = cached != null
                ? cached
                : gather(
                        reals,
                        kept,
                        null,
                        observer.counting(Phase.of("features of the real images", "images", reals.size())));
        if (cache != null && cached == null) {
            cache.keep(ours);
        }
        return measure(ours, fakes(observer), cached != null, observer);
    }

    private EvaluationResult measure(Gathered ours, Gathered theirs, boolean cached, Observer observer) {
        List<Metric> metrics = chosen(ours.set().images(), theirs.set().images()); // now without broken images
        Map<String, Value> values = new LinkedHashMap<>();
        Seed seed = new Seed(request.settings().seed());
        new Comparison(ours.features(), theirs.features(), resamples, neighbours(), seed, observer)
                .of(metrics)
                .forEach((metric, value) -> values.put(metric.label(request.fake()), value));
        if (fakes instanceof StoredImages others && wants(Metric.Of.PAIRS)) {
            reals.eachPair(
                    others, preparation, observer.counting(Phase.of("pairs of images", "images", reals.size())), pairs);
        }
        pairs.values().forEach((metric, value) -> values.put(metric.label(), value));
        if (fakes instanceof ReconstructedImages reconstructed && wants(Metric.Of.TOKENIZER)) {
            reconstructed.uses().measures().forEach((name, value) -> values.put(name, Value.of(value)));
        }
        Likelihood.Result bits = wants(Metric.Of.MODEL) ? bits(observer, values) : null;
        List<String> notices = new EvaluationNotices(request.fake(), ours, theirs, metrics)
                .all(features, preparation.size(), resamples, bits);
        return new EvaluationResult(
                ours.set(),
                request.real().split(),
                theirs.set(),
                request.fake().kind(),
                fakes instanceof DrawnImages drawn ? drawn.draw() : null,
                features.name(),
                features.sha256(),
                features.dimension(),
                preparation.size(),
                resize(),
                values,
                lpips == null ? null : lpips.facts(),
                metrics.stream().anyMatch(Metric::frechet) ? resamples : 0,
                request.settings().seed(),
                cached,
                notices,
                (System.nanoTime() - started) / 1e9);
    }

    private boolean wants(Metric.Of of) {
        return wanted.stream().anyMatch(each -> each.of() == of);
    }

    private boolean ofFeatures() {
        return wanted.stream().anyMatch(Metric::ofFeatures);
    }

    /** Whether the fakes are looked at; the likelihood of the real images needs none to be drawn. */
    private boolean made() {
        return ofFeatures() || !(fakes instanceof DrawnImages);
    }

    /** Null without a folder for it. */
    private KeptFeatures cache(SetFeatures.Wanted kept) {
        return request.cache() == null
                ? null
                : new KeptFeatures(
                        new FeatureCache(request.cache()),
                        reals,
                        KeptFeatures.request(reals, features, preparation, kept));
    }

    private Gathered fakes(Observer observer) {
        if (!made()) {
            return new Gathered(((DrawnImages) fakes).nothing(), null);
        }
        if (fakes instanceof ReconstructedImages reconstructed) {
            reconstructed.comparing(pairs);
        }
        boolean logits = wanted.stream().anyMatch(Metric::ofFakes);
        boolean spatial = wanted.contains(Metric.SFID);
        SetFeatures.Wanted kept = new SetFeatures.Wanted(ofFeatures(), logits, spatial, resamples > 0);
        return gather(fakes, kept, classes, observer.counting(Phase.of(fakes.name(), "images", fakes.size())));
    }

    private Gathered gather(ImageSource images, SetFeatures.Wanted kept, long[] numbers, LongConsumer progress) {
        return Scope.keep(() -> {
            try (SetFeatures.Gatherer gatherer = new SetFeatures.Gatherer(features, images.size(), kept, numbers)) {
                Compared set = images.each(preparation, progress, gatherer::add);
                return new Gathered(set, gatherer.finish());
            }
        });
    }

    /** @throws JobException if one was asked for and the sets are too small */
    private List<Metric> chosen(long reals, long fakes) {
        List<Metric> chosen = new ArrayList<>(request.metrics());
        if (chosen.isEmpty()) {
            Arrays.stream(Metric.values())
                    .filter(each -> usual(each) && enough(each, reals, fakes))
                    .forEach(chosen::add);
        }
        for (Metric each : chosen) {
            if (each == Metric.ACCURACY && classes == null) {
                throw new JobException(
                        Phrase.of("accuracy needs fake images in folders that are named like classes of %s, as"
                                        + " generate writes them, or drawn of such classes, and not all of %s are")
                                .with(features.name(), request.fake().name()));
            }
            if (!enough(each, reals, fakes)) {
                throw new JobException(
                        Phrase.of("%s needs at least %d images in each set, got %d real and %d fake: add images")
                                .with(each.label(), each.least(neighbours()), reals, fakes));
            }
            if (each.of() == Metric.Of.PAIRS && reals != fakes) {
                throw new JobException(
                        Phrase.of("%s compares pairs, and there are %d real and %d fake images: give as many of both")
                                .with(each.label(), reals, fakes));
            }
        }
        if (chosen.isEmpty()) {
            throw new JobException(
                    Phrase.of("a comparison needs at least 2 images in each set, got %d real and %d fake: add images")
                            .with(reals, fakes));
        }
        return chosen;
    }

    /** Whether it is measured where nothing is asked for. */
    private boolean usual(Metric metric) {
        boolean fits = metric.fits(features.kind());
        if (request.fake() instanceof Fakes.Reconstructed) {
            boolean alike = metric.of() == Metric.Of.PAIRS || metric.of() == Metric.Of.TOKENIZER;
            boolean large = metric != Metric.SSIM || preparation.size() >= LEAST_SIDE_OF_SSIM;
            boolean possible = metric != Metric.LPIPS || lpips != null;
            return fits && (alike && large && possible || metric == Metric.FRECHET || metric == Metric.FID);
        }
        return fits && metric.ofFeatures() && (metric != Metric.ACCURACY || classes != null);
    }

    private void requireLarge() {
        if (lpips != null && preparation.size() < lpips.net().least()) {
            throw new JobException(
                    Phrase.of("lpips by %s needs images of at least %d pixels, got %d: give a larger --size")
                            .with(lpips.net().label(), lpips.net().least(), preparation.size()));
        }
    }

    private int neighbours() {
        return request.settings().neighbours();
    }

    private boolean enough(Metric metric, long reals, long fakes) {
        boolean ofReals = metric.of() == Metric.Of.MODEL;
        int least = metric.least(neighbours());
        return (metric.ofFakes() || reals >= least) && (ofReals || fakes >= least);
    }

    private Likelihood.Result bits(Observer observer, Map<String, Value> values) {
        Model model = ((Fakes.Drawn) request.fake()).model();
        EvaluationRequest.Settings settings = request.settings();
        LongConsumer progress = observer.counting(Phase.of("likelihood of the real images", "images", reals.size()));
        Likelihood.Result found =
                new Likelihood(model, 1, settings.seed()).ofImages(reals.images(), settings.skipBad(), progress);
        values.put("bits_per_token", value(found.bitsPerToken()));
        if (found.bitsPerDimension() != null) {
            values.put("bits_per_dimension", value(found.bitsPerDimension()));
            values.put("bits_per_dimension_5_bit", value(found.bitsPerDimensionOf5Bits()));
        }
        return found;
    }

    private static Value value(Likelihood.Estimate estimate) {
        double mean = estimate.mean();
        double half = estimate.interval();
        return Double.isNaN(half)
                ? Value.of(mean)
                : Value.of(mean, new Interval(mean - half, mean + half), Value.OVER_IMAGES);
    }

    private String resize() {
        return preparation.crop() == Crop.NONE
                ? "both sides, bicubic with antialias (Pillow), 8 bits; nothing cut off"
                : "shorter side, bicubic with antialias (Pillow), 8 bits; centre kept";
    }
}
