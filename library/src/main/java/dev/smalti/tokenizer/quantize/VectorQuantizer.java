package dev.smalti.tokenizer.quantize;

import dev.smalti.distributed.WholeBatch;
import dev.smalti.network.Parameters;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.tokenizer.quantize.CodebookConfiguration.Choice;
import dev.smalti.tokenizer.quantize.CodebookConfiguration.Gradient;
import dev.smalti.tokenizer.quantize.CodebookConfiguration.MovingAverage;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The nearest code of every vector of a map. van den Oord et al. 2017, arXiv:1711.00937. With {@code choice: cosine} vectors and codes
 * have length 1 wherever they are used, as Yu et al. 2022, arXiv:2110.04627, section 3.2.
 *
 * <p>Letters: B batch, D dimension, h w grid, N = B·h·w vectors, K codes.
 */
public final class VectorQuantizer implements Quantizer {
    private static final double ENTROPY_TEMPERATURE = 0.01; // of MaskGIT and LlamaGen

    private final CodebookConfiguration configuration;
    private final Parameters parameters;
    private final boolean cosine;
    private final MovingAverage average; // null: codes learn by their gradient
    private final Tensor codes; // [K, D]
    private final Tensor uses; // [K], moving average of how many vectors of a batch chose a code
    private final Tensor sums; // [K, D], moving average of their sum

    /**
     * A map and its quantization.
     *
     * @param vectors the chosen codes, whose gradient passes straight through to the map; [B, D, h, w]
     * @param codes int64 [B, h, w], or [B, T, h, w]
     * @param loss codebook and commitment terms, []
     */
    public record Quantized(Tensor vectors, Tensor codes, Tensor loss) {}

    public VectorQuantizer(Parameters parameters, CodebookConfiguration configuration) {
        this.configuration = configuration;
        this.parameters = parameters;
        this.cosine = configuration.choice() == Choice.COSINE;
        long k = configuration.codes();
        long d = configuration.dimension();
        average = configuration.learning() instanceof MovingAverage moving ? moving : null;
        if (average == null) {
            codes = parameters.child("embedding").uniform("weight", 1.0 / k, k, d);
            uses = null;
            sums = null;
            if (cosine && !parameters.shapeAlone()) {
                lengthen();
            }
        } else {
            // the average of nothing yet: with revival the first batch fills it
            codes = start(parameters.child("embedding"), k, d);
            uses = parameters.buffer("uses", k);
            sums = parameters.buffer("sums", k, d);
        }
    }

    @Override
    public Quantized quantize(Tensor z, Seed seed) {
        return Precision.exact(z.device(), () -> {
            Tensor map = unit(z.to(ScalarType.Float), 1);
            Tensor index = choose(map, seed); // [B, h, w]
            Tensor chosen = lookUp(index); // [B, D, h, w]
            Tensor loss = loss(map, chosen);
            if (configuration.entropy() > 0) {
                loss = loss.add(entropy(map).mul(new Scalar(configuration.entropy())));
            }
            follow(map, index);
            Tensor through = map.add(chosen.sub(map).detach());
            return new Quantized(through, index, loss);
        });
    }

    /** The nearest codes, once dead ones of a moving-average codebook in training are revived. [B, D, h, w] -> [B, h, w] */
    public Tensor choose(Tensor map, Seed seed) {
        Tensor flat = flat(map);
        if (learning()) {
            revive(flat, seed);
        }
        return nearest(flat).view(map.size(0), map.size(2), map.size(3));
    }

    /** Moves a moving-average codebook in training towards the vectors that chose it. [B, D, h, w], [B, h, w] */
    public void follow(Tensor map, Tensor index) {
        if (learning()) {
            move(flat(map), index.flatten());
        }
    }

    private boolean learning() {
        return average != null && parameters.training();
    }

    /** [B, D, h, w] -> [N, D] */
    private Tensor flat(Tensor map) {
        return map.detach().permute(0, 2, 3, 1).reshape(-1, configuration.dimension());
    }

    @Override
    public Tensor encode(Tensor z, long[] noise) {
        return encode(z);
    }

    /** [B, D, h, w] -> int64 [B, h, w] */
    public Tensor encode(Tensor z) {
        return Precision.exact(
                z.device(), () -> nearest(flat(unit(z.to(ScalarType.Float), 1))).view(z.size(0), z.size(2), z.size(3)));
    }

    @Override
    public Tensor lookUp(Tensor index) {
        return unit(torch.embedding(codes, index), 3).permute(0, 3, 1, 2).contiguous();
    }

    /** With {@code choice: cosine} as they are used, of length 1. */
    @Override
    public Tensor codebook() {
        return unit(codes, 1);
    }

    /** What {@code choice: cosine} sees of vectors that lie along a dimension: x / max(|x|, 1e-12). The same shape. */
    private Tensor unit(Tensor vectors, long dimension) {
        return cosine
                ? vectors.div(vectors.norm(new ScalarOptional(new Scalar(2.0)), new long[] {dimension}, true)
                        .clamp_min(new Scalar(1e-12)))
                : vectors;
    }

