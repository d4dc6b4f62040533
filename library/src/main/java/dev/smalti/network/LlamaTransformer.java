package dev.smalti.network;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * Llama's blocks (Touvron et al. 2023, arXiv:2302.13971: root mean square norms, SwiGLU, no biases) over a grid of vectors,
 * each of which sees all others, told time and class by adaLN-Zero (Peebles and Xie 2023, arXiv:2212.09748). Gates and head
 * start at zero, so that every logit does.
 *
 * <p>Letters: B batch, L positions, E numbers of an input vector, D width, H heads, d = D / H, C = D condition, K logits, M
 * positions asked for.
 */
public final class LlamaTransformer implements Denoiser {
    private final LlamaTransformerConfiguration configuration;
    private final Parameters parameters;
    private final Dropout dropout;
    private final Embedding tokens; // null where vectors come in through a bottleneck
    private final Linear project; // null where there is no bottleneck
    private final Linear enter;
    private final Tensor positions;
    private final Condition condition;
    private final Rotary rotary;
    private final List<Block> blocks = new ArrayList<>();
    private final RmsNorm last;
    private final Linear lastModulation;
    private final Linear head;

    /** Registers its tensors in {@code parameters}. */
    public LlamaTransformer(Parameters parameters, LlamaTransformerConfiguration configuration, NetworkShape shape) {
        this.configuration = configuration;
        this.parameters = parameters;
        this.dropout = new Dropout(parameters, configuration.dropout());
        int height = shape.height();
        int width = shape.width();
        long wide = configuration.width();
        Integer bottleneck = configuration.bottleneck();
        if (bottleneck != null && shape.vectors() == 0) {
            throw new IllegalArgumentException(
                    "bottleneck must be left out where tokens come in, which have no width, got " + bottleneck);
        }
        this.tokens = bottleneck == null
                ? new Embedding(parameters.child("embed"), "embedding", 1 / Math.sqrt(wide), shape, wide)
                : null;
        this.project = bottleneck == null
                ? null
                : Linear.asPyTorch(parameters.child("project"), shape.vectors(), bottleneck, true);
        this.enter = bottleneck == null ? null : Linear.asPyTorch(parameters.child("enter"), bottleneck, wide, true);
        this.positions = parameters.normal("positions", 0.02, (long) height * width, wide);
        this.condition = new Condition(parameters.child("time"), parameters.child("classes"), wide, shape.classes());
        this.rotary =
                configuration.rotary() ? Rotary.grid(parameters, height, width, wide / configuration.heads()) : null;
        for (int i = 0; i < configuration.layers(); i++) {
            blocks.add(new Block(parameters.child("blocks").child(i)));
        }
        this.last = new RmsNorm(parameters.child("last_norm"), wide, false);
        this.lastModulation = new Linear(parameters.child("last_modulation"), wide, 2 * wide, true, 0);
        this.head = Linear.head(parameters.child("head"), wide, shape, true, 0);
    }

    @Override
    public Tensor logits(Tensor xt, Tensor time, Tensor label, Tensor at) {
        Work.pass(xt.size(0));
        Tensor c = condition.forward(time, label); // [B, D]
        Tensor entering = tokens == null ? enter.forward(project.forward(xt)) : tokens.forward(xt);
        Tensor x = entering.add(positions); // [B, L, D]
        x = Stack.forward(parameters, blocks, x, c, Block::forward);
        TensorVector part = lastModulation.forward(c).unsqueeze(1).chunk(2, 2);
        Tensor flat =
                Condition.modulate(last.forward(x), part.get(0), part.get(1)).reshape(-1, configuration.width());
        return AskedRows.answers(flat, at, head::forward); // [M, K]
    }

    private final class Block {
        private final RmsNorm norm1;
        private final RmsNorm norm2;
        private final Linear qkv;
        private final Linear out;
        private final Linear gate;
        private final Linear up;
        private final Linear down;
        private final Linear modulation;

        Block(Parameters parameters) {
            long width = configuration.width();
            long hidden = 8 * width / 3;
            norm1 = new RmsNorm(parameters.child("norm1"), width, false);
            qkv = Linear.asPyTorch(parameters.child("qkv"), width, 3 * width, false);
            out = Linear.asPyTorch(parameters.child("out"), width, width, false);
            norm2 = new RmsNorm(parameters.child("norm2"), width, false);
            gate = Linear.asPyTorch(parameters.child("gate"), width, hidden, false);
            up = Linear.asPyTorch(parameters.child("up"), width, hidden, false);
            down = Linear.asPyTorch(parameters.child("down"), hidden, width, false);
            modulation = new Linear(parameters.child("modulation"), width, 6 * width, true, 0);
        }

        Tensor forward(Tensor x, Tensor c) { // [B, L, D], [B, D]
            TensorVector part = modulation.forward(c).unsqueeze(1).chunk(6, 2); // shift, scale, gate; twice [B, 1, D]
            Tensor mixed = attention(Condition.modulate(norm1.forward(x), part.get(0), part.get(1)));
            Tensor y = x.add(part.get(2).mul(dropout.forward(mixed)));
            Tensor normed = Condition.modulate(norm2.forward(y), part.get(3), part.get(4));
            Tensor fed = down.forward(torch.silu(gate.forward(normed)).mul(up.forward(normed)));
            return y.add(part.get(5).mul(dropout.forward(fed)));
        }

        private Tensor attention(Tensor x) { // [B, L, D]
            if (rotary == null) {
                return out.forward(Attention.self(qkv.forward(x), configuration.heads(), false));
            }
            Tensor all = Attention.split(qkv.forward(x), 3, configuration.heads()); // [3, B, H, L, d]
            Tensor q = rotary.turn(all.select(0, 0));
            Tensor k = rotary.turn(all.select(0, 1));
            return out.forward(Attention.join(Attention.mix(q, k, all.select(0, 2), false)));
        }
    }
}
