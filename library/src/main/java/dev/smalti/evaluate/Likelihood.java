package dev.smalti.evaluate;

import dev.smalti.data.ImageBatches;
import dev.smalti.data.ImagePass;
import dev.smalti.data.ImageSet;
import dev.smalti.data.Preparation;
import dev.smalti.model.Encoding;
import dev.smalti.model.Model;
import dev.smalti.prior.BoundInSteps;
import dev.smalti.prior.Prior;
import dev.smalti.prior.TokenBatch;
import dev.smalti.run.JobException;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenFile;
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
 * @param repeats estimates of each grid that are averaged; at least 1
 * @param seed of the estimates
 * @param inSteps whether to estimate the bound of T steps too, where the method has {@linkplain BoundInSteps both}, for twice
 *     the time
 */
public record Likelihood(Model model, int repeats, long seed, boolean inSteps) {
    private static final int BATCH = 64;

    public Likelihood {
        if (repeats < 1) {
            throw new JobException("repeats must be at least 1, got " + repeats);
        }
    }

    /** One bound: that of continuous time where the method has both. */
    public Likelihood(Model model, int repeats, long seed) {
        this(model, repeats, seed, false);
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
     * @param steps T of the process that they are bounds of; 0 for continuous time, T → ∞, and for exact values
     * @param bitsPerDimension of 8-bit pixels, tokens included; null without images or without a model of pixels
     * @param bitsPerDimensionOf5Bits the same of 5-bit pixels, which some papers report: 3 bits below, since the density of
     *     the pixels is that of the 8-bit images in both
     * @param inSteps the same as bounds of the method's T steps; null unless it was asked for and the method has both
     */
    public record Result(
            long grids,
            boolean exact,
            int steps,
            Estimate bitsPerToken,
            Estimate bitsPerDimension,
            Estimate bitsPerDimensionOf5Bits,
            Result inSteps) {}

    /** What is found grid by grid: by one bound, or where {@code steps} says so by that of T steps. */
    private final class Values {
        private final BoundInSteps steps; // null for the usual one
        private final List<Double> bits = new ArrayList<>(); // per token
        private final List<Double> nats = new ArrayList<>(); // per dimension

        Values(BoundInSteps steps) {
            this.steps = steps;
        }

        /**
         * @param first number of the first of these grids
         * @param pixels nats of the pixels of each given its codes; null without
         * @param values of an image
         */
        void add(Tensor codes, Tensor labels, Tensor noise, long first, double[] pixels, double values) {
            double[] each = negativeLogLikelihood(codes, labels, noise, first, steps);
            for (int i = 0; i < each.length; i++) {
                bits.add(bitsPerToken(each[i]));
                if (pixels != null) {
                    nats.add((each[i] + pixels[i]) / values);
                }
            }
        }

        Result result(Result inSteps) {
            return new Result(
                    bits.size(),
                    model.prior().exact(),
                    steps == null ? model.prior().boundSteps() : steps.steps(),
                    Estimate.of(bits),
                    bitsPerDimension(nats, 8),
                    bitsPerDimension(nats, 5),
                    inSteps);
        }
    }

    /** Those of the usual bound, and of T steps where they are wanted. */
    private List<Values> values() {
        Values usual = new Values(null);
        return inSteps && model.prior() instanceof BoundInSteps both
                ? List.of(usual, new Values(both))
                : List.of(usual);
    }

    private static Result result(List<Values> values) {
        Result more = values.size() > 1 ? values.get(1).result(null) : null;
        return values.get(0).result(more);
    }

    /**
     * Of grids that are the model's {@linkplain Model#requireOwn own}.
     *
     * @param count of them, evenly spread over all
     */
    public Result ofTokens(TokenFile file, long count, LongConsumer progress) {
        List<Values> values = values();
        for (long from = 0; from < count; from += BATCH) {
            long begin = from;
            long end = Math.min(count, from + BATCH);
            Scope.free(() -> {
                Tensor which = Tensors.longs(LongStream.range(begin, end)
                        .map(i -> i * file.size() / count)
                        .toArray());
                Tensor labels = file.labels().isEmpty() ? null : file.batchLabels(which);
                Tensor noise = file.batchNoiseSeeds(which).orElse(null);
                Tensor codes = file.batchCodes(which);
                values.forEach(each -> each.add(codes, labels, noise, begin, null, 1));
            });
            progress.accept(end);
        }
        return result(values);
    }

    /** @throws JobException if the model has no tokenizer */
    public Result ofImages(ImageSet images, boolean skipBad, LongConsumer progress) {
        if (model.tokenizer() == null) {
            throw new JobException(model.folder().path() + " has no tokenizer: give --tokens instead of --data");
        }
        int size = model.tokenizer().imageSize();
        Preparation preparation = Encoding.preparation(model.folder().tokenizerFolder(), size);
        List<Values> values = values();
        long[] done = {0};
        Seed noise = Encoding.noise(images);
        try (ImagePass pass = ImageBatches.inOrder(images, preparation, BATCH, skipBad)) {
            while (pass.hasNext()) {
                Scope.free(() -> done[0] += add(images, noise, pass.next(), done[0], values));
                progress.accept(done[0]);
            }
        }
        return result(values);
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

    private int add(ImageSet images, Seed noise, ImagePass.Batch batch, long first, List<Values> values) {
        try (NoGradGuard guard = new NoGradGuard()) {
            Tensor pixels = batch.images().pixels().to(model.device(), ScalarType.Float);
            long[] seeds = Encoding.noise(noise, 0, batch.indices());
            Tensor codes = model.encode(pixels, seeds); // as encode does it, in its precision too
            Tensor labels = model.prior().classes() == 0
                    ? null
                    : Tensors.longs(LongStream.range(0, batch.indices().length)
                            .map(i -> label(images, batch.indices()[(int) i]))
                            .toArray());
            Tensor density = model.tokenizer().pixelNats(pixels, codes);
            double[] given = density == null ? null : Tensors.toDoubles(density);
            double dimensions =
                    3.0 * model.tokenizer().imageSize() * model.tokenizer().imageSize();
            values.forEach(each -> each.add(codes, labels, Tensors.longs(seeds), first, given, dimensions));
            return seeds.length;
        }
    }

    /** The model's number of the class that the image's folder names; the number for no class where it names none. */
    private long label(ImageSet images, int index) {
        List<String> names = model.classNames();
        int label = images.label(index);
        int known = label < 0 ? -1 : names.indexOf(images.classNames().get(label));
        return known < 0 ? names.size() : known;
    }

    /** [B] means over the repeats */
    private double[] negativeLogLikelihood(Tensor codes, Tensor labels, Tensor noise, long first, BoundInSteps steps) {
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
                    double[] each = Tensors.toDoubles(model.precision()
                            .run(
                                    model.device(),
                                    () -> steps == null
                                            ? prior.negativeLogLikelihood(batch, draw)
                                            : steps.negativeLogLikelihoodInSteps(batch, draw)));
                    for (int i = 0; i < sum.length; i++) {
                        sum[i] += each[i] / repeats;
                    }
                }
                return sum;
            }
        });
    }

    private double bitsPerToken(double nats) {
        return nats / model.prior().space().size() / Math.log(2);
    }
}
