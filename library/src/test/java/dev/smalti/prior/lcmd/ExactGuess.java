package dev.smalti.prior.lcmd;

import dev.smalti.network.Denoiser;
import dev.smalti.tensor.Tensors;
import java.util.Random;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A joint distribution of a few tokens that is known exactly, and the true p(x_i | z) of it by a sum over all its states.
 *
 * @param probabilities of the states, float64 [S]
 * @param states their tokens, int64 [S, L]
 * @param embeddings float64 [K, D]
 */
record ExactGuess(Tensor probabilities, Tensor states, Tensor embeddings) implements Denoiser {
    /** A joint in which the tokens depend on one another. */
    static ExactGuess of(int codes, int length, Tensor embeddings, long seed) {
        return of(codes, length, embeddings, seed, 2);
    }

    /** The same, the more so the greater the deviation of the logarithms of weights. */
    static ExactGuess of(int codes, int length, Tensor embeddings, long seed, double strength) {
        int states = (int) Math.pow(codes, length);
        Random random = new Random(seed);
        double[] p = new double[states];
        long[] tokens = new long[states * length];
        double sum = 0;
        for (int s = 0; s < states; s++) {
            p[s] = Math.exp(strength * random.nextGaussian());
            sum += p[s];
            for (int i = 0, rest = s; i < length; i++, rest /= codes) {
                tokens[s * length + i] = rest % codes;
            }
        }
        return new ExactGuess(
                Tensors.doubles(p).div(new Scalar(sum)),
                Tensors.longs(tokens).view(states, length),
                embeddings.to(ScalarType.Double));
    }

    /** Nats of a grid. */
    double entropy() {
        return -probabilities.mul(probabilities.log()).sum().item_double();
    }

    /** The share of each state among grids, int64 [N, L]. -> [S] */
    Tensor shares(Tensor grids) {
        Tensor equal = grids.unsqueeze(1).eq(states.unsqueeze(0)).all(2); // [N, S]
        return equal.to(ScalarType.Double).mean(0L);
    }

    /** Half the sum of |share - p| over states. */
    double totalVariation(Tensor grids) {
        return shares(grids).sub(probabilities).abs().sum().item_double() / 2;
    }

    @Override
    public Tensor logits(Tensor z, Tensor time, Tensor label, Tensor at) {
        NoiseLevel level = new NoiseLevel(time.to(ScalarType.Double).mul(new Scalar(-2.0)));
        Tensor own = level.evidence(z.to(ScalarType.Double), embeddings); // [B, L, K]
        long length = z.size(1);
        long codes = embeddings.size(0);
        Tensor oneHot = torch.one_hot(states, codes).to(ScalarType.Double).view(-1, length * codes); // [S, L·K]
        Tensor joint = probabilities.log().add(own.view(-1, length * codes).matmul(oneHot.t())); // [B, S]
        Tensor p = torch.softmax(joint, -1);
        return p.matmul(oneHot).clamp_min(new Scalar(1e-300)).log().view(-1, codes);
    }
}
