package dev.smalti.prior.lcmd;

import dev.smalti.distributed.WholeBatch;
import dev.smalti.draw.RandomStreams.Use;
import dev.smalti.draw.UnsupportedSamplingException;
import dev.smalti.network.Denoiser;
import dev.smalti.network.Loss;
import dev.smalti.network.Objective;
import dev.smalti.network.Parameters;
import dev.smalti.prior.Prior;
import dev.smalti.prior.PriorCore;
import dev.smalti.prior.PriorObjective;
import dev.smalti.prior.TokenBatch;
import dev.smalti.prior.lcmd.LcmdConfiguration.Dropping;
import dev.smalti.prior.lcmd.LcmdConfiguration.Pair;
import dev.smalti.prior.lcmd.LcmdConfiguration.Sampler;
import dev.smalti.prior.lcmd.LcmdConfiguration.Weights;
import dev.smalti.prior.process.GridDraw;
import dev.smalti.prior.process.GridDraw.Step;
import dev.smalti.prior.process.Inference;
import dev.smalti.prior.process.LowDiscrepancyTimes;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenFile;
import dev.smalti.token.TokenSpace;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Tokens become learnt vectors, to which noise is added; a transformer learns the tokens back, and the same of all the noise
 * along a path. VQ-LCMD, its baselines CSDM, and CDCD, by the weights of the loss.
 *
 * <p>Letters: B batch, L tokens, K codes, D dimension of embeddings, e(x) their vectors, z_t those with noise, x̂ the mean of
 * the embeddings under the guess p(x | z_t).
 */
public final class Lcmd implements Prior {
    private static final int MEASURE_EVERY = 50;
    private static final int MEASURED_GRIDS = 32;
    private static final double[] MEASURED_TIMES = {0.1, 0.5, 0.9};

    private final LcmdConfiguration configuration;
    private final PriorCore core;
    private final TokenSpace space;
    private final Parameters parameters;
    private final Guesser student;
    private final Guesser teacher; // null where nothing is learnt of it
    private Prior known; // to have the same embeddings; null for none yet

    /** @param classes 0 for an unconditional prior */
    public Lcmd(LcmdConfiguration configuration, TokenSpace space, int classes, Seed seed, Device device) {
        this.configuration = configuration;
        this.space = space;
        this.parameters = new Parameters(seed, device);
        this.core = new PriorCore(space, classes, parameters);
        this.student = new Guesser(parameters, configuration, space, classes);
        Parameters copy = parameters.child("teacher").frozen();
        this.teacher =
                configuration.weights().consistency() > 0 ? new Guesser(copy, configuration, space, classes) : null;
        follow(0);
    }

    @Override
    public PriorCore core() {
        return core;
    }

    @Override
    public Denoiser denoiser() {
        return student;
    }

    /** The level of noise is told as it is; embeddings are looked at apart. */
    @Override
    public String process() {
        return "VQ-LCMD";
    }

    /** A vector means something among the embeddings that it was made with alone. They are looked at once for each prior. */
    @Override
    public void requireGuiding(Prior guiding) {
        Prior.super.requireGuiding(guiding);
        if (guiding == known) {
            return;
        }
        if (!student.embeddings().same(((Lcmd) guiding).student.embeddings())) {
            throw new UnsupportedSamplingException(
                    "the model to be guided away from has other embeddings than this one, in which its network would read"
                            + " this one's vectors: take priors with prior.embedding.origin: codebook and the same"
                            + " tokenizer, or leave the model (--against) out");
        }
        known = guiding;
    }

    Guesser student() {
        return student;
    }

    Guesser teacher() {
        return teacher;
    }

    /** Takes the codebook for the embeddings, if so configured. */
    @Override
    public void prepare(TokenFile tokens) {
        student.embeddings().prepare(tokens);
        if (teacher != null) {
            teacher.embeddings().prepare(tokens);
        }
    }

    @Override
    public List<Objective<TokenBatch>> objectives() {
        return List.of(new Following());
    }

    /** The loss; the teacher moves on once a step, before it. */
    private final class Following implements Objective<TokenBatch> {
        private long last = -1;

        @Override
        public String name() {
            return "prior";
        }

        @Override
        public Parameters parameters() {
            return parameters;
        }

