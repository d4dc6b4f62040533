package dev.smalti.network;

import dev.smalti.network.VqDiffusionTransformerConfiguration.Activation;
import dev.smalti.network.VqDiffusionTransformerConfiguration.Positions;
import dev.smalti.network.VqDiffusionTransformerConfiguration.Times;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * VQ-Diffusion's stack of pre-norm blocks over a grid of tokens, with learnt rows and columns for positions, or sines. Time
 * scales and shifts the normalised activations before attention, the class those before the feed-forward layers; each
 * block has tables of its own for both. Gu et al. 2022, arXiv:2111.14822, section 4.2, and the released code.
 *
 * <p>Where time is continuous (or no input: then it is 0), sines and cosines of {@code time_scale} times it take the place
 * of the table, and where it is counted in steps, if so configured, those of {@code time_scale} times t / T.
 *
 * <p>Letters: B batch, L tokens, D width, H heads, d = D / H, K vocabulary, M positions asked for.
 */
public final class VqDiffusionTransformer implements Denoiser {
    private final VqDiffusionTransformerConfiguration configuration;
    private final Parameters parameters;
    private final NetworkShape shape;
    private final Dropout dropout;
    private final Dropout attentionDropout;
    private final Embedding tokens;
    private final Tensor rows; // null where positions are sines
    private final Tensor columns;
    private final Tensor sines;
    private final List<Block> blocks = new ArrayList<>();
    private final LayerNorm last;
    private final Linear head;

    /** Registers its tensors in {@code parameters}. */
    public VqDiffusionTransformer(
            Parameters parameters, VqDiffusionTransformerConfiguration configuration, NetworkShape shape) {
        this.configuration = configuration;
        this.parameters = parameters;
        this.shape = shape;
        this.dropout = new Dropout(parameters, configuration.dropout());
        this.attentionDropout = new Dropout(parameters, configuration.attentionDropout());
        long width = configuration.width();
        Parameters content = parameters.child("content_emb");
        this.tokens = new Embedding(content.child("emb"), "weight", configuration.deviation(), shape, width);
        boolean learnt = configuration.positions() == Positions.LEARNT;
        this.rows = learnt ? table(content.child("height_emb"), shape.height()) : null;
        this.columns = learnt ? table(content.child("width_emb"), shape.width()) : null;
        this.sines = learnt ? null : Scope.keep(() -> parameters.table(sines(shape.length(), width)));
        for (int i = 0; i < configuration.layers(); i++) {
            blocks.add(new Block(parameters.child("blocks").child(i)));
        }
        this.last = new LayerNorm(parameters.child("to_logits").child(0), width);
        this.head = Linear.head(parameters.child("to_logits").child(1), width, shape, true, configuration.deviation());
    }

    private Tensor table(Parameters part, long size) {
        return part.normal("weight", configuration.deviation(), size, configuration.width());
    }

    private Linear linear(Parameters part, long in, long out) {
        return new Linear(part, in, out, true, configuration.deviation());
    }

    /** All blocks are computed everywhere, since convolutions need what is around; the head only where asked for. */
    @Override
    public Tensor logits(Tensor xt, Tensor time, Tensor label, Tensor at) {
        Work.pass(xt.size(0));
        long width = configuration.width();
        Tensor x = tokens.forward(xt).add(positions()); // [B, L, D]
        Tensor now = steps() > 0 ? time.to(ScalarType.Long) : sinusoids(xt, time);
        x = Stack.forward(parameters, blocks, x, now, (block, y, told) -> block.forward(y, told, label));
        x = x.reshape(-1, width); // [B·L, D]
        return AskedRows.answers(x, at, rows -> head.forward(last.forward(rows))); // [M, K]
    }

    /** How many steps have vectors of their own; 0 where time is told by sines and cosines. */
    private int steps() {
        return configuration.times() == Times.LEARNT ? shape.times() : 0;
    }

    /** [1, L, D] */
    private Tensor positions() {
        return sines != null
                ? sines
                : rows.unsqueeze(1).add(columns.unsqueeze(0)).view(1, shape.length(), configuration.width());
    }

    /** sin(i / 10000^(2j/D)) and cos of the same, in turn. Vaswani et al. 2017, arXiv:1706.03762. -> [1, L, D] */
    public static Tensor sines(long length, long width) {
        Tensor frequencies = torch.arange(new Scalar(width / 2), Tensors.options(ScalarType.Double))
                .mul(new Scalar(-2 * Math.log(10000) / width))
                .exp();
        Tensor phase = torch.arange(new Scalar(length), Tensors.options(ScalarType.Double))
                .unsqueeze(1)
                .mul(frequencies)
                .unsqueeze(2); // [L, D/2, 1]
        return Tensors.cat(2, phase.sin(), phase.cos()).view(1, length, width).to(ScalarType.Float);
    }

