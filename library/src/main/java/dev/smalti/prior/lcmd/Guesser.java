package dev.smalti.prior.lcmd;

import dev.smalti.network.Denoiser;
import dev.smalti.network.NetworkShape;
import dev.smalti.network.Parameters;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** A network and the embeddings that it reads: what guesses are made with, be it the one that is trained or its teacher. */
final class Guesser implements Denoiser {
    private final Parameters parameters;
    private final Denoiser network;
    private final Embeddings embeddings;
    private final boolean evidence;
    private final long codes;

    /** Registers the tensors of both in {@code parameters}. */
    Guesser(Parameters parameters, LcmdConfiguration configuration, TokenSpace space, int classes) {
        this.parameters = parameters;
        this.evidence = configuration.evidence();
        this.codes = space.codes();
        boolean dropping = configuration.dropping().ratio() > 0 && !evidence;
        this.embeddings =
                new Embeddings(parameters.child("embedding"), configuration.embedding(), space.codes(), dropping);
        NetworkShape shape = NetworkShape.ofVectors(
                space.height(), space.width(), configuration.embedding().dimension(), space.codes(), classes);
        this.network = configuration.network().build(parameters, shape);
    }

    Parameters parameters() {
        return parameters;
    }

    Embeddings embeddings() {
        return embeddings;
    }

    /** Of all positions; {@code xt} is z, float32 [B, L, D], {@code time} ln(σ/α). -> [B·L, K] */
    @Override
    public Tensor logits(Tensor xt, Tensor time, Tensor label, Tensor at) {
        NoiseLevel level = new NoiseLevel(time.to(ScalarType.Double).mul(new Scalar(-2.0)));
        Tensor all = logits(xt, level, label, null).view(-1, codes);
        return at == null ? all : all.index_select(0, at);
    }

    /**
     * Logits of the tokens.
     *
     * @param z float32 [B, L, D]
     * @param dropped bool [B, L], where z says nothing of the token; null for nowhere
     * @return float32 [B, L, K]
     */
    Tensor logits(Tensor z, NoiseLevel level, Tensor label, Tensor dropped) {
        if (!evidence) {
            return ask(z, level.time(z.device()), label);
        }
        Tensor exact = Precision.exact(z.device(), () -> level.evidence(z, embeddings.vectors())); // [B, L, K]
        Tensor own = dropped == null ? exact : exact.masked_fill(dropped.unsqueeze(2), new Scalar(0.0));
        // given what each position says, the level of noise says nothing more
        Tensor any = torch.zeros(new long[] {z.size(0)}, Tensors.options(ScalarType.Float, z.device()));
        return ask(mean(own), any, label).add(own);
    }

    private Tensor ask(Tensor read, Tensor time, Tensor label) {
        return network.logits(read, time, label, null).to(ScalarType.Float).view(read.size(0), read.size(1), codes);
    }

    /** x̂ = Σ_k p(k) e_k. [..., K] -> [..., D] */
    Tensor mean(Tensor logits) {
        return Precision.exact(
                logits.device(),
                () -> torch.softmax(logits, -1).to(ScalarType.Float).matmul(embeddings.vectors()));
    }
}
