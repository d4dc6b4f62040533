package dev.smalti.job;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import dev.smalti.data.Crop;
import dev.smalti.data.DataException;
import dev.smalti.data.ImageBatches;
import dev.smalti.data.ImagePass;
import dev.smalti.data.ImageSet;
import dev.smalti.data.Pixels;
import dev.smalti.data.Preparation;
import dev.smalti.metric.Estimate;
import dev.smalti.metric.FeatureMoments;
import dev.smalti.metric.FeatureStatistics;
import dev.smalti.metric.FrechetDistance;
import dev.smalti.metric.InceptionScore;
import dev.smalti.metric.KernelDistance;
import dev.smalti.metric.Manifolds;
import dev.smalti.metric.PeakSignalToNoise;
import dev.smalti.metric.StructuralSimilarity;
import dev.smalti.metric.classifier.Classifier;
import dev.smalti.metric.inception.Inception;
import dev.smalti.tensor.AtomicFile;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Measures how near a set of images comes to real ones, and says with every number what it depends on.
 *
 * <p>Both sets are brought to squares of one size as for training: the shorter side is resized by Pillow's bicubic filter
 * and rounded to 8 bits, and the centre is kept. Images of that size stay as they are. Each set is read in batches; its
 * features stay in memory, 4 bytes a number.
 *
 * @param real images, as {@link ImageSet#open} reads them
 * @param fake the same
 * @param metrics what to measure; empty for all that the features and the sizes of the sets allow, but those of pairs
 * @param features what images are compared by: null or {@code pixels} for pixels averaged to 8×8, a file with the weights of
 *     {@link Inception}, or a run folder of {@code train-features}
 * @param cache folder that keeps the features of the real images, under the fingerprint of the set; else null
 * @param out JSON file with the result; else null
 */
public record EvaluateImages(
        Path real, Path fake, List<Metric> metrics, String features, Path cache, Path out, Settings settings) {
    /** Resamples for the interval, where none are asked for: of all but Inception's features, and of those, where each takes seconds. */
    public static final int RESAMPLES = 100;

    public static final int RESAMPLES_OF_INCEPTION = 10;

    private static final int BATCH = 32;
    private static final int MOST_SIDE = 1024;
    private static final int BLOCK = 1024;
    private static final int SUBSETS = 100;
    private static final int SUBSET = 1000;
    private static final int SPLITS = 10;
    private static final int NEAR = 3; // Kynkäänniemi et al. 2019
    private static final int NEAR_OF_DENSITY = 5; // Naeem et al. 2020
    private static final double NORMAL_95 = 1.96;
    private static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

    public EvaluateImages {
        metrics = List.copyOf(metrics);
        ImageFeatures.Kind kind = ImageFeatures.kind(features);
        metrics.forEach(each -> each.check(kind));
    }

    /**
     * How it is measured.
     *
     * @param size side of the squares, a power of two of at least 8; 0 for the largest that is not above the shorter side of
     *     the first fake image, up to 1,024
     * @param resamples of the fake images, for the interval of a Fréchet distance; 0 for none, negative for the default
     * @param seed of subsets, resamples and the order for the Inception score
     * @param skipBad leaves broken images out instead of failing
     * @param device {@code auto}, {@code cpu}, {@code cuda}, {@code cuda:N}
     */
    public record Settings(int size, int resamples, long seed, boolean skipBad, String device) {
        /** @throws JobException if {@code resamples} is 1, which has no deviation, or {@code size} is none */
        public Settings {
            if (resamples == 1) {
                throw new JobException("resamples must be 0 for no interval, or at least 2, got 1");
            }
            if (size != 0 && (size < 8 || Integer.bitCount(size) != 1)) {
                throw new JobException("size must be a power of two, at least 8, got " + size);
            }
        }

        /** All defaults. */
        public static Settings usual() {
            return new Settings(0, -1, 0, false, "auto");
        }
    }

    /**
     * A measured number.
     *
     * @param deviation over subsets or parts of the images; null where there are none
     * @param low end of the 95 % interval, the distance ± 1.96 standard deviations of that of {@code resamples} resamples of
     *     the fake images, where the real ones stay as they are; null without. Quantiles of the resamples would lie above the
     *     distance itself: a resample has fewer different images
     * @param high the other end
     */
    public record Value(double value, Double deviation, Double low, Double high) {
        private static Value of(double value) {
            return new Value(value, null, null, null);
        }

        private static Value of(Estimate estimate) {
            return new Value(estimate.mean(), estimate.deviation(), null, null);
        }
    }

    /**
     * A set that was compared.
     *
     * @param images that were read
     * @param skipped broken ones
     * @param resized those that had another size
     */
    public record Compared(String path, long images, long skipped, long resized, String fingerprint) {}

    /**
     * What came out.
     *
     * @param features the name of what was compared
     * @param sha256 of the file with the weights; null where there are none
     * @param side of the squares, in pixels
     * @param resamples that were drawn; 0 if no Fréchet distance was measured
     * @param cached whether the real features were there already
     * @param notices what a reader of the numbers must know
     */
    public record Result(
            Compared real,
            Compared fake,
            String features,
            String sha256,
            int dimension,
            int side,
            Map<Metric, Value> values,
            int resamples,
            long seed,
            boolean cached,
            List<String> notices,
            double seconds) {
        /** All of it, by name: strings, numbers, truths, and lists and maps of them. */
        public Map<String, Object> facts() {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("real", facts(real));
            facts.put("fake", facts(fake));
            facts.put("size", side + "x" + side);
            facts.put("resize", "shorter side, bicubic with antialias (Pillow), 8 bits; centre kept");
            Map<String, Object> network = new LinkedHashMap<>();
            network.put("name", features);
            network.put("dimension", dimension);
            network.put("sha256", sha256);
            facts.put("features", network);
            Map<String, Object> metrics = new LinkedHashMap<>();
            values.forEach((metric, value) -> metrics.put(metric.label(), facts(value)));
            facts.put("metrics", metrics);
            facts.put("resamples", resamples);
            facts.put("seed", seed);
            facts.put("cached", cached);
            facts.put("notices", notices);
            facts.put("seconds", seconds);
            return facts;
        }

        private static Map<String, Object> facts(Compared set) {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("path", set.path());
            facts.put("images", set.images());
            facts.put("skipped", set.skipped());
            facts.put("resized", set.resized());
            facts.put("fingerprint", set.fingerprint());
            return facts;
        }

        private static Map<String, Object> facts(Value value) {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("value", value.value());
            if (value.deviation() != null) {
                facts.put("deviation", value.deviation());
            }
            if (value.low() != null) {
                facts.put("interval_95", List.of(value.low(), value.high()));
            }
            return facts;
        }
    }

    /** Features of a set; what isn't asked for is null. */
    private record Gathered(Tensor pool, FeatureStatistics spatial, Tensor logits, Double recognised, Compared set) {}

    /** @param progress told of the images looked at so far; their number is told to {@code total} */
    public Result run(LongConsumer total, LongConsumer progress) {
        long started = System.nanoTime();
        if (out != null) {
            Outputs.file("--out", out);
        }
        FeatureCache kept = cache == null ? null : new FeatureCache(cache);
        Device place = Devices.of(settings.device());
        try (ImageSet reals = ImageSet.open(real);
                ImageSet fakes = ImageSet.open(fake)) {
            List<Metric> wanted = chosen(reals.size(), fakes.size());
            try (ImageFeatures opened = ImageFeatures.open(features, place)) {
                Result result = Scope.value(() -> {
                    try (NoGradGuard guard = new NoGradGuard()) {
                        return compare(
                                reals,
                                fakes,
                                opened,
                                recognisable(wanted, fakes, opened),
                                place,
                                kept,
                                total,
                                progress,
                                started);
                    }
                });
                if (out != null) {
                    write(result);
                }
                return result;
            }
        }
    }

    /** @throws JobException if one was asked for and the sets are too small */
    private List<Metric> chosen(long reals, long fakes) {
        List<Metric> chosen = new ArrayList<>(metrics);
        if (metrics.isEmpty()) {
            ImageFeatures.Kind kind = ImageFeatures.kind(features);
            Arrays.stream(Metric.values())
                    .filter(each -> each.fits(kind) && each.of() != Metric.Of.PAIRS)
                    .filter(each -> enough(each, reals, fakes))
                    .forEach(chosen::add);
        }
        for (Metric each : chosen) {
            if (!enough(each, reals, fakes)) {
                throw new JobException("%s needs at least %d images in each set, got %d real and %d fake: add images"
                        .formatted(each.label(), each.least(), reals, fakes));
            }
            if (each.of() == Metric.Of.PAIRS && reals != fakes) {
                throw new JobException(
                        "%s compares pairs, and there are %d real and %d fake images: give as many of both"
                                .formatted(each.label(), reals, fakes));
            }
        }
        if (chosen.isEmpty()) {
            throw new JobException(
                    "a comparison needs at least 2 images in each set, got %d real and %d fake: add images"
                            .formatted(reals, fakes));
        }
        return chosen;
    }

    /** Without accuracy where it can't be measured, unless it was asked for. */
    private List<Metric> recognisable(List<Metric> wanted, ImageSet fakes, ImageFeatures features) {
        if (!wanted.contains(Metric.ACCURACY) || classes(fakes, features.classNames()) != null) {
            return wanted;
        }
        if (metrics.contains(Metric.ACCURACY)) {
            throw new JobException(
                    "accuracy needs fake images in folders that are named like classes of %s, as generate writes them, and not all of %s are"
                            .formatted(features.name(), fake));
        }
        return wanted.stream().filter(each -> each != Metric.ACCURACY).toList();
    }

    /** The number among {@code names} of each image's class; null if an image is of none of them. */
    private static long[] classes(ImageSet images, List<String> names) {
        int[] numbers = images.classNames().stream().mapToInt(names::indexOf).toArray();
        long[] classes = new long[images.size()];
        for (int i = 0; i < classes.length; i++) {
            int label = images.label(i);
            if (label < 0 || numbers[label] < 0) {
                return null;
            }
            classes[i] = numbers[label];
        }
        return classes;
    }

    private static boolean enough(Metric metric, long reals, long fakes) {
        return (metric.ofFakes() || reals >= metric.least()) && fakes >= metric.least();
    }

    private Result compare(
            ImageSet reals,
            ImageSet fakes,
            ImageFeatures features,
            List<Metric> wanted,
            Device place,
            FeatureCache kept,
            LongConsumer total,
            LongConsumer progress,
            long started) {
        Preparation preparation = new Preparation(side(fakes), Crop.CENTER, false);
        boolean pairs = wanted.stream().anyMatch(each -> each.of() == Metric.Of.PAIRS);
        long all = (long) reals.size() + fakes.size();
        total.accept(pairs ? 2 * all : all);
        boolean spatial = wanted.contains(Metric.SFID);
        Map<String, String> request = request(reals, features, preparation, spatial);
        FeatureCache.Entry found = kept == null ? null : kept.find(request).orElse(null);
        Gathered ours = found == null
                ? gather(real, reals, features, preparation, spatial, false, null, place, progress)
                : restored(found, reals);
        if (kept != null && found == null) {
            kept.keep(request, entry(ours));
        }
        LongConsumer after = done -> progress.accept(reals.size() + done);
        Gathered theirs = gather(
                fake,
                fakes,
                features,
                preparation,
                spatial,
                wanted.stream().anyMatch(Metric::ofFakes),
                wanted.contains(Metric.ACCURACY) ? classes(fakes, features.classNames()) : null,
                place,
                after);
        List<Metric> possible = chosen(ours.set().images(), theirs.set().images());
        possible.retainAll(wanted);
        Map<Metric, Value> values = new TreeMap<>();
        int resamples = settings.resamples() >= 0
                ? settings.resamples()
                : features.kind() == ImageFeatures.Kind.INCEPTION ? RESAMPLES_OF_INCEPTION : RESAMPLES;
        boolean frechet = possible.contains(Metric.FRECHET) || possible.contains(Metric.FID);
        measure(ours, theirs, possible, frechet ? resamples : 0, () -> progress.accept(all), values);
        if (pairs) {
            comparePairs(reals, fakes, preparation, possible, done -> progress.accept(all + done), values);
        }
        return new Result(
                ours.set(),
                theirs.set(),
                features.name(),
                features.sha256(),
                features.dimension(),
                preparation.size(),
                values,
                frechet ? resamples : 0,
                settings.seed(),
                found != null,
                notices(features, preparation.size(), ours, theirs, values, frechet || spatial),
                (System.nanoTime() - started) / 1e9);
    }

    /** The largest power of two that isn't more than the shorter side of the first fake image, from 8 to 1,024. */
    private int side(ImageSet fakes) {
        if (settings.size() != 0) {
            return settings.size();
        }
        for (int i = 0; ; i++) {
            try {
                Pixels first = fakes.read(i);
                int side = Integer.highestOneBit(Math.min(first.width(), first.height()));
                return Math.max(8, Math.min(MOST_SIDE, side));
            } catch (DataException e) {
                if (!settings.skipBad() || i == fakes.size() - 1) {
                    throw e;
                }
            }
        }
    }

    private Map<String, String> request(
            ImageSet images, ImageFeatures features, Preparation preparation, boolean spatial) {
        return Map.of(
                "fingerprint", images.fingerprint(),
                "features", features.name(),
                "sha256", String.valueOf(features.sha256()),
                "size", Integer.toString(preparation.size()),
                "spatial", Boolean.toString(spatial),
                "skip_bad", Boolean.toString(settings.skipBad()));
    }

    private static FeatureCache.Entry entry(Gathered gathered) {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        tensors.put("pool", gathered.pool());
        if (gathered.spatial() != null) {
            tensors.put("spatial_mean", gathered.spatial().mean());
            tensors.put("spatial_covariance", gathered.spatial().covariance());
        }
        return new FeatureCache.Entry(
                tensors,
                Map.of(
                        "skipped", Long.toString(gathered.set().skipped()),
                        "resized", Long.toString(gathered.set().resized())));
    }

    private Gathered restored(FeatureCache.Entry entry, ImageSet images) {
        Tensor pool = entry.tensors().get("pool");
        long count = pool.size(0);
        Tensor mean = entry.tensors().get("spatial_mean");
        FeatureStatistics spatial = mean == null
                ? null
                : new FeatureStatistics(count, mean, entry.tensors().get("spatial_covariance"));
        long skipped = Long.parseLong(entry.counts().get("skipped"));
        long resized = Long.parseLong(entry.counts().get("resized"));
        return new Gathered(
                pool,
                spatial,
                null,
                null,
                new Compared(real.toString(), count, skipped, resized, images.fingerprint()));
    }

    /**
     * Reads a set once.
     *
     * @param classes of all images, to count those that are recognised; null not to
     */
    private Gathered gather(
            Path path,
            ImageSet images,
            ImageFeatures features,
            Preparation preparation,
            boolean spatial,
            boolean logits,
            long[] classes,
            Device place,
            LongConsumer progress) {
        AtomicLong resized = new AtomicLong();
        ImageSet watched = new Watched(images, preparation.size(), resized);
        return Scope.keep(() -> {
            Tensor pool = Tensors.zeros(images.size(), features.dimension()); // [N, D]
            Tensor numbers = logits ? Tensors.zeros(images.size(), features.classes()) : null; // [N, K]
            try (ImagePass pass = ImageBatches.inOrder(watched, preparation, BATCH, settings.skipBad());
                    FeatureMoments moments = new FeatureMoments()) {
                long count = 0;
                long[] recognised = {0};
                while (pass.hasNext()) {
                    long from = count;
                    count += Scope.value(() -> {
                        ImagePass.Batch batch = pass.next();
                        Tensor pixels = levels(batch, place);
                        long size = pixels.size(0);
                        ImageFeatures.Output output = features.of(pixels);
                        pool.narrow(0, from, size).copy_(output.pool());
                        if (spatial) {
                            moments.add(output.spatial());
                        }
                        if (logits) {
                            numbers.narrow(0, from, size).copy_(output.logits());
                        }
                        if (classes != null) {
                            recognised[0] += recognised(output.logits(), batch.indices(), classes);
                        }
                        return size;
                    });
                    progress.accept(count + pass.skipped());
                }
                if (count == 0) {
                    throw new JobException("none of the %d images of %s could be read".formatted(images.size(), path));
                }
                return new Gathered(
                        pool.narrow(0, 0, count),
                        spatial ? moments.statistics() : null,
                        logits ? numbers.narrow(0, 0, count) : null,
                        classes == null ? null : (double) recognised[0] / count,
                        new Compared(path.toString(), count, pass.skipped(), resized.get(), images.fingerprint()));
            }
        });
    }

    private static long recognised(Tensor logits, int[] indices, long[] classes) {
        long[] labels = Arrays.stream(indices).mapToLong(i -> classes[i]).toArray();
        Tensor right = Classifier.right(logits, Tensors.longs(labels).to(logits.device(), ScalarType.Long));
        return right.sum().item_long();
    }

    /** The 8-bit values of a batch. -> whole numbers 0..255, float32 [B, 3, H, W] */
    private static Tensor levels(ImagePass.Batch batch, Device place) {
        return batch.images()
                .pixels()
                .to(place, ScalarType.Float)
                .add(new Scalar(1.0))
                .mul(new Scalar(127.5))
                .round();
    }

    private void measure(
            Gathered ours,
            Gathered theirs,
            List<Metric> wanted,
            int resamples,
            Runnable step,
            Map<Metric, Value> values) {
        Seed seed = new Seed(settings.seed());
        for (Metric each : wanted) {
            switch (each) {
                case FRECHET, FID -> values.put(each, frechet(ours.pool(), theirs.pool(), resamples, seed, step));
                case KERNEL, KID -> values.put(each, kernel(ours.pool(), theirs.pool(), seed));
                case SFID -> values.put(each, Value.of(FrechetDistance.of(ours.spatial(), theirs.spatial())));
                case ACCURACY -> values.put(each, Value.of(theirs.recognised()));
                case IS, SCORE -> values.put(each, Value.of(score(theirs.logits(), seed)));
                default -> step.run();
            }
        }
        if (wanted.contains(Metric.PRECISION) || wanted.contains(Metric.RECALL)) {
            Manifolds manifolds = Manifolds.of(ours.pool(), theirs.pool(), NEAR);
            values.put(Metric.PRECISION, Value.of(manifolds.precision()));
            values.put(Metric.RECALL, Value.of(manifolds.recall()));
        }
        if (wanted.contains(Metric.DENSITY) || wanted.contains(Metric.COVERAGE)) {
            Manifolds manifolds = Manifolds.of(ours.pool(), theirs.pool(), NEAR_OF_DENSITY);
            values.put(Metric.DENSITY, Value.of(manifolds.density()));
            values.put(Metric.COVERAGE, Value.of(manifolds.coverage()));
        }
        values.keySet().retainAll(wanted);
    }

    /** [N, D], [M, D] */
    private static Value frechet(Tensor real, Tensor fake, int resamples, Seed seed, Runnable step) {
        return Scope.value(() -> {
            FeatureStatistics reals = statistics(real, null);
            double distance = FrechetDistance.of(reals, statistics(fake, null));
            if (resamples == 0) {
                return Value.of(distance);
            }
            double[] each = new double[resamples];
            Arrays.setAll(each, i -> {
                step.run();
                SplittableRandom random = seed.child("resamples").child(i).random();
                long[] drawn = random.longs(fake.size(0), 0, fake.size(0)).toArray();
                return Scope.value(() -> FrechetDistance.of(reals, statistics(fake, drawn)));
            });
            double mean = Arrays.stream(each).average().orElseThrow();
            double squares =
                    Arrays.stream(each).map(d -> (d - mean) * (d - mean)).sum();
            double half = NORMAL_95 * Math.sqrt(squares / (resamples - 1));
            return new Value(distance, null, Math.max(0, distance - half), distance + half);
        });
    }

    /** Of the given rows, or of all for null. [N, D] */
    private static FeatureStatistics statistics(Tensor features, long[] rows) {
        return Scope.keep(() -> {
            try (FeatureMoments moments = new FeatureMoments()) {
                long count = features.size(0);
                for (long from = 0; from < count; from += BLOCK) {
                    long start = from;
                    long size = Math.min(BLOCK, count - from);
                    Scope.free(() -> moments.add(
                            rows == null
                                    ? features.narrow(0, start, size)
                                    : features.index_select(0, Tensors.longs(Arrays.copyOfRange(rows, (int) start, (int)
                                            (start + size))))));
                }
                return moments.statistics();
            }
        });
    }

    private static Value kernel(Tensor real, Tensor fake, Seed seed) {
        return Math.min(real.size(0), fake.size(0)) < SUBSET
                ? Value.of(KernelDistance.of(real, fake))
                : Value.of(KernelDistance.of(real, fake, SUBSETS, SUBSET, seed.child("subsets")));
    }

    /** Images that lie sorted by class would give parts that are. [M, K] */
    private static Estimate score(Tensor logits, Seed seed) {
        return Scope.value(() -> {
            Tensor order =
                    torch.randperm(logits.size(0), seed.child("order").optional(), Tensors.options(ScalarType.Long));
            return InceptionScore.ofLogits(logits.index_select(0, order), SPLITS);
        });
    }

    private void comparePairs(
            ImageSet reals,
            ImageSet fakes,
            Preparation preparation,
            List<Metric> wanted,
            LongConsumer progress,
            Map<Metric, Value> values) {
        double[] sums = new double[2];
        long count = 0;
        try (ImagePass ours = ImageBatches.inOrder(reals, preparation, BATCH, settings.skipBad());
                ImagePass theirs = ImageBatches.inOrder(fakes, preparation, BATCH, settings.skipBad())) {
            while (ours.hasNext() && theirs.hasNext()) {
                count += Scope.value(() -> {
                    ImagePass.Batch first = ours.next();
                    ImagePass.Batch second = theirs.next();
                    if (!Arrays.equals(first.indices(), second.indices())) {
                        throw new JobException("psnr and ssim need both images of each pair, and one near %s is broken"
                                .formatted(reals.name(first.indices()[0])));
                    }
                    Tensor x = levels(first, Devices.cpu());
                    Tensor y = levels(second, Devices.cpu());
                    if (wanted.contains(Metric.PSNR)) {
                        sums[0] +=
                                Arrays.stream(PeakSignalToNoise.of(x, y, 255)).sum();
                    }
                    if (wanted.contains(Metric.SSIM)) {
                        sums[1] += Arrays.stream(StructuralSimilarity.of(x, y, 255))
                                .sum();
                    }
                    return (long) first.indices().length;
                });
                progress.accept(2 * count);
            }
        }
        values.put(Metric.PSNR, Value.of(sums[0] / count));
        values.put(Metric.SSIM, Value.of(sums[1] / count));
        values.keySet().retainAll(wanted);
    }

    private List<String> notices(
            ImageFeatures features,
            int side,
            Gathered ours,
            Gathered theirs,
            Map<Metric, Value> values,
            boolean frechet) {
        List<String> notices = new ArrayList<>();
        long fewest = Math.min(ours.set().images(), theirs.set().images());
        if (frechet && fewest <= features.dimension()) {
            notices.add(
                    ("a Frechet distance of %,d images in %,d dimensions lies above that of many images: compare it at "
                                    + "one number of images alone")
                            .formatted(fewest, features.dimension()));
        }
        notices.addAll(features.notices(side));
        if (values.containsKey(Metric.KID) && fewest < SUBSET) {
            notices.add("kid is of all images at once, since there are fewer than %,d".formatted(SUBSET));
        }
        for (Compared set : List.of(ours.set(), theirs.set())) {
            if (set.skipped() > 0) {
                notices.add("%d broken images of %s were left out".formatted(set.skipped(), set.path()));
            }
        }
        return notices;
    }

    private void write(Result result) {
        try (AtomicFile beside = AtomicFile.of(out)) {
            JSON.writeValue(beside.path().toFile(), result.facts());
            beside.commit();
        } catch (IOException e) {
            throw Outputs.failure(out, e);
        }
    }

    /** A set that counts the images which aren't squares of the size. */
    private record Watched(ImageSet images, int side, AtomicLong others) implements ImageSet {
        @Override
        public int size() {
            return images.size();
        }

        @Override
        public int label(int index) {
            return images.label(index);
        }

        @Override
        public List<String> classNames() {
            return images.classNames();
        }

        @Override
        public String name(int index) {
            return images.name(index);
        }

        @Override
        public Pixels read(int index) {
            Pixels pixels = images.read(index);
            if (pixels.width() != side || pixels.height() != side) {
                others.incrementAndGet();
            }
            return pixels;
        }

        @Override
        public String fingerprint() {
            return images.fingerprint();
        }

        @Override
        public void close() {}
    }
}
