package dev.smalti.tokenizer.quantize;

import dev.smalti.distributed.WholeBatch;
import dev.smalti.network.Convolution;
import dev.smalti.network.Parameters;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tokenizer.quantize.VectorQuantizer.Quantized;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The code with the largest of K logits, which a 1×1 convolution makes of every vector of a map. Jang et al. 2017, arXiv:1611.01144,
 * as taming-transformers' {@code GumbelQuantize} with {@code straight_through}.
 *
 * <pre>
 * q = softmax(logits)    y = softmax(logits + g), g Gumbel noise in training and 0 otherwise
 * z_q = e_k of the largest y_k, with the gradient of Σ y_k e_k        loss = kl · mean Σ q ln(q K + 1e-10)
 * </pre>
 */
final class ProjectedQuantizer implements Quantizer {
    private final CodebookConfiguration configuration;
    private final Parameters parameters;
    private final Convolution projection;
    private final Tensor codes; // [K, D]

    ProjectedQuantizer(Parameters parameters, CodebookConfiguration configuration) {
        this.configuration = configuration;
        this.parameters = parameters;
        long k = configuration.codes();
        long d = configuration.dimension();
        projection = new Convolution(parameters.child("proj"), d, k, 1, 1, 0);
        codes = parameters.child("embedding").normal("weight", 1, k, d);
    }

    @Override
    public Quantized quantize(Tensor z, Seed seed) {
        return Precision.exact(z.device(), () -> {
            Tensor logits = projection.forward(z.to(ScalarType.Float)); // [B, K, h, w]
            Tensor noisy = parameters.training() ? logits.add(gumbel(logits, seed.child("gumbel"))) : logits;
            Tensor soft = torch.softmax(noisy, 1);
            Tensor index = largest(soft); // [B, h, w]
            Tensor hard = torch.zeros_like(soft).scatter_(1, index.unsqueeze(1), new Scalar(1.0));
            Tensor through = hard.sub(soft.detach()).add(soft);
            Tensor vectors = through.permute(0, 2, 3, 1)
                    .matmul(codes)
                    .permute(0, 3, 1, 2)
                    .contiguous(); // [B, D, h, w]
            return new Quantized(vectors, index, divergence(logits));
        });
    }

    /** -ln(-ln u), u uniform in (0, 1). The shape of the logits. */
    private static Tensor gumbel(Tensor logits, Seed seed) {
        return Scope.keep(() -> Devices.send(
                WholeBatch.uniform(seed.generator(), logits.size(0), logits.size(1), logits.size(2), logits.size(3))
                        .clamp_min(new Scalar(Double.MIN_NORMAL))
                        .log()
                        .neg()
                        .log()
                        .neg(),
                logits.device(),
                ScalarType.Float));
    }

    /** kl · mean over places of Σ_k q ln(q K + 1e-10). [B, K, h, w] -> [] */
    private Tensor divergence(Tensor logits) {
        Tensor q = torch.softmax(logits, 1);
        Tensor log = q.mul(new Scalar((double) configuration.codes()))
                .add(new Scalar(1e-10))
                .log();
        return q.mul(log).sum(1).mean().mul(new Scalar(configuration.kl()));
    }

    /** [B, K, h, w] -> int64 [B, h, w] */
    private static Tensor largest(Tensor scores) {
        return torch.argmax(scores, new LongOptional(1), false);
    }

    @Override
    public Tensor encode(Tensor z, long[] noise) {
        return Precision.exact(z.device(), () -> largest(projection.forward(z.to(ScalarType.Float))));
    }

    @Override
    public Tensor lookUp(Tensor index) {
        return torch.embedding(codes, index).permute(0, 3, 1, 2).contiguous();
    }

    @Override
    public Tensor codebook() {
        return codes;
    }
}
