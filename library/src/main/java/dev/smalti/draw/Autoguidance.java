package dev.smalti.draw;

import dev.smalti.network.Denoiser;
import org.bytedeco.pytorch.Tensor;

/**
 * Guidance away from a guiding network, which is less able than the main one and errs in the same directions, such as an earlier
 * checkpoint of the same training or a smaller network: logits (1 + w) ℓ_main - w ℓ_guiding of two calls, both of the class. Karras
 * et al. 2024, arXiv:2406.02507, eq. 3, whose w is 1 + w here, as in {@link Guidance}. A guiding network without classes makes it
 * classifier-free guidance.
 *
 * @param inner the main network
 * @param guiding the other; of the same tokens and the same kind of logits
 * @param weight w; at 0 the guiding network is not asked
 */
public record Autoguidance(Denoiser inner, Denoiser guiding, double weight) implements Denoiser {
    @Override
    public Tensor logits(Tensor xt, Tensor time, Tensor label, Tensor at) {
        Tensor main = inner.logits(xt, time, label, at);
        return weight == 0 ? main : Guidance.mix(main, guiding.logits(xt, time, label, at), weight);
    }

    @Override
    public Denoiser of(Tensor which) {
        return new Autoguidance(inner.of(which), guiding.of(which), weight);
    }
}
