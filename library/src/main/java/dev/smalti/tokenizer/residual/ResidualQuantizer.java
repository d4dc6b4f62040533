package dev.smalti.tokenizer.residual;

import dev.smalti.distributed.WholeBatch;
import dev.smalti.network.Convolution;
import dev.smalti.network.LayerNorm;
import dev.smalti.network.Parameters;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.Accumulation;
import dev.smalti.token.DiffusionNoise;
import dev.smalti.tokenizer.quantize.CodebookConfiguration.Gradient;
import dev.smalti.tokenizer.quantize.Quantizer;
import dev.smalti.tokenizer.quantize.VectorQuantizer;
import dev.smalti.tokenizer.quantize.VectorQuantizer.Quantized;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.IntFunction;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Quantizes a map in T steps: each mixes noise into what the steps before have left, and takes the nearest code of one
 * codebook. Wu, Hu and Wei 2024, algorithm 1.
 *
 * <p>Letters: B batch, d dimension, h w grid, T steps, K codes.
 */
public final class ResidualQuantizer implements Quantizer {
    private final ResidualConfiguration configuration;
    private final UnaryOperator<Tensor> norm; // over the last dimension
    private final VectorQuantizer codebook;
    private final Convolution convolution; // null for none

    /**
     * What algorithm 1 makes of a map.
     *
     * @param v the map after its layer norm, [B, d, h, w]
     * @param codes C_1..C_T, int64 [B, T, h, w]
     * @param sum z'_T, [B, d, h, w]
     * @param rest z_{T+1} = v - z'_T, [B, d, h, w]
     * @param loss Σ γ_t (v_t - v'_t)², each the mean over B, d, h and w, eq. 4; []
     */
    record Steps(Tensor v, Tensor codes, Tensor sum, Tensor rest, Tensor loss) {}

    public ResidualQuantizer(Parameters parameters, ResidualConfiguration configuration) {
        this.configuration = configuration;
        long d = configuration.autoencoder().codebook().dimension();
        this.norm = configuration.affine()
                ? new LayerNorm(parameters.child("norm"), d)::forward
                : x -> LayerNorm.normalise(x, d);
        this.codebook =
                new VectorQuantizer(parameters, configuration.autoencoder().codebook());
        this.convolution =
                configuration.convolution() ? new Convolution(parameters.child("phi"), d, d, 3, 1, 1, 0, true) : null;
    }

    @Override
    public Quantized quantize(Tensor z, Seed seed) {
        return Precision.exact(z.device(), () -> {
            Generator generator = seed.child("noise").generator();
            Steps steps = steps(z, t -> normal(z, generator), seed);
            Tensor through = steps.v().add(steps.sum().sub(steps.v()).detach()); // straight through
            return new Quantized(through, steps.codes(), steps.loss());
        });
    }

    private static Tensor normal(Tensor like, Generator generator) {
        Tensor all =
                WholeBatch.own(like.size(0), items -> Tensors.zeros(items, like.size(1), like.size(2), like.size(3))
                        .normal_(0, 1, new GeneratorOptional(generator)));
        return Devices.send(all, like.device(), ScalarType.Float);
    }

    @Override
    public Tensor encode(Tensor z, long[] noise) {
        return Precision.exact(z.device(), () -> steps(
                        z,
                        t -> Devices.send(
                                DiffusionNoise.of(noise, t, z.size(1), z.size(2), z.size(3)),
                                z.device(),
                                ScalarType.Float),
                        null)
                .codes());
    }

    /**
     * Algorithm 1.
     *
     * @param noise ε_t of t, [B, d, h, w]; asked only where β_t is not 0
     * @param seed of the revivals of a codebook that learns here; null for one that doesn't
     */
    Steps steps(Tensor z, IntFunction<Tensor> noise, Seed seed) {
        Tensor v = normalise(z.to(ScalarType.Float)); // z_1
        Tensor rest = v; // z_t
        Tensor sum = torch.zeros_like(v); // z'_t
        Tensor loss = Tensors.zeros().to(v.device(), ScalarType.Float);
        List<Tensor> codes = new ArrayList<>();
        for (int t = 1; t <= configuration.steps(); t++) {
            Tensor mixed = mix(rest, t, noise); // v_t
            Tensor code = seed == null ? codebook.encode(mixed) : codebook.choose(mixed, seed.child(t)); // C_t
            Tensor quantized = phi(codebook.lookUp(code)); // v'_t
            loss = loss.add(error(mixed, quantized).mul(new Scalar(configuration.gamma(t))));
            if (seed != null) {
                codebook.follow(mixed, code);
            }
            codes.add(code);
            Tensor taken = configuration.detach() ? quantized.detach() : quantized;
            rest = rest.sub(taken);
            sum = sum.add(taken);
        }
        return new Steps(v, torch.stack(new TensorVector(codes.toArray(Tensor[]::new)), 1), sum, rest, loss);
    }

    /** LN over the channels. [B, d, h, w] -> the same */
    private Tensor normalise(Tensor z) {
        return norm.apply(z.permute(0, 2, 3, 1)).permute(0, 3, 1, 2).contiguous();
    }

    /** α_t z_t + β_t ε_t, eq. 2. [B, d, h, w] -> the same */
    private Tensor mix(Tensor rest, int t, IntFunction<Tensor> noise) {
        double beta = configuration.beta(t);
        Tensor image = rest.mul(new Scalar(configuration.alpha(t)));
        return beta == 0 ? image : image.add(noise.apply(t).mul(new Scalar(beta)));
    }

    /** φ(q) = q + conv(q). [B, d, h, w] -> the same */
    private Tensor phi(Tensor q) {
        return convolution == null ? q : q.add(convolution.forward(q));
    }

    /** One term of eq. 4 times δ; with stop-gradients δ is on the encoder's half alone. [] */
    private Tensor error(Tensor mixed, Tensor quantized) {
        Scalar delta = new Scalar(configuration.autoencoder().codebook().commitment());
        if (!configuration.stopGradients()) {
            return square(mixed, quantized).mul(delta);
        }
        Tensor commitment = square(mixed, quantized.detach()).mul(delta);
        boolean learnt = configuration.autoencoder().codebook().learning() instanceof Gradient || convolution != null;
        return learnt ? commitment.add(square(mixed.detach(), quantized)) : commitment;
    }

    private static Tensor square(Tensor a, Tensor b) {
        return a.sub(b).pow(new Scalar(2)).mean();
    }

    /** z'_T. int64 [B, T, h, w] -> [B, d, h, w] */
    @Override
    public Tensor lookUp(Tensor codes) {
        return Precision.exact(codes.device(), () -> {
            Tensor sum = phi(codebook.lookUp(codes.select(1, 0)));
            for (int t = 2; t <= configuration.steps(); t++) {
                sum = sum.add(phi(codebook.lookUp(codes.select(1, t - 1L))));
            }
            return sum;
        });
    }

    @Override
    public Tensor codebook() {
        return codebook.codebook();
    }

    @Override
    public int depth() {
        return configuration.steps();
    }

    @Override
    public Optional<Accumulation> accumulation() {
        float[] alpha = new float[configuration.steps()];
        for (int t = 1; t <= alpha.length; t++) {
            alpha[t - 1] = (float) configuration.alpha(t);
        }
        return Optional.of(new Accumulation(
                Tensors.floats(alpha),
                Optional.ofNullable(convolution).map(Convolution::weight),
                Optional.ofNullable(convolution).map(Convolution::bias)));
    }
}
