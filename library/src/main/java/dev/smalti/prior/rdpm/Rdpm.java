package dev.smalti.prior.rdpm;

import dev.smalti.draw.Steps;
import dev.smalti.draw.UnsupportedSamplingException;
import dev.smalti.network.Denoiser;
import dev.smalti.network.Loss;
import dev.smalti.network.NetworkShape;
import dev.smalti.network.Objective;
import dev.smalti.network.Parameters;
import dev.smalti.prior.Prior;
import dev.smalti.prior.PriorCore;
import dev.smalti.prior.PriorObjective;
import dev.smalti.prior.TokenBatch;
import dev.smalti.prior.process.GridDraw;
import dev.smalti.prior.process.GridDraw.Step;
import dev.smalti.prior.process.LowDiscrepancyTimes;
import dev.smalti.prior.rdpm.RdpmConfiguration.Times;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.Accumulation;
import dev.smalti.token.Codebook;
import dev.smalti.token.DiffusionNoise;
import dev.smalti.token.TokenFile;
import dev.smalti.token.TokenSpace;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Guesses the codes of step t at all places at once, from fresh noise and from what the codes before add up to. Wu, Hu and
 * Wei 2024, section 3.2.
 *
 * <p>Codebook and convolution are the tokenizer's: {@link #prepare} takes them from the token file into buffers.
 *
 * <p>Letters: B grids, R rows of the network (a grid at a step), L = h·w places, d dimension, T steps, K codes.
 */
public final class Rdpm implements Prior {
    private final RdpmConfiguration configuration;
    private final PriorCore core;
    private final TokenSpace space;
    private final int steps;
    private final Parameters parameters;
    private final Tensor codebook; // [K, d]
    private final Tensor weight; // of φ's convolution, [d, d, 3, 3]; zero where φ is the identity
    private final Tensor bias; // [d]
    private final Tensor alpha; // [T]
    private final CodeHead head; // null for logits alone
    private final Denoiser network;

    /** @param classes 0 for an unconditional prior */
    public Rdpm(RdpmConfiguration configuration, TokenSpace space, int classes, Seed seed, Device device) {
        this.configuration = configuration;
        this.space = space;
        this.steps = space.depth();
        this.parameters = new Parameters(seed, device);
        this.core = new PriorCore(space, classes, parameters);
        long d = configuration.dimension();
        this.codebook = parameters.buffer("codebook", space.codes(), d);
        this.weight = parameters.child("phi").buffer("weight", d, d, 3, 3);
        this.bias = parameters.child("phi").buffer("bias", d);
        this.alpha = parameters.buffer("alpha", steps);
        this.head = switch (configuration.head()) {
            case LOGITS -> null;
            case TIED -> new TiedCode(d);
            case GUESSES -> new NearestCode(parameters.child("guesses"), configuration.guesses(), d);
        };
        NetworkShape shape = NetworkShape.ofVectors(
                space.height(), space.width(), 2 * d, space.codes() + (head == null ? 0 : head.outputs()), classes);
        this.network = configuration
                .network()
                .bottleneck(configuration.bottleneck())
                .build(parameters.child("network"), shape);
    }

    @Override
    public PriorCore core() {
        return core;
    }

