package dev.smalti.tokenizer.residual;

import dev.smalti.tensor.Seed;
import dev.smalti.tokenizer.Tokenizer;
import dev.smalti.tokenizer.TokenizerConfiguration;
import dev.smalti.tokenizer.quantize.CodebookConfiguration.Gradient;
import dev.smalti.tokenizer.vqgan.Vqgan;
import dev.smalti.tokenizer.vqgan.VqganConfiguration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/**
 * RDPM's tokenizer: a VQGAN around a {@link ResidualQuantizer}.
 *
 * @param autoencoder encoder, decoder, discriminator, perceptual loss and codebook, whose dimension is d, whose
 *     {@code commitment} is the paper's δ, and whose {@code adversarial.weight} is its η, 0.75 in the paper
 * @param steps T, the codes at each place; at least 2
 * @param affine whether the layer norm has learnt gains and biases; false if left out. With them the encoder outgrows the
 *     noise, which the norm is there to prevent: on fruits the gains were 1.1 to 1.6 after 1,400 steps, and rising
 * @param schedule how α_t, the share of the image in what step t quantizes, grows; {@code power} if left out
 * @param base φ of {@code power}, with 1 no noise is added, which is plain residual quantization; (0, 1]; 0.75 (none with
 *     another schedule) if left out
 * @param weights γ_t, how much the quantization loss of step t counts; {@code alpha} if left out
 * @param convolution whether a 3×3 convolution of the quantized vectors, one for all steps, is added to them; true if left
 *     out
 * @param stopGradients whether the quantization loss is VQGAN's, |sg(v_t) - v'_t|² + δ |v_t - sg(v'_t)|², rather than eq. 4
 *     to the letter, δ |v_t - v'_t|²; true if left out. The paper prints no stop-gradients and calls the loss "consistent
 *     with" VQGAN's, whose δ belongs to the encoder's term alone
 * @param detach whether the residuals z_{t+1} = z_t - v'_t carry no gradient to the codes and the convolution of earlier
 *     steps; true if left out. The paper does not say
 * @param difference what is taken of reconstruction and image in L_recon; {@code squared}, eq. 3, if left out. The mean over
 *     values, which is small beside a sum of T quantization losses: {@code absolute}, VQGAN's, weighs several times more
 * @param reconstruction how much L_recon counts beside the others; above 0; 1, eq. 5, if left out. Eq. 3 prints a sum of squares
 *     and VQGAN's code takes the mean, so the paper's may be any: the mean over images of sums over values is 3·size²
 */
public record ResidualConfiguration(
        VqganConfiguration autoencoder,
        int steps,
        Boolean affine,
        Mixing schedule,
        Double base,
        Weights weights,
        Boolean convolution,
        Boolean stopGradients,
        Boolean detach,
        Difference difference,
        Double reconstruction)
        implements TokenizerConfiguration {
    private static final String AUTOENCODER = "autoencoder.";
    private static final Set<String> LEARNING =
            Set.of("weights", "stop_gradients", "detach", "difference", "reconstruction");

    /** How much the quantization error of step t counts. */
    public enum Weights {
        /** γ_t = α_t, as the paper. */
        ALPHA,
        /** γ_t = 1, its ablation. */
        ONE
    }

    /** Of two values. */
    public enum Difference {
        /** (a - b)² */
        SQUARED,
        /** |a - b| */
        ABSOLUTE
    }

    public ResidualConfiguration {
        if (autoencoder == null) {
            throw new IllegalArgumentException("autoencoder is required: give what kind vqgan takes");
        }
        if (steps < 2) {
            throw new IllegalArgumentException("steps must be at least 2 (kind vqgan takes one), got " + steps);
        }
        if (autoencoder.codebook().learning() instanceof Gradient gradient && gradient.legacy()) {
            throw new IllegalArgumentException("codebook.legacy is for kind vqgan alone: leave it out");
        }
        if (!autoencoder.codebook().plain()) {
            throw new IllegalArgumentException(
                    "codebook.choice and codebook.entropy are for kind vqgan alone: leave them out");
        }
        affine = affine != null && affine;
        schedule = schedule == null ? Mixing.POWER : schedule;
        if (base != null && schedule != Mixing.POWER) {
            throw new IllegalArgumentException("base needs schedule: power");
        }
        base = base == null ? (schedule == Mixing.POWER ? 0.75 : null) : base;
        if (base != null && !(base > 0 && base <= 1)) {
            throw new IllegalArgumentException("base must be in (0, 1], got " + base);
        }
        weights = weights == null ? Weights.ALPHA : weights;
        convolution = convolution == null || convolution;
        stopGradients = stopGradients == null || stopGradients;
        detach = detach == null || detach;
        difference = difference == null ? Difference.SQUARED : difference;
        reconstruction = reconstruction == null ? 1 : reconstruction;
        if (!(reconstruction > 0) || reconstruction.isInfinite()) {
            throw new IllegalArgumentException("reconstruction must be above 0, got " + reconstruction);
        }
    }

    /** α_t of t = 1..T. */
    double alpha(int t) {
        return schedule.alpha(t, steps, base == null ? Double.NaN : base);
    }

    /** β_t, the share of the noise: α_t² + β_t² = 1. */
    double beta(int t) {
        return Math.sqrt(Math.max(0, 1 - alpha(t) * alpha(t)));
    }

    /** γ_t */
    double gamma(int t) {
        return weights == Weights.ALPHA ? alpha(t) : 1;
    }

    /** What a value of a reconstruction adds to the mean that is L_recon, given its difference to the image. */
    Tensor distance(Tensor each) {
        Tensor size = difference == Difference.SQUARED ? each.pow(new Scalar(2)) : each.abs();
        return reconstruction == 1 ? size : size.mul(new Scalar(reconstruction));
    }

    @Override
    public int size() {
        return autoencoder.size();
    }

    @Override
    public Map<String, String> parents() {
        return autoencoder.parents();
    }

    @Override
    public boolean keepsTokens() {
        return autoencoder.keepsTokens();
    }

    @Override
    public boolean beginsAnew(String tensor) {
        return autoencoder.beginsAnew(tensor);
    }

    @Override
    public boolean mayDiffer(String key) {
        return key.startsWith(AUTOENCODER)
                ? autoencoder.mayDiffer(key.substring(AUTOENCODER.length()))
                : LEARNING.contains(key);
    }

    @Override
    public Map<String, Object> resized(int size) {
        Map<String, Object> all = new LinkedHashMap<>();
        autoencoder.resized(size).forEach((key, value) -> all.put(AUTOENCODER + key, value));
        return all;
    }

    @Override
    public Tokenizer build(Seed seed, Device device) {
        return new Vqgan(
                autoencoder, seed, device, this::distance, parameters -> new ResidualQuantizer(parameters, this));
    }
}