    /** sin and cos of {@code time_scale} t · 10000^(-j / (D/2 - 1)), of t / T where t counts T steps. -> [B, D] */
    private Tensor sinusoids(Tensor xt, Tensor time) {
        long half = configuration.width() / 2;
        Tensor frequencies = torch.arange(new Scalar(half), Tensors.options(ScalarType.Float, xt.device()))
                .mul(new Scalar(-Math.log(10000) / Math.max(1, half - 1)))
                .exp();
        Tensor t = time == null
                ? torch.zeros(new long[] {xt.size(0)}, Tensors.options(ScalarType.Float, xt.device()))
                : time;
        Tensor share = shape.times() > 0 ? t.to(ScalarType.Float).div(new Scalar((double) shape.times())) : t;
        Tensor phase =
                share.mul(new Scalar(configuration.timeScale())).unsqueeze(1).mul(frequencies);
        return Tensors.cat(1, phase.sin(), phase.cos());
    }

    /** Layer normalisation whose scale and shift depend on an embedding, one of a table or given. */
    private final class AdaptiveNorm {
        private final Tensor table;
        private final Linear linear;
        private final long width = configuration.width();

        /** @param size of the table; 0 for none */
        AdaptiveNorm(Parameters part, long size) {
            table = size == 0 ? null : table(part.child("emb"), size);
            linear = linear(part.child("linear"), width, 2 * width);
        }

        /** @param which an index of the table, [B], or where there is none an embedding, [B, D] */
        Tensor forward(Tensor x, Tensor which) { // [B, L, D]
            Tensor embedding = table == null ? which : torch.embedding(table, which); // [B, D]
            Tensor both = linear.forward(torch.silu(embedding)).unsqueeze(1); // [B, 1, 2D]
            Tensor normed =
                    torch.layer_norm(x, new long[] {width}, new TensorOptional(), new TensorOptional(), 1e-5, false);
            return normed.mul(both.narrow(2, 0, width).add(new Scalar(1.0))).add(both.narrow(2, width, width));
        }
    }

    private final class Block {
        private final AdaptiveNorm ln1;
        private final AdaptiveNorm conditional;
        private final LayerNorm plain;
        private final Linear qkv;
        private final Linear proj;
        private final Linear up;
        private final Linear down;
        private final Convolution convolveUp;
        private final Convolution convolveDown;
        private final long width = configuration.width();
        private final long heads = configuration.heads();

        Block(Parameters part) {
            ln1 = new AdaptiveNorm(part.child("ln1"), steps());
            qkv = linear(part.child("attn").child("qkv"), width, 3 * width);
            proj = linear(part.child("attn").child("proj"), width, width);
            boolean classes = shape.classes() > 0;
            conditional = classes ? new AdaptiveNorm(part.child("ln2"), shape.classes() + 1) : null;
            plain = classes ? null : new LayerNorm(part.child("ln2"), width);
            long wide = width * configuration.expansion();
            Parameters mlp = part.child("mlp");
            boolean convolution = configuration.convolution();
            up = convolution ? null : linear(mlp.child(0), width, wide);
            down = convolution ? null : linear(mlp.child(2), wide, width);
            convolveUp = convolution ? new Convolution(mlp.child("conv1"), width, wide, 3, 1, 1) : null;
            convolveDown = convolution ? new Convolution(mlp.child("conv2"), wide, width, 3, 1, 1) : null;
        }

        Tensor forward(Tensor x, Tensor now, Tensor label) { // [B, L, D]
            Tensor mixed = Attention.self(qkv.forward(ln1.forward(x, now)), heads, false, attentionDropout.now());
            x = x.add(dropout.forward(proj.forward(mixed)));
            Tensor normed = conditional == null ? plain.forward(x) : conditional.forward(x, label);
            return x.add(dropout.forward(feedForward(normed)));
        }

        private Tensor feedForward(Tensor x) { // [B, L, D]
            if (up != null) {
                return down.forward(activate(up.forward(x)));
            }
            Tensor grid = x.transpose(1, 2).reshape(-1, width, shape.height(), shape.width()); // [B, D, h, w]
            return convolveDown
                    .forward(activate(convolveUp.forward(grid)))
                    .flatten(2, 3)
                    .transpose(1, 2);
        }

        private Tensor activate(Tensor x) {
            if (configuration.activation() == Activation.GELU) {
                return torch.gelu(x);
            }
            return x.mul(x.mul(new Scalar(1.702)).sigmoid());
        }
    }
}
