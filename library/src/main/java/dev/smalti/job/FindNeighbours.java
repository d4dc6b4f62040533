package dev.smalti.job;

import dev.smalti.data.Crop;
import dev.smalti.data.DataException;
import dev.smalti.data.GridFile;
import dev.smalti.data.ImageBatches;
import dev.smalti.data.ImagePass;
import dev.smalti.data.ImageSet;
import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.data.Preparation;
import dev.smalti.data.Subset;
import dev.smalti.evaluate.ImageFeatures;
import dev.smalti.evaluate.LpipsWeights;
import dev.smalti.metric.lpips.Lpips;
import dev.smalti.model.Encoding;
import dev.smalti.model.Opening;
import dev.smalti.run.Claim;
import dev.smalti.run.JobException;
import dev.smalti.run.Outputs;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Phase;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Stopping;
import dev.smalti.tensor.Tensors;
import dev.smalti.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Looks for the images of a data set that are nearest to samples, as a check on whether a model has learnt its images by
 * heart: a picture with a strip for each sample, the sample first and its neighbours beside it, nearest first; many strips stand
 * in several columns.
 *
 * <p>Distances are exact, so that a copy has distance 0 (but for rounding, of features and LPIPS). In memory are the samples, one
 * batch and the distances between both. The data are read once, but where more of the samples' numbers would be needed than 2 GiB
 * hold: then once for each part of the samples that fits.
 *
 * @param samples images, as {@link ImageSet#open} reads them; at most 1,024
 * @param data the same, as many as there are
 * @param out PNG file
 * @param by what is compared
 * @param count neighbours of each sample
 * @param model whose tokenizer gives the codes for {@link By#CODES}: run folder of {@code train-tokenizer} or of a prior, or
 *     the name of a bundled model; else null
 * @param features for {@link By#FEATURES}, as {@link EvaluateImages} takes them; null for the others
 * @param lpips for {@link By#LPIPS}; null for the others
 * @param fullSize compares images at the whole shorter side of the first sample, at most 1,024 pixels, rather than at 64; for {@link
 *     By#PIXELS} and {@link By#LPIPS}
 * @param skipBad leaves broken images out instead of failing
 * @param opening how the model is opened, and where all else is computed
 */
public record FindNeighbours(
        Path samples,
        Path data,
        Path out,
        By by,
        int count,
        String model,
        String features,
        LpipsWeights lpips,
        boolean fullSize,
        boolean skipBad,
        Opening opening) {
    private static final int BATCH = 64;
    private static final int MOST_SAMPLES = 1024;
    private static final int MOST_SIDE = 64;
    private static final int MOST_FEATURED = 1024;
    private static final int MOST_FULL = 1024;
    private static final long HELD = 1L << 29; // numbers of samples, 2 GiB of float32
    private static final long AT_ONCE = 1L << 25; // numbers of a batch, 128 MiB
    private static final int LEAST_SEEN = 32; // by LPIPS
    private static final int WITHIN = 2; // pixels between the images of a strip
    private static final int BETWEEN = 8; // pixels between strips
    private static final long MOST_ROW = 1L << 25; // bytes of a row of strips

    /** What is compared. */
    public enum By {
        /** The square root of the mean squared difference of pixel values from 0 to 1. */
        PIXELS,
        /**
         * The share of places, of the tokenizer's grid, where tokens differ. A diffusion tokenizer adds the same noise to
         * all.
         */
        CODES,
        /** The distance of the features by which sets are compared. */
        FEATURES,
        /** {@link dev.smalti.metric.lpips LPIPS} of squares of 32 or 64 pixels, or of all pixels. */
        LPIPS
    }

    public FindNeighbours {
        if (count < 1) {
            throw new JobException("count must be at least 1, got " + count);
        }
        if ((by == By.CODES) != (model != null)) {
            throw new JobException(
                    by == By.CODES
                            ? "to compare codes needs a tokenizer: give --model too"
                            : "--model gives codes to compare: add --by codes, or leave it out");
        }
        if (features != null && by != By.FEATURES) {
            throw new JobException("--features gives features to compare: add --by features, or leave it out");
        }
        if ((by == By.LPIPS) != (lpips != null)) {
            throw new JobException(
                    by == By.LPIPS
                            ? "to compare by LPIPS needs its weights: give --lpips with both files"
                            : "--lpips gives weights of LPIPS: add --by lpips, or leave it out");
        }
        if (by != By.CODES && !opening.equals(Opening.on(opening.device()))) {
            throw new JobException(
                    "--checkpoint and --precision say how the model of --by codes is opened: leave them out");
        }
        if (fullSize && by != By.PIXELS && by != By.LPIPS) {
            throw new JobException(
                    by == By.CODES
                            ? "--full-size is of pixels and lpips, and codes are of the tokenizer's own size: leave it out"
                            : "--full-size is of pixels and lpips, and features are taken at up to 1,024 pixels as it is: leave it out");
        }
    }

    /** With the model as usual. @param device {@code auto}, {@code cpu}, {@code cuda}, {@code cuda:N} */
    public FindNeighbours(
            Path samples,
            Path data,
            Path out,
            By by,
            int count,
            String model,
            String features,
            LpipsWeights lpips,
            boolean skipBad,
            String device) {
        this(samples, data, out, by, count, model, features, lpips, false, skipBad, Opening.on(device));
    }

    /**
     * An image of the data.
     *
     * @param index of the image in the set
     * @param name what messages call it
     * @param distance 0 for a copy; of pixels and codes at most 1
     */
    public record Neighbour(int index, String name, double distance) {}

    /**
     * A sample.
     *
     * @param neighbours nearest first; of those equally far, the first in the data
     */
    public record Found(String sample, List<Neighbour> neighbours) {}

    /**
     * What was found.
     *
     * @param lpips network and SHA-256 of its files for {@link By#LPIPS}; null for the others
     * @param side of the squares that images were brought to, in pixels
     * @param compared images of the data
     * @param skipped broken ones, of the samples and of the data
     */
    public record Result(
            Path out,
            int side,
            List<Found> found,
            long compared,
            long skipped,
            Map<String, String> lpips,
            double seconds) {
        /** Of the nearest neighbours, over the samples. */
        public double meanDistance() {
            return found.stream()
                    .mapToDouble(each -> each.neighbours().get(0).distance())
                    .average()
                    .orElseThrow();
        }
    }

    /** @param observer told of the samples and of the images of the data looked at so far */
    public Result run(Observer observer) {
        return run(observer, HELD);
    }

    /** @param held numbers of samples that are held at once, unless one has more */
    Result run(Observer observer, long held) {
        Outputs.png("--out", out);
        Device place = opening.place();
        RunFolder folder =
                by == By.CODES ? Encoding.tokenizerOf(RunFolder.open(model)).at(opening.checkpoint()) : null;
        try (Claim claim = Claim.beside(out);
                ImageSet ours = ImageSet.open(samples);
                ImageSet theirs = ImageSet.open(data);
                Tokenizer tokenizer = folder == null ? null : folder.tokenizer(place);
                ImageFeatures compared = by == By.FEATURES ? ImageFeatures.open(features, place) : null;
                Lpips seen = by == By.LPIPS ? lpips.open(place) : null) {
            if (ours.size() > MOST_SAMPLES) {
                throw new JobException(
                        Phrase.of("--samples must have at most %,d images, and %s has %,d: give some of them")
                                .with(MOST_SAMPLES, samples, ours.size()));
            }
            long started = System.nanoTime();
            Preparation preparation = folder == null
                    ? new Preparation(side(ours), Crop.CENTER, false)
                    : Encoding.preparation(folder, tokenizer.imageSize());
            Features means =
                    switch (by) {
                        case PIXELS -> new OfPixels(place);
                        case CODES -> new OfCodes(tokenizer, place, opening.precisionOn(place));
                        case FEATURES -> new OfFeatures(compared, place);
                        case LPIPS -> new OfLpips(seen);
                    };
            Map<String, String> files = seen == null ? null : seen.facts();
            return Scope.value(() -> compare(ours, theirs, preparation, means, files, observer, held, started));
        }
    }

    /** The largest power of two that isn't more than the shorter side of the first sample, within bounds. */
    private int side(ImageSet ours) {
        int least = by == By.LPIPS ? LEAST_SEEN : 8;
        int most = by == By.FEATURES ? MOST_FEATURED : MOST_SIDE;
        for (int i = 0; ; i++) {
            try {
                Pixels first = ours.read(i);
                int shorter = Math.min(first.width(), first.height());
                if (fullSize) {
                    return full(ours.name(i), shorter);
                }
                int side = Integer.highestOneBit(shorter);
                return Math.max(least, Math.min(most, side));
            } catch (DataException e) {
                if (!skipBad || i == ours.size() - 1) {
                    throw e;
                }
            }
        }
    }

    private static int full(String name, int side) {
        if (side < LEAST_SEEN || side > MOST_FULL) {
            throw new JobException(
                    Phrase.of("--full-size compares images with a shorter side from %d to %,d pixels, and"
                                    + " that of %s is %,d: leave it out, or resize the samples")
                            .with(LEAST_SEEN, MOST_FULL, name, side));
        }
        return side;
    }

    private Result compare(
            ImageSet ours,
            ImageSet theirs,
            Preparation preparation,
            Features features,
            Map<String, String> files,
            Observer observer,
            long held,
            long started) {
        int side = preparation.size();
        long numbers =
                Scope.value(() -> features.of(Tensors.zeros(1, 3, side, side)).numel());
        int batch = (int) Math.max(1, Math.min(BATCH, AT_ONCE / numbers));
        int together = (int) Math.max(1, Math.min(ours.size(), held / numbers));
        int passes = (ours.size() + together - 1) / together;
        Search search = new Search(theirs, preparation, features, batch, observer);
        for (int pass = 0; pass < passes; pass++) {
            int from = pass * together;
            String title = passes == 1 ? "comparing" : "comparing, pass " + (pass + 1) + " of " + passes;
            ImageSet some = Subset.part(ours, from, Math.min(from + together, ours.size()));
            Scope.free(() -> search.pass(some, from, title));
        }
        List<Integer> indices = search.indices;
        long compared = search.compared;
        if (indices.isEmpty()) {
            throw new JobException("none of the " + ours.size() + " images of " + samples + " could be read");
        }
        if (compared == 0) {
            throw new JobException("none of the " + theirs.size() + " images of " + data + " could be read");
        }
        int length = 1 + (int) Math.min(count, compared); // of a strip
        int columns = columns(indices.size(), length, side);
        List<Found> found = new ArrayList<>();
        Phase writing = Phase.of("writing the picture", "strips", indices.size());
        try (GridFile grid = columns == 1
                ? new GridFile(out, length * indices.size(), length, WITHIN, side, side)
                : new GridFile(out, indices.size(), columns, BETWEEN, length * (side + WITHIN) - WITHIN, side)) {
            for (int i = 0; i < indices.size(); i++) {
                Stopping.check();
                observer.see(writing.done(i));
                List<Pixels> strip = new ArrayList<>();
                Consumer<Pixels> next = columns == 1 ? grid::add : strip::add;
                next.accept(square(ours, indices.get(i), preparation));
                List<Neighbour> neighbours = new ArrayList<>();
                for (Nearest.Place each : search.places.get(i)) {
                    neighbours.add(new Neighbour(each.index(), theirs.name(each.index()), each.distance()));
                    next.accept(square(theirs, each.index(), preparation));
                }
                if (columns > 1) {
                    grid.add(Pictures.grid(strip, length, WITHIN));
                }
                found.add(new Found(ours.name(indices.get(i)), neighbours));
            }
            grid.finish();
        }
        double seconds = (System.nanoTime() - started) / 1e9;
        return new Result(out, preparation.size(), found, compared, search.skipped, files, seconds);
    }

    /** So many that the picture is about as wide as high, while a row of them is small. */
    private static int columns(int strips, int length, int side) {
        long most = MOST_ROW / (3L * side * length * (side + WITHIN));
        return (int) Math.max(1, Math.min(most, Math.round(Math.sqrt((double) strips / length))));
    }

    private static Pixels square(ImageSet images, int index, Preparation preparation) {
        byte[] rgb = preparation.apply(images.read(index), new SplittableRandom(0));
        return new Pixels(preparation.size(), preparation.size(), rgb);
    }

    /** Goes through the data, for some samples after the others. */
    private final class Search {
        private final ImageSet data;
        private final Preparation preparation;
        private final Features features;
        private final int batch;
        private final Observer observer;
        private final List<Integer> indices = new ArrayList<>(); // of the samples that could be read
        private final List<List<Nearest.Place>> places = new ArrayList<>(); // of each of them
        private long skipped;
        private long compared;

        Search(ImageSet data, Preparation preparation, Features features, int batch, Observer observer) {
            this.data = data;
            this.preparation = preparation;
            this.features = features;
            this.batch = batch;
            this.observer = observer;
        }

        /** @param from number of the first of these among all samples */
        void pass(ImageSet samples, int from, String title) {
            List<Tensor> parts = new ArrayList<>();
            int before = indices.size();
            Phase phase = Phase.of("reading the samples", "images", samples.size());
            observer.see(phase);
            try (ImagePass pass = ImageBatches.inOrder(samples, preparation, batch, skipBad)) {
                while (pass.hasNext()) {
                    parts.add(Scope.keep(() -> {
                        ImagePass.Batch next = pass.next();
                        Arrays.stream(next.indices()).forEach(index -> indices.add(from + index));
                        return features.of(next.images().pixels());
                    }));
                    observer.see(phase.done(indices.size() - before + pass.skipped()));
                }
                skipped += pass.skipped();
            }
            if (!parts.isEmpty()) {
                Tensor own = parts.size() == 1 ? parts.get(0) : Tensors.cat(parts); // [S, F]
                compare(own, title);
            }
        }

        private void compare(Tensor own, String title) {
            Nearest nearest = new Nearest((int) own.size(0), count);
            Phase phase = Phase.of(title, "images", data.size());
            observer.see(phase);
            boolean first = places.isEmpty(); // later passes see the same images
            compared = 0;
            try (ImagePass pass = ImageBatches.inOrder(data, preparation, batch, skipBad)) {
                while (pass.hasNext()) {
                    compared += Scope.value(() -> {
                        ImagePass.Batch next = pass.next();
                        Tensor distances = features.distances(
                                own, features.of(next.images().pixels())); // [S, B]
                        nearest.add(Tensors.toDoubles(distances), next.indices());
                        return next.indices().length;
                    });
                    observer.see(phase.done(compared + pass.skipped()));
                }
                skipped += first ? pass.skipped() : 0;
            }
            places.addAll(nearest.places);
        }
    }

    /** The nearest so far of each sample. */
    private static final class Nearest {
        private final int count;
        private final List<List<Place>> places = new ArrayList<>();

        record Place(int index, double distance) {}

        Nearest(int samples, int count) {
            this.count = count;
            for (int i = 0; i < samples; i++) {
                places.add(new ArrayList<>());
            }
        }

        /** @param distances row by row, [S, B] */
        void add(double[] distances, int[] indices) {
            for (int i = 0; i < distances.length; i++) {
                insert(places.get(i / indices.length), new Place(indices[i % indices.length], distances[i]));
            }
        }

        private void insert(List<Place> nearest, Place place) {
            int at = nearest.size();
            while (at > 0 && nearest.get(at - 1).distance() > place.distance()) {
                at--;
            }
            if (at < count) {
                nearest.add(at, place);
                if (nearest.size() > count) {
                    nearest.remove(count);
                }
            }
        }
    }

    /** What of images is compared, and how. */
    private interface Features {
        /** Images in [-1, 1], [B, 3, H, W] -> [B, F] */
        Tensor of(Tensor images);

        /** [S, F], [B, F] -> float64 [S, B] */
        Tensor distances(Tensor samples, Tensor data);
    }

    /** Pixel values 0..255, kept in bytes and multiplied in float64, whose sums of whole numbers are exact. */
    private record OfPixels(Device place) implements Features {
        @Override
        public Tensor of(Tensor images) {
            return Scope.keep(() -> images.to(place, ScalarType.Double)
                    .add(new Scalar(1.0))
                    .mul(new Scalar(127.5))
                    .round()
                    .to(ScalarType.Byte)
                    .flatten(1, -1));
        }

        @Override
        public Tensor distances(Tensor samples, Tensor data) {
            return Scope.keep(() -> squares(samples, data)
                    .div(new Scalar((double) samples.size(1)))
                    .sqrt()
                    .div(new Scalar(255.0)));
        }
    }

    /** |a - b|² of all pairs, by products in float64. [S, F], [B, F] -> float64 [S, B] */
    private static Tensor squares(Tensor samples, Tensor data) {
        return Scope.keep(() -> {
            Tensor b = data.to(ScalarType.Double); // [B, F]
            Tensor bb = b.mul(b).sum(1);
            List<Tensor> rows = new ArrayList<>();
            long most = Math.max(1, Math.min(BATCH, AT_ONCE / samples.size(1)));
            for (long from = 0; from < samples.size(0); from += most) {
                long start = from;
                Stopping.check();
                long size = Math.min(most, samples.size(0) - from);
                rows.add(Scope.keep(() -> {
                    Tensor a = samples.narrow(0, start, size).to(ScalarType.Double);
                    Tensor aa = a.mul(a).sum(1).unsqueeze(1);
                    return aa.add(bb).sub(a.matmul(b.t()).mul(new Scalar(2.0))); // [S', B]
                }));
            }
            return Tensors.cat(rows);
        });
    }

    /** The tokens at all places. */
    private record OfCodes(Tokenizer tokenizer, Device place, Precision precision) implements Features {
        @Override
        public Tensor of(Tensor images) {
            return Scope.keep(() -> {
                try (NoGradGuard guard = new NoGradGuard()) {
                    tokenizer.parameters().training(false);
                    Tensor pixels = images.to(place, ScalarType.Float);
                    long[] noise = new long[(int) images.size(0)]; // of the same seed
                    return precision
                            .run(place, () -> tokenizer.encode(pixels, noise))
                            .flatten(1, -1);
                }
            });
        }

        @Override
        public Tensor distances(Tensor samples, Tensor data) {
            return Scope.keep(() -> {
                List<Tensor> rows = new ArrayList<>();
                for (long i = 0; i < samples.size(0); i++) {
                    Stopping.check();
                    Tensor differ = data.ne(samples.narrow(0, i, 1)).to(ScalarType.Double); // [B, F]
                    rows.add(differ.mean(1).unsqueeze(0));
                }
                return Tensors.cat(rows);
            });
        }
    }

    /** Vectors that are as far apart as LPIPS says, in float32. */
    private record OfLpips(Lpips lpips) implements Features {
        @Override
        public Tensor of(Tensor images) {
            return Scope.keep(() -> {
                try (NoGradGuard guard = new NoGradGuard()) {
                    return lpips.vectors(images);
                }
            });
        }

        @Override
        public Tensor distances(Tensor samples, Tensor data) {
            return Scope.keep(() -> torch.relu(squares(samples, data))); // rounding may bring a copy below 0
        }
    }

    /** Features, compared by their Euclidean distance. */
    private record OfFeatures(ImageFeatures features, Device place) implements Features {
        @Override
        public Tensor of(Tensor images) {
            return Scope.keep(() -> {
                try (NoGradGuard guard = new NoGradGuard()) {
                    Tensor whole = images.to(place, ScalarType.Float)
                            .add(new Scalar(1.0))
                            .mul(new Scalar(127.5))
                            .round();
                    return features.of(whole).pool().to(ScalarType.Double);
                }
            });
        }

        @Override
        public Tensor distances(Tensor samples, Tensor data) {
            return Scope.keep(() -> {
                List<Tensor> rows = new ArrayList<>();
                for (long i = 0; i < samples.size(0); i++) {
                    Stopping.check();
                    Tensor difference = data.sub(samples.narrow(0, i, 1)); // [B, F]
                    rows.add(difference.square().sum(1).sqrt().unsqueeze(0));
                }
                return Tensors.cat(rows);
            });
        }
    }
}