        @Override
        public Loss loss(TokenBatch batch, long step, Seed seed) {
            if (step != last && step % configuration.consistency().every() == 0) {
                follow(configuration.teacher());
            }
            last = step;
            PriorObjective.Method method =
                    (x0, label, generator) -> trainingLoss(x0, label, generator, step % MEASURE_EVERY == 0);
            return new PriorObjective(core, configuration.labelDropping(), method).loss(batch, step, seed);
        }
    }

    /** θ⁻ ← decay θ⁻ + (1 - decay) θ, embeddings included. */
    void follow(double decay) {
        if (teacher == null) {
            return;
        }
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                Map<String, Tensor> own = parameters.buffers();
                Scalar share = new Scalar(1 - decay);
                parameters.weights().forEach((name, weight) -> own.get("teacher." + name)
                        .lerp_(weight, share));
            }
        });
    }

    /**
     * The random numbers of a loss.
     *
     * @param t times in [0, 1], float64 [B]
     * @param s times from 0, or nearer, to t, float64 [B]
     * @param ratio uniform numbers, float64 [B], from which random dropping takes its ratio
     * @param fate uniform numbers, float64 [B, L], which decide what is dropped
     * @param start noise of z_0, float32 [B, L, D]
     * @param noise noise of z_t, float32 [B, L, D]
     * @param between noise of z_s given z_t and x, float32 [B, L, D]; null where z_s is not drawn
     */
    record Chance(Tensor t, Tensor s, Tensor ratio, Tensor fate, Tensor start, Tensor noise, Tensor between) {}

    /** Those of grids as many as x0's; times even in [0, 1), or as the bound's are where it is trained. */
    Chance chance(Tensor x0, Generator generator) {
        long size = x0.size(0);
        Tensor even = LowDiscrepancyTimes.numbers(generator, size);
        Tensor t = spread() ? configuration.noise().times(even) : even;
        Tensor least = t.sub(new Scalar(configuration.consistency().nearby())).clamp_min(new Scalar(0.0));
        Tensor s = least.add(t.sub(least).mul(WholeBatch.uniform(generator, size)));
        Tensor ratio = WholeBatch.uniform(generator, size);
        Tensor fate = WholeBatch.uniform(generator, size, space.length());
        Tensor start = noise(x0, generator);
        Tensor noise = noise(x0, generator);
        boolean drawn = teacher != null && configuration.consistency().pair() == Pair.DATA;
        return new Chance(t, s, ratio, fate, start, noise, drawn ? noise(x0, generator) : null);
    }

    private Tensor noise(Tensor x0, Generator generator) { // [B, L, D]
        Tensor noise = WholeBatch.own(x0.size(0), all -> {
            long[] shape = {all, space.length(), configuration.embedding().dimension()};
            return torch.randn(shape, new GeneratorOptional(generator), Tensors.options(ScalarType.Float));
        });
        return Devices.send(noise, x0.device(), ScalarType.Float);
    }

    /**
     * The weighted sum of the terms, and those that weigh anything as measures, each in nats a token; by time the sum of those of
     * z_t.
     */
    Loss trainingLoss(Tensor x0, Tensor label, Generator generator, boolean measuring) {
        Chance chance = chance(x0, generator);
        Terms terms = terms(x0, label, chance);
        Weights weights = configuration.weights();
        Map<String, Double> weight = Map.of(
                "reconstruction", weights.reconstruction(),
                "consistency", weights.consistency(),
                "diffusion", weights.diffusion(),
                "variational", weights.variational(),
                "cross_entropy", weights.crossEntropy());
        Tensor total = null;
        Map<String, Tensor> measures = new LinkedHashMap<>();
        for (Map.Entry<String, Tensor> term : terms.means().entrySet()) {
            Tensor part = term.getValue().mul(new Scalar(weight.get(term.getKey())));
            total = total == null ? part : total.add(part);
            measures.put(term.getKey(), term.getValue().detach());
        }
        if (measuring) {
            measures.putAll(collapse(x0, label, generator));
        }
        Tensor between = null; // of z_t, [B, L]
        for (Map.Entry<String, Tensor> term : terms.between().entrySet()) {
            Tensor part = term.getValue().detach().mul(new Scalar(weight.get(term.getKey())));
            between = between == null ? part : between.add(part);
        }
        return new Loss(total, measures, between == null ? null : byTime(chance.t(), between.mean(1)));
    }

    /** As if times were even, whatever times were drawn. [B] twice */
    private Loss.ByTime byTime(Tensor t, Tensor each) {
        if (!spread()) {
            return new Loss.ByTime(t, each);
        }
        double parts = Loss.ByTime.PARTS;
        Tensor end = t.mul(new Scalar(parts)).ceil().clamp_min(new Scalar(1.0)).div(new Scalar(parts));
        ShiftedCosine noise = configuration.noise();
        Tensor drawn =
                noise.below(end).sub(noise.below(end.sub(new Scalar(1 / parts)))); // the share of times in t's part
        return new Loss.ByTime(
                t, each.mul(Devices.send(drawn.mul(new Scalar(parts)), each.device(), ScalarType.Float)));
    }

    /**
     * The terms of the loss that weigh anything, by name.
     *
     * @param means over tokens, and over even times, []
     * @param between those of z_t of each token, as the means have them, but for what has no time, [B, L]
     */
    record Terms(Map<String, Tensor> means, Map<String, Tensor> between) {}

    /** @param x0 int64 [B, L] */
    Terms terms(Tensor x0, Tensor label, Chance chance) {
        Weights weights = configuration.weights();
        Tensor vectors = student.embeddings().vectors(); // e, [K, D]
        Tensor clean = Embeddings.of(vectors, x0); // e(x), [B, L, D]
        Noisy start = noisy(clean, torch.zeros_like(chance.t()), chance, chance.start());
        Noisy now = noisy(clean, chance.t(), chance, chance.noise());
        Map<String, Tensor> means = new LinkedHashMap<>();
        Map<String, Tensor> between = new LinkedHashMap<>();
        Tensor logits = null; // of z_t, [B, L, K]
        if (weights.reconstruction() > 0 && weights.between()) { // one call is faster than two
            Tensor both = guess(start.and(now), label == null ? null : Tensors.cat(0, label, label));
            means.put(
                    "reconstruction", entropy(both.narrow(0, 0, x0.size(0)), x0).mean());
            logits = both.narrow(0, x0.size(0), x0.size(0));
        } else if (weights.reconstruction() > 0) {
            means.put("reconstruction", entropy(guess(start, label), x0).mean());
        } else {
            logits = guess(now, label);
        }
        if (weights.consistency() > 0) {
            Tensor target = target(now, configuration.noise().at(chance.s()), chance.between(), label);
            between.put("consistency", overTimes(divergence(target, logits), now.level()));
        }
        if (weights.diffusion() > 0 || weights.variational() > 0) {
            Tensor distance = clean.sub(student.mean(logits)).square().sum(-1); // [B, L]
            if (weights.diffusion() > 0) {
                between.put("diffusion", overTimes(distance, now.level()));
            }
            if (weights.variational() > 0) {
                between.put("variational", distance.mul(column(weight(now.level()), distance)));
            }
        }
        if (weights.crossEntropy() > 0) {
            between.put("cross_entropy", overTimes(entropy(logits, x0), now.level()));
        }
        between.forEach((name, each) -> means.put(name, each.mean()));
        means.computeIfPresent("variational", (name, mean) -> mean.add(fromNoise(clean)));
        return new Terms(means, between);
    }

    /**
     * Embeddings with noise.
     *
     * @param clean what it came of, after dropping, float32 [B, L, D]
     * @param z float32 [B, L, D]
     * @param dropped bool [B, L]; null if nothing ever is
     */
    private record Noisy(Tensor clean, Tensor z, NoiseLevel level, Tensor dropped) {
        Noisy and(Noisy other) {
            return new Noisy(
                    Tensors.cat(0, clean, other.clean),
                    Tensors.cat(0, z, other.z),
                    new NoiseLevel(Tensors.cat(0, level.lambda(), other.level.lambda())),
                    dropped == null ? null : Tensors.cat(0, dropped, other.dropped));
        }
    }

    private Noisy noisy(Tensor clean, Tensor t, Chance chance, Tensor noise) {
        NoiseLevel level = configuration.noise().at(t);
        Tensor dropped = dropped(t, chance, clean.device());
        Tensor read = student.embeddings().dropped(clean, dropped);
        return new Noisy(read, level.noised(read, noise), level, dropped);
    }

    private Tensor guess(Noisy noisy, Tensor label) {
        return student.logits(noisy.z(), noisy.level(), label, noisy.dropped());
    }

    /** Which tokens are dropped at times t; null where none ever is. bool [B, L] */
    private Tensor dropped(Tensor t, Chance chance, Device device) {
        Dropping dropping = configuration.dropping();
        if (dropping.ratio() == 0) {
            return null;
        }
        Tensor share =
                switch (dropping.share()) {
                    case FIXED -> torch.ones_like(t);
                    case RANDOM -> chance.ratio();
                    case LINEAR -> t;
                };
        Tensor most = share.mul(new Scalar(dropping.ratio())).unsqueeze(1); // [B, 1]
        return Devices.send(chance.fate().lt(most), device, ScalarType.Bool);
    }

    /** -ln p(x). [B, L, K], [B, L] -> [B, L] */
    private static Tensor entropy(Tensor logits, Tensor x0) {
        return torch.log_softmax(logits, -1)
                .gather(2, x0.unsqueeze(2))
                .squeeze(2)
                .neg();
    }

    /** Whether times are spread as the bound's are. */
    private boolean spread() {
        return configuration.weights().variational() > 0;
    }

    /** Of which the mean is that over even times, whatever times were drawn. [B, L] -> [B, L] */
    private Tensor overTimes(Tensor each, NoiseLevel level) {
        return spread() ? each.mul(column(configuration.noise().evenness(level), each)) : each;
    }

    /** The distance of z_1 from noise, a part of the bound: its mean over tokens. [B, L, D] -> [] */
    private Tensor fromNoise(Tensor clean) {
        Tensor least = torch.full(
                new long[] {clean.size(0)},
                new Scalar(-configuration.noise().limit()),
                Tensors.options(ScalarType.Double));
        return new NoiseLevel(least).divergenceFromNoise(clean).mean().to(ScalarType.Float);
    }

    /**
     * ½ e^λ over the density of levels. Times |e(x) - x̂|² it is the bound in continuous time but for both ends, Kingma et al. 2021,
     * eq. 18, at levels as dense as {@link ShiftedCosine#times}. [B]
     */
    private Tensor weight(NoiseLevel level) {
        return level.lambda()
                .exp()
                .mul(new Scalar(0.5))
                .div(configuration.noise().density(level));
    }

    /** [B] -> float32 [B, 1] */
    private static Tensor column(Tensor numbers, Tensor like) {
        return Devices.send(numbers, like.device(), ScalarType.Float).unsqueeze(1);
    }

    /**
     * What the teacher says of z_s, which has less noise, eq. 3: where its own guess leads from z_t by a step of the probability
     * flow, or drawn from q(z_s | z_t, x). Carries no gradient. -> [B, L, K]
     *
     * @param noise of the draw, float32 [B, L, D]; null for the flow
     */
    private Tensor target(Noisy now, NoiseLevel less, Tensor noise, Tensor label) {
        return Scope.keep(() -> evaluated(() -> {
            Tensor nearer = noise == null
                    ? flow(now, less, label)
                    : now.level().ancestral(now.z(), now.clean(), less, noise); // [B, L, D]
            return teacher.logits(nearer, less, label, now.dropped());
        }));
    }

    /** ẑ_s. -> [B, L, D] */
    private Tensor flow(Noisy now, NoiseLevel less, Tensor label) {
        Tensor guess = teacher.logits(now.z(), now.level(), label, now.dropped());
        return now.level().ddim(now.z(), teacher.mean(guess), less);
    }

    /** KL(softmax(target) ‖ softmax(logits)). [B, L, K] twice -> [B, L] */
    static Tensor divergence(Tensor target, Tensor logits) {
        Tensor log = torch.log_softmax(target, -1);
        return log.exp().mul(log.sub(torch.log_softmax(logits, -1))).sum(-1);
    }

    /** Without gradients and without dropout, in the midst of training. */
    private <R> R evaluated(Supplier<R> body) {
        boolean training = parameters.training();
        try (NoGradGuard guard = new NoGradGuard()) {
            parameters.training(false);
            return body.get();
        } finally {
            parameters.training(training);
        }
    }

    /**
     * Whether embeddings collapse: their mean norm and mean distance from one another; and at some times the share of tokens
     * whose embedding is the nearest to x̂, and the entropy of the guess in nats. Of the first grids of the batch.
     */
    Map<String, Tensor> collapse(Tensor x0, Tensor label, Generator generator) {
        return Scope.keep(() -> evaluated(() -> {
            Map<String, Tensor> measures = new LinkedHashMap<>();
            Tensor vectors = student.embeddings().vectors(); // [K, D]
            double k = space.codes();
            Tensor norms = vectors.square().sum(1); // [K]
            Tensor distances = squaredDistances(vectors, vectors).sqrt(); // [K, K]
            measures.put("embedding_norm", norms.sqrt().mean());
            measures.put("embedding_distance", distances.sum().div(new Scalar(k * (k - 1))));
            long size = Math.min(MEASURED_GRIDS, x0.size(0));
            Tensor x = x0.narrow(0, 0, size);
            Tensor of = label == null ? null : label.narrow(0, 0, size);
            for (double time : MEASURED_TIMES) {
                Tensor t = torch.full(new long[] {size}, new Scalar(time), Tensors.options(ScalarType.Double));
                NoiseLevel level = configuration.noise().at(t);
                Tensor z = level.noised(Embeddings.of(vectors, x), noise(x, generator));
                Tensor logits = student.logits(z, level, of, null); // [B, L, K]
                Tensor p = torch.softmax(logits, -1);
                Tensor mean = student.mean(logits).view(-1, vectors.size(1)); // [B·L, D]
                Tensor nearest = squaredDistances(mean, vectors).argmin(new LongOptional(-1), false);
                measures.put(
                        "accuracy_at_" + time,
                        nearest.eq(x.flatten()).to(ScalarType.Float).mean());
                measures.put(
                        "entropy_at_" + time,
                        p.mul(torch.log_softmax(logits, -1)).sum(-1).mean().neg());
            }
            return measures;
        }));
    }

    /** [M, D], [K, D] -> [M, K] */
    private static Tensor squaredDistances(Tensor a, Tensor b) {
        Tensor own = a.square().sum(1).unsqueeze(1);
        return own.add(b.square().sum(1))
                .sub(a.matmul(b.t()).mul(new Scalar(2.0)))
                .clamp_min(new Scalar(0.0));
    }

    /**
     * From noise z_1 to z_0 in so many steps, and one more that reads the tokens. The vectors of known tokens are as noisy
     * as the grid, along a path of their own.
     */
    @Override
    public Tensor sample(GridDraw draw) {
        return sample(student, draw);
    }

    /** The same with logits of {@code denoiser}. Grids on the way are the likeliest codes. */
    Tensor sample(Denoiser denoiser, GridDraw draw) {
        return Inference.tensor(parameters, () -> {
            Tensor noise = draw.partial() ? noise(draw, Use.KNOWN, 0) : null;
            Tensor z = noise(draw, Use.START, 0); // [B, L, D], moves on in place
            keep(draw, z, noise, 1);
            double[] shares = draw.times(configuration.sampling().steps());
            double[] times = Arrays.copyOf(shares, shares.length + 1); // and from 0 to 0, where tokens are read
            Tensor last = configuration.sampling().sampler() == Sampler.MULTISTEP ? torch.empty_like(z) : null;
            return draw.run(times, denoiser, () -> draw.keep(nothing(z)), (x, step) -> {
                if (step.last()) {
                    return draw.keep(read(draw, z, step));
                }
                Tensor likeliest = draw.keep(step(draw, times, z, last, step));
                keep(draw, z, noise, step.s());
                return likeliest;
            });
        });
    }

    /** Code 0 everywhere, int64 [B, L]. */
    private static Tensor nothing(Tensor z) {
        return torch.zeros(new long[] {z.size(0), z.size(1)}, Tensors.options(ScalarType.Long, z.device()));
    }

    /** Puts the vectors of known tokens at time t into their places. z and noise [B, L, D] */
    private void keep(GridDraw draw, Tensor z, Tensor noise, double t) {
        if (noise == null) {
            return;
        }
        Scope.free(() -> {
            Tensor clean = Embeddings.of(student.embeddings().vectors(), draw.keep(nothing(z)));
            Tensor open = draw.open().unsqueeze(2); // [1, L, 1]
            z.copy_(torch.where(open, z, level(t, z.size(0)).noised(clean, noise)));
        });
    }

    /** Of a step, or drawn once a grid where it is 0. float32 [B, L, D] */
    private Tensor noise(GridDraw draw, Use use, long step) {
        long width = configuration.embedding().dimension();
        return draw.normal(use, step, draw.length() * width)
                .to(ScalarType.Float)
                .view(-1, draw.length(), width);
    }

    private NoiseLevel level(double t, long grids) {
        return configuration
                .noise()
                .at(torch.full(new long[] {grids}, new Scalar(t), Tensors.options(ScalarType.Double)));
    }

    /**
     * From t to s in place.
     *
     * @param times before the first step and after each
     * @param z float32 [B, L, D]
     * @param last x̂ of the step before, written to; null where no step needs it
     * @return the likeliest codes on the way, [B, L]
     */
    private Tensor step(GridDraw draw, double[] times, Tensor z, Tensor last, Step step) {
        NoiseLevel level = level(step.t(), z.size(0));
        NoiseLevel next = level(step.s(), z.size(0));
        Tensor log = guess(draw, z, level, step); // [B·L, K]
        Tensor mean = student.mean(log).view_as(z);
        z.copy_(
                switch (configuration.sampling().sampler()) {
                    case ANCESTRAL -> level.ancestral(z, mean, next, noise(draw, Use.NOISE, step.number()));
                    case DDIM -> level.ddim(z, mean, next);
                    case MULTISTEP -> {
                        boolean plain = step.number() == 1 || step.s() == 0; // to z_0, λ leaps: no line reaches so far
                        Tensor ahead = plain
                                ? mean
                                : level.extrapolated(mean, last, level(times[step.number() - 2], z.size(0)), next);
                        last.copy_(mean);
                        yield level.ddim(z, ahead, next);
                    }
                });
        return log.argmax(new LongOptional(-1), false).view(-1, z.size(1));
    }

    /** Tokens of p(x | z_0). [B, L, D] -> [B, L] */
    private Tensor read(GridDraw draw, Tensor z, Step step) {
        Tensor log = guess(draw, z, level(0, z.size(0)), step);
        Tensor all = torch.arange(new Scalar(log.size(0)), Tensors.options(ScalarType.Long, z.device()));
        return draw.pick(all, log, step, (piece, from) -> piece.to(ScalarType.Double))
                .view(-1, z.size(1));
    }

    /** ln p(x | z), filtered. -> [B·L, K] */
    private static Tensor guess(GridDraw draw, Tensor z, NoiseLevel level, Step step) {
        return step.filter().logProbabilities(step.guided().logits(z, level.time(z.device()), draw.labels(), null));
    }

    /**
     * The bound on -ln p in continuous time, eq. 2: the distance of z_1 from noise, the diffusion loss, which does not depend
     * on the schedule but for its ends, at levels spread over the batch, and reconstruction.
     */
    @Override
    public Tensor negativeLogLikelihood(TokenBatch batch, Seed seed) {
        return negativeLogLikelihood(student, batch, seed);
    }

    /** The same with logits of {@code denoiser}. */
    Tensor negativeLogLikelihood(Denoiser denoiser, TokenBatch batch, Seed seed) {
        return core.negativeLogLikelihood(batch, () -> {
            Tensor codes = batch.codes();
            Tensor labels = batch.labels();
            Generator generator = seed.generator();
            long size = codes.size(0);
            double limit = configuration.noise().limit();
            Tensor clean = Embeddings.of(student.embeddings().vectors(), codes); // [B, L, D]
            Tensor u = LowDiscrepancyTimes.numbers(generator, size);
            NoiseLevel level = configuration.noise().at(configuration.noise().times(u));
            Tensor guess = logits(denoiser, level.noised(clean, noise(codes, generator)), level, labels);
            Tensor distance = clean.sub(student.mean(guess).view_as(clean))
                    .to(ScalarType.Double)
                    .square()
                    .flatten(1, -1)
                    .sum(1)
                    .cpu(); // [B]
            Tensor diffusion = weight(level).mul(distance);
            NoiseLevel start = new NoiseLevel(torch.full_like(u, new Scalar(limit)));
            Tensor first = logits(denoiser, start.noised(clean, noise(codes, generator)), start, labels);
            Tensor log = torch.log_softmax(first.to(ScalarType.Double), -1); // [B·L, K]
            Tensor reconstruction = log.gather(1, codes.flatten().unsqueeze(1))
                    .neg()
                    .view(size, -1)
                    .sum(1);
            NoiseLevel last = new NoiseLevel(torch.full_like(u, new Scalar(-limit)));
            Tensor rest = last.divergenceFromNoise(clean).sum(1);
            return reconstruction.add(rest).cpu().add(diffusion).to(ScalarType.Float);
        });
    }

    private static Tensor logits(Denoiser denoiser, Tensor z, NoiseLevel level, Tensor labels) {
        return denoiser.logits(z, level.time(z.device()), labels, null);
    }

    @Override
    public boolean exact() {
        return false;
    }
}
