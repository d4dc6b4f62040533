package dev.smalti.job;

import dev.smalti.data.ImageBatches;
import dev.smalti.data.ImagePass;
import dev.smalti.data.ImageSet;
import dev.smalti.data.Preparation;
import dev.smalti.data.Subset;
import dev.smalti.model.Model;
import dev.smalti.prior.Prior;
import dev.smalti.prior.TokenBatch;
import dev.smalti.run.JobException;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenFile;
import dev.smalti.token.TokenSpace;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * How likely a model finds tokens or images: bits per token, a bound from above where the method gives only that, and for
 * images also bits per pixel dimension where the tokenizer models pixels. Where a tokenizer gives several codes at each
 * place, each counts as a token, and what is measured is their likelihood given the tokenizer's noise.
 *
 * @param tokens token file or a folder of them, or null
 * @param data images, or null; one of both
 * @param repeats estimates of each grid that are averaged; at least 1
 * @param seed of the estimates
 * @param grids how many are measured, evenly spread over all; 0 for all
 */
public record MeasureLikelihood(Path tokens, Path data, int repeats, long seed, boolean skipBad, int grids) {
    private static final int BATCH = 64;

    public MeasureLikelihood {
        if ((tokens == null) == (data == null)) {
            throw new JobException("likelihood needs either --tokens or --data");
        }
        if (repeats < 1) {
            throw new JobException("repeats must be at least 1, got " + repeats);
        }
        if (grids < 0) {
            throw new JobException("grids must be at least 1, or 0 for all, got " + grids);
        }
    }

    /** Of all grids. */
    public MeasureLikelihood(Path tokens, Path data, int repeats, long seed, boolean skipBad) {
        this(tokens, data, repeats, seed, skipBad, 0);
    }

    /**
     * A mean with the half-width of its 95 % confidence interval over grids.
     *
     * @param interval 1.96 standard errors; NaN for a single grid
     */
    public record Estimate(double mean, double interval) {
        static Estimate of(List<Double> values) {
            double mean =
                    values.stream().mapToDouble(Double::doubleValue).average().orElse(Double.NaN);
            double squares =
                    values.stream().mapToDouble(v -> (v - mean) * (v - mean)).sum();
            int n = values.size();
            return new Estimate(mean, n < 2 ? Double.NaN : 1.96 * Math.sqrt(squares / (n - 1) / n));
        }
    }

    /**
     * What was found.
     *
     * @param exact false if the values are bounds from above
     * @param bitsPerDimension of 8-bit pixels, tokens included; null without images or without a model of pixels
     * @param bitsPerDimensionOf5Bits the same of 5-bit pixels, which some papers report: 3 bits below, since the density of
     *     the pixels is that of the 8-bit images in both
     */
    public record Result(
            long grids,
            boolean exact,
            Estimate bitsPerToken,
            Estimate bitsPerDimension,
            Estimate bitsPerDimensionOf5Bits) {}

    public Result run(Model model, LongConsumer total, LongConsumer progress) {
        return tokens != null ? ofTokens(model, total, progress) : ofImages(model, total, progress);
    }

    private Result ofTokens(Model model, LongConsumer total, LongConsumer progress) {
        try (TokenFile file = TokenFile.read(tokens)) {
            check(model, file, tokens);
            long count = grids == 0 ? file.size() : Math.min(grids, file.size());
            total.accept(count);
            List<Double> bits = new ArrayList<>();
            for (long from = 0; from < count; from += BATCH) {
                long begin = from;
                long end = Math.min(count, from + BATCH);
                Scope.free(() -> {
                    Tensor which = Tensors.longs(LongStream.range(begin, end)
                            .map(i -> i * file.size() / count)
                            .toArray());
                    Tensor labels = file.labels().isEmpty() ? null : file.batchLabels(which);
                    for (double nats : negativeLogLikelihood(
                            model,
                            file.batchCodes(which),
                            labels,
                            file.batchNoiseSeeds(which).orElse(null),
                            begin)) {
                        bits.add(bitsPerToken(model, nats));
                    }
                });
                progress.accept(end);
            }
            return new Result(count, model.prior().exact(), Estimate.of(bits), null, null);
        }
    }

    public static void check(Model model, TokenFile file, Path tokens) {
        TokenSpace own = model.prior().space();
        if (!file.space().equals(own)) {
            throw new JobException(tokens + " has " + file.space().text() + ", and the model was trained on "
                    + own.text() + ": encode with its own tokenizer");
        }
        if (own.depth() > 1 && file.noiseSeeds().isEmpty()) {
            throw new JobException(
                    tokens + " has no noise_seeds, and the model knows codes by their noise: encode with its"
                            + " own tokenizer");
        }
        String known = model.folder().description().tokenizer();
        if (known != null
                && file.tokenizer().isPresent()
                && !file.tokenizer().get().equals(known)) {
            throw new JobException(
                    tokens + " was made by tokenizer " + file.tokenizer().get()
                            + ", and the model was trained on tokens of " + known + ": encode with its own tokenizer");
        }
        if (model.prior().classes() > 0 && file.classes() > model.prior().classes()) {
            throw new JobException(tokens + " has " + file.classes() + " classes, and the model knows "
                    + model.prior().classes());
        }
    }