    /**
     * Takes the codebook and the convolution φ.
     *
     * @throws IllegalArgumentException if there is no codebook of the recipe's dimension, no noise seeds, or no α where
     *     they are needed
     */
    @Override
    public void prepare(TokenFile tokens) {
        Codebook book = tokens.codebook()
                .orElseThrow(
                        () -> new IllegalArgumentException("there is no codebook, and kind rdpm needs the vectors of"
                                + " the codes: encode with a tokenizer of kind rdpm"));
        if (tokens.noiseSeeds().isEmpty()) {
            throw new IllegalArgumentException("there are no noise_seeds, and kind rdpm needs the noise that was"
                    + " quantized: encode with a tokenizer of kind rdpm");
        }
        if (head != null && tokens.accumulation().isEmpty()) {
            throw new IllegalArgumentException("there is no alpha, and prior.head, "
                    + configuration.head().name().toLowerCase(Locale.ROOT)
                    + ", needs to know how much of what was quantized was noise: encode with a tokenizer of kind rdpm,"
                    + " or give head: logits");
        }
        if (book.width() != configuration.dimension()) {
            throw new IllegalArgumentException("prior.dimension must be the width of the codebook, " + book.width()
                    + ", got " + configuration.dimension());
        }
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                codebook.copy_(book.vectors());
                tokens.accumulation().map(Accumulation::alpha).ifPresent(alpha::copy_);
                tokens.accumulation().flatMap(Accumulation::weight).ifPresent(weight::copy_);
                tokens.accumulation().flatMap(Accumulation::bias).ifPresent(bias::copy_);
            }
        });
    }

    @Override
    public List<Objective<TokenBatch>> objectives() {
        return List.of(new PriorObjective(core, configuration.labelDropping(), this::trainingLoss));
    }

    /** Cross-entropy of C_t, the mean over rows and places, eq. 7; in bits a code. */
    private Loss trainingLoss(TokenBatch batch, Generator generator) {
        long grids = batch.codes().size(0);
        boolean all = configuration.times() == Times.ALL;
        Tensor rows = all
                ? Tensors.longs(
                        LongStream.range(0, grids * steps).map(i -> i / steps).toArray())
                : Tensors.longs(LongStream.range(0, grids).toArray());
        Tensor t = all
                ? Tensors.longs(LongStream.range(0, grids * steps)
                        .map(i -> i % steps + 1)
                        .toArray())
                : LowDiscrepancyTimes.times(generator, grids, steps);
        Tensor bits = entropy(batch, rows, t).mul(new Scalar(1 / Math.log(2))); // [R, L]
        return new Loss(bits.mean(), Map.of(), new Loss.ByTime(t.div(new Scalar((double) steps)), bits.mean(1)));
    }

    /**
     * -ln p(C_t | ε_t, z'_{t-1}, y) at each place.
     *
     * @param rows the grid of each row, int64 [R] on the CPU
     * @param t the step of each row, int64 [R] on the CPU, 1..T
     * @return float32 [R, L]
     */
    private Tensor entropy(TokenBatch batch, Tensor rows, Tensor t) {
        Device device = parameters.device();
        Tensor at = Devices.send(rows, device, ScalarType.Long);
        Tensor codes = batch.codes().to(device, ScalarType.Long).view(-1, steps, space.length());
        Tensor own = codes.index_select(0, at); // [R, T, L]
        Tensor label = batch.labels() == null
                ? null
                : batch.labels().to(device, ScalarType.Long).index_select(0, at);
        long[] seeds = Tensors.toLongs(batch.noiseSeeds().cpu().index_select(0, rows));
        Tensor noise =
                DiffusionNoise.of(seeds, Tensors.toLongs(t), configuration.dimension(), space.height(), space.width());
        Tensor logits =
                logits(input(own, noise, t, space), Devices.send(t, device, ScalarType.Float), label); // [R, L, K]
        Tensor place =
                Devices.send(t.sub(new Scalar(1L)), device, ScalarType.Long).view(-1, 1, 1);
        Tensor target = own.take_along_dim(place, new LongOptional(1)); // [R, 1, L]
        return torch.cross_entropy_loss(
                        logits.to(ScalarType.Float).flatten(0, 1),
                        target.flatten(),
                        new TensorOptional(),
                        0 /* no reduction */,
                        -100,
                        0)
                .view(-1, space.length());
    }

    /** ln p(C_t = k) up to a number of each place, of {@link #input}. -> [R, L, K] */
    private Tensor logits(Tensor vectors, Tensor time, Tensor label) {
        Tensor all = network.logits(vectors, time, label, null).view(vectors.size(0), vectors.size(1), -1);
        if (head == null) {
            return all;
        }
        long d = configuration.dimension();
        Tensor at = time.to(ScalarType.Long).sub(new Scalar(1L));
        Tensor share = alpha.index_select(0, at).view(-1, 1, 1);
        Tensor numbers = all.narrow(2, space.codes(), head.outputs());
        Tensor found = head.logits(numbers, share, vectors.narrow(2, 0, d), vectors.narrow(2, d, d), codebook);
        return all.narrow(2, 0, space.codes()).to(ScalarType.Float).add(found);
    }

    /** concat(ε_t, z'_{t-1}). int64 [R, T, L], float32 [R, d, h, w], int64 [R] -> float32 [R, L, 2d] */
    private Tensor input(Tensor codes, Tensor noise, Tensor t, TokenSpace of) {
        Tensor own = Devices.send(noise, codes.device(), ScalarType.Float);
        Tensor both = Tensors.cat(1, own, accumulated(codes, t.sub(new Scalar(1L)), of)); // [R, 2d, h, w]
        return both.flatten(2, -1).transpose(1, 2);
    }

    /**
     * z'_t = Σ_{i ≤ t} φ(e[C_i]). φ is q + conv(q), so the sum goes through the convolution once, and its bias t times.
     *
     * @param codes int64 [R, T, L]; those of later steps do not matter
     * @param t int64 [R], 0..T
     * @param of the grids
     * @return float32 [R, d, h, w]
     */
    Tensor accumulated(Tensor codes, Tensor t, TokenSpace of) {
        return Precision.exact(codes.device(), () -> {
            Tensor count = Devices.send(t, codes.device(), ScalarType.Long).view(-1, 1); // [R, 1]
            Tensor step = torch.arange(new Scalar((long) steps), Tensors.options(ScalarType.Long, codes.device()));
            Tensor known = step.unsqueeze(0).lt(count).unsqueeze(2); // [R, T, 1]
            Tensor vectors = torch.embedding(codebook, codes.masked_fill(known.logical_not(), new Scalar(0L)));
            Tensor sum = vectors.mul(known.unsqueeze(3).to(ScalarType.Float)).sum(1); // [R, L, d]
            Tensor map =
                    sum.transpose(1, 2).unflatten(2, of.height(), of.width()).contiguous();
            Tensor added = torch.conv2d(
                    map, weight, new TensorOptional(), new long[] {1, 1}, new long[] {1, 1}, new long[] {1, 1}, 1);
            Tensor biases = bias.view(1, -1).mul(count.to(ScalarType.Float)); // [R, d]
            return map.add(added).add(biases.unsqueeze(2).unsqueeze(3));
        });
    }

    /**
     * Algorithm 2 in T steps, with the noise of {@link GridDraw#noiseSeeds}. The paper's τ, which multiplies the logits, is
     * 1 / temperature, its Gumbel noise is how every draw is made here, and plain argmax is top-k 1.
     */
    @Override
    public Tensor sample(GridDraw draw) {
        check(draw.sampling().steps());
        return Scope.keep(() -> {
            Tensor at = draw.open()
                    .expand(draw.grids(), draw.length())
                    .flatten()
                    .nonzero()
                    .squeeze(1); // [M]
            return draw.run(Steps.USUAL.shares(steps), denoiser(), draw::nothing, (x, step) -> step(draw, x, at, step));
        });
    }

    /** Of {@link #input}, whose sums are made with the tokenizer's codebook, the same for all priors of its tokens. */
    @Override
    public Denoiser denoiser() {
        return (vectors, time, label, at) -> {
            Tensor all = logits(vectors, time, label).flatten(0, 1); // [R·L, K]
            return at == null ? all : all.index_select(0, at);
        };
    }

    @Override
    public String process() {
        return "RDPM";
    }

    private void check(Steps wanted) {
        if (wanted instanceof Steps.Listed) {
            throw new UnsupportedSamplingException(
                    "times must be left out: each step draws the next codes, and there is no share"
                            + " of noise to choose");
        }
        if (wanted.count() != 0 && wanted.count() != steps) {
            throw new UnsupportedSamplingException("steps must be left out or " + steps
                    + ", the codes at each place, which are drawn one after the other, got " + wanted.count());
        }
    }

    /**
     * Draws the codes of step t at the open places, [M], and takes those of known places as they are, with the noise that they were encoded with. int64
     * [B, T·L] -> the same
     */
    private Tensor step(GridDraw draw, Tensor x, Tensor at, Step step) {
        TokenSpace own = draw.space();
        int t = step.number();
        Tensor codes = x.view(-1, steps, own.length()); // [B, T, L]
        Tensor time = Tensors.filled(t, codes.size(0));
        Tensor noise = noise(draw.noiseSeeds(), t, own);
        if (draw.partial()) {
            Tensor open = draw.open().view(1, 1, own.height(), own.width());
            Tensor known = noise(draw.knownNoiseSeeds(), t, own);
            noise = torch.where(
                    open,
                    Devices.send(noise, x.device(), ScalarType.Float),
                    Devices.send(known, x.device(), ScalarType.Float));
        }
        Tensor logits = step.guided()
                .logits(
                        input(codes, noise, time, own),
                        Devices.send(time, x.device(), ScalarType.Float),
                        draw.labels(),
                        at);
        Tensor drawn = draw.pick(at, logits, step); // [M]
        Tensor now =
                codes.select(1, t - 1L).reshape(-1).index_copy(0, at, drawn).view(-1, own.length());
        Tensor all = codes.select_scatter(now, 1, t - 1L).flatten(1, -1);
        return draw.partial() ? upTo(t, draw.keep(all), all, own) : all;
    }

    /** {@code known} in the first t steps and {@code x} in those to come. int64 [B, T·L] */
    private Tensor upTo(int t, Tensor known, Tensor x, TokenSpace own) {
        long so = t * own.length();
        return Tensors.cat(1, known.narrow(1, 0, so), x.narrow(1, so, own.size() - so));
    }

    private Tensor noise(long[] seeds, int t, TokenSpace own) { // float32 [B, d, h, w]
        return DiffusionNoise.of(seeds, t, configuration.dimension(), own.height(), own.width());
    }

    /**
     * Σ_t -ln p(C_t | C_1..C_{t-1}, ε_1..ε_t): the likelihood of the codes given their noise, exactly; what it takes to tell
     * them to somebody who has the same noise. It is not -ln p of the codes alone, in which the noise would be averaged
     * over; but the noise is the same N(0, 1) in data and model, so that its mean is the entropy of the codes given noise
     * plus the divergence from data to model of codes and noise together, and falls as the model gets better.
     */
    @Override
    public Tensor negativeLogLikelihood(TokenBatch batch, Seed seed) {
        return core.negativeLogLikelihood(batch, () -> {
            if (batch.noiseSeeds() == null) {
                throw new IllegalArgumentException("noise seeds are required: kind rdpm knows codes by their noise");
            }
            long grids = batch.codes().size(0);
            Tensor rows = Tensors.longs(LongStream.range(0, grids).toArray());
            Tensor sum = torch.zeros(new long[] {grids}, Tensors.options(ScalarType.Float, parameters.device()));
            for (int t = 1; t <= steps; t++) {
                int now = t;
                sum.add_(Scope.keep(
                        () -> entropy(batch, rows, Tensors.filled(now, grids)).sum(1)));
            }
            return sum;
        });
    }

    /** {@link #negativeLogLikelihood(TokenBatch, Seed)} is exact, as the likelihood of codes given noise. */
    @Override
    public boolean exact() {
        return true;
    }
}