    /** Makes new codes of length 1, so that a step turns them by as much as it moves them. */
    private void lengthen() {
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                codes.copy_(unit(codes, 1));
            }
        });
    }

    private static Tensor start(Parameters part, long k, long d) {
        if (part.shapeAlone()) {
            return part.buffer("weight", k, d);
        }
        return part.buffer("weight", Tensors.zeros(k, d).uniform_(-1.0 / k, 1.0 / k, new Seed(k).optional()));
    }

    /** argmin_k |z - e_k|² = argmin_k |e_k|² - 2 z·e_k. [N, D] -> int64 [N] */
    private Tensor nearest(Tensor flat) {
        return Scope.keep(() -> {
            Tensor table = codebook().detach();
            Tensor squares = table.pow(new Scalar(2)).sum(1); // [K]
            Tensor distance = torch.addmm(squares, flat, table.t(), new Scalar(1.0), new Scalar(-2.0)); // [N, K]
            return torch.argmin(distance, new LongOptional(1), false);
        });
    }

    private Tensor loss(Tensor z, Tensor chosen) {
        Tensor commit = chosen.detach().sub(z).pow(new Scalar(2)).mean();
        Scalar beta = new Scalar(configuration.commitment());
        if (!(configuration.learning() instanceof Gradient gradient)) {
            return commit.mul(beta);
        }
        Tensor codebook = chosen.sub(z.detach()).pow(new Scalar(2)).mean();
        return gradient.legacy()
                ? commit.add(codebook.mul(beta))
                : commit.mul(beta).add(codebook);
    }

    /**
     * Mean H(p_n) - H(mean p_n) of p_n = softmax_k(-|z_n - e_k|²/τ), by which each vector's choice is to be sure and all of them even. Chang
     * et al. 2022's released code. [B, D, h, w] -> []
     */
    private Tensor entropy(Tensor map) {
        Tensor z = map.permute(0, 2, 3, 1).reshape(-1, configuration.dimension()); // [N, D]
        Tensor table = codebook(); // [K, D]
        Scalar two = new Scalar(2);
        Tensor distance = torch.addmm(
                table.pow(two).sum(1).add(z.pow(two).sum(1).unsqueeze(1)),
                z,
                table.t(),
                new Scalar(1.0),
                new Scalar(-2.0)); // [N, K]
        Tensor logits = distance.div(new Scalar(-ENTROPY_TEMPERATURE));
        Tensor p = torch.softmax(logits, 1);
        Tensor each = p.mul(torch.log_softmax(logits, 1)).sum(1).mean().neg();
        Tensor mean = WholeBatch.mean(p.mean(0)); // [K]
        Tensor all = mean.mul(mean.add(new Scalar(1e-5)).log()).sum().neg();
        return each.sub(all);
    }

    /** Moves codes that nothing chooses onto vectors of the batch; at the first step these are all codes. */
    private void revive(Tensor flat, Seed seed) {
        if (average.reviveBelow() == 0) {
            return;
        }
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                long vectors = WholeBatch.items(flat.size(0));
                double mean = (double) vectors / configuration.codes();
                Tensor dead = WholeBatch.agreed(uses.lt(new Scalar(average.reviveBelow() * mean))); // [K]
                if (!dead.is_cuda() && !dead.any().item_bool()) {
                    return; // on a GPU the same is written again, which isn't waited for
                }
                Tensor which = Devices.send(
                        torch.randint(
                                vectors,
                                new long[] {configuration.codes()},
                                seed.child("revive").optional(),
                                Tensors.options(ScalarType.Long)),
                        flat.device(),
                        ScalarType.Long);
                Tensor fresh = WholeBatch.rows(flat, which); // [K, D]
                Tensor column = dead.unsqueeze(1);
                codes.copy_(torch.where(column, fresh, codes));
                uses.masked_fill_(dead, new Scalar(mean));
                sums.copy_(torch.where(column, fresh.mul(new Scalar(mean)), sums));
            }
        });
    }

    /** n_k <- γ n_k + (1-γ)|S_k|, m_k <- γ m_k + (1-γ) Σ z, e_k = m_k / n_k with Laplace smoothing of n. */
    private void move(Tensor flat, Tensor index) {
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                int k = configuration.codes();
                Tensor counts = counts(index, k);
                Tensor total = WholeBatch.sum(torch.zeros_like(sums).index_add_(0, index, flat)); // [K, D]
                Scalar rest = new Scalar(1 - average.decay());
                uses.lerp_(counts, rest);
                sums.lerp_(total, rest);
                Tensor all = uses.sum();
                Tensor smooth = uses.add(new Scalar(1e-5))
                        .div(all.add(new Scalar(k * 1e-5)))
                        .mul(all); // [K]
                codes.copy_(sums.div(smooth.unsqueeze(1)));
            }
        });
    }

    /** How often each of K codes is in the whole batch; a GPU isn't waited for, as it is by bincount. int64 [N] -> float32 [K] */
    public static Tensor counts(Tensor index, long codes) {
        Tensor none = torch.zeros(new long[] {codes}, Tensors.options(ScalarType.Float, index.device()));
        return WholeBatch.sum(none.index_add_(0, index, torch.ones_like(index).to(ScalarType.Float)));
    }
}