    private Result ofImages(Model model, LongConsumer total, LongConsumer progress) {
        if (model.tokenizer() == null) {
            throw new JobException(model.folder().path() + " has no tokenizer: give --tokens instead of --data");
        }
        try (ImageSet all = ImageSet.open(data)) {
            ImageSet images = grids == 0 ? all : Subset.spread(all, grids);
            total.accept(images.size());
            List<String> names = model.classNames();
            int size = model.tokenizer().imageSize();
            Preparation preparation =
                    new Preparation(size, EncodeImages.crop(model.folder().tokenizerFolder()), false);
            List<Double> bits = new ArrayList<>();
            List<Double> nats = new ArrayList<>(); // per dimension
            Seed noise = EncodeImages.noise(images);
            try (ImagePass pass = ImageBatches.inOrder(images, preparation, BATCH, skipBad)) {
                while (pass.hasNext()) {
                    Scope.free(() -> add(model, images, names, noise, pass.next(), bits, nats));
                    progress.accept(bits.size());
                }
            }
            return new Result(
                    bits.size(),
                    model.prior().exact(),
                    Estimate.of(bits),
                    bitsPerDimension(nats, 8),
                    bitsPerDimension(nats, 5));
        }
    }

    /**
     * A density over [-1, 1] becomes a probability of values of so many bits, of which each is a bin of width 2 / 2^bits: in
     * the papers' form for [0, 1], (NLL + ELBO + P ln 2^bits) / (P ln 2). Bond-Taylor et al. 2022 report 5 bits.
     */
    private static Estimate bitsPerDimension(List<Double> nats, int bits) {
        return nats.isEmpty()
                ? null
                : Estimate.of(
                        nats.stream().map(each -> each / Math.log(2) + bits - 1).toList());
    }

    private void add(
            Model model,
            ImageSet images,
            List<String> names,
            Seed noise,
            ImagePass.Batch batch,
            List<Double> bits,
            List<Double> dimensions) {
        try (NoGradGuard guard = new NoGradGuard()) {
            Tensor pixels = batch.images().pixels().to(model.device(), ScalarType.Float);
            long[] seeds = EncodeImages.noise(noise, 0, batch.indices());
            Tensor codes = model.encode(pixels, seeds); // as encode does it, in its precision too
            Tensor labels = model.prior().classes() == 0
                    ? null
                    : Tensors.longs(LongStream.range(0, batch.indices().length)
                            .map(i -> label(images, names, batch.indices()[(int) i]))
                            .toArray());
            double[] nats = negativeLogLikelihood(model, codes, labels, Tensors.longs(seeds), bits.size());
            Tensor density = model.tokenizer().pixelNats(pixels, codes);
            double[] given = density == null ? null : Tensors.toDoubles(density);
            double values =
                    3.0 * model.tokenizer().imageSize() * model.tokenizer().imageSize();
            for (int i = 0; i < nats.length; i++) {
                bits.add(bitsPerToken(model, nats[i]));
                if (given != null) {
                    dimensions.add((nats[i] + given[i]) / values);
                }
            }
        }
    }

    /** The model's number of the class that the image's folder names; the number for no class where it names none. */
    private static long label(ImageSet images, List<String> names, int index) {
        int label = images.label(index);
        int known = label < 0 ? -1 : names.indexOf(images.classNames().get(label));
        return known < 0 ? names.size() : known;
    }

    /** [B] means over the repeats */
    private double[] negativeLogLikelihood(Model model, Tensor codes, Tensor labels, Tensor noise, long first) {
        Prior prior = model.prior();
        return Scope.value(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                Tensor flat = codes.flatten(1, -1).to(model.device(), ScalarType.Long);
                Tensor known = prior.classes() == 0
                        ? null
                        : labels == null
                                ? Tensors.filled(prior.classes(), codes.size(0))
                                : labels.to(model.device(), ScalarType.Long);
                double[] sum = new double[(int) codes.size(0)];
                for (int repeat = 0; repeat < repeats; repeat++) {
                    Seed draw = new Seed(seed).child(first).child(repeat);
                    TokenBatch batch = new TokenBatch(flat, known, noise);
                    double[] each = Tensors.toDoubles(
                            model.precision().run(model.device(), () -> prior.negativeLogLikelihood(batch, draw)));
                    for (int i = 0; i < sum.length; i++) {
                        sum[i] += each[i] / repeats;
                    }
                }
                return sum;
            }
        });
    }

    private static double bitsPerToken(Model model, double nats) {
        return nats / model.prior().space().size() / Math.log(2);
    }
}
