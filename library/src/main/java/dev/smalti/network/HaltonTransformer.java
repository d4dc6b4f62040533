package dev.smalti.network;

import dev.smalti.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * The denoiser of Halton-MaskGIT, Besnier et al. 2025, arXiv:2503.17076: blocks that the class shifts, scales and gates
 * (adaLN-Zero, Peebles and Xie 2023, arXiv:2212.09748), with root mean square norms, also of queries and keys, SwiGLU, a
 * register beside the tokens and a head tied to the embedding of the tokens. Time is not an input.
 *
 * <p>Its tensors are named as in the published checkpoints. Those hold a second copy of the embedding as
 * {@code head.weight}; its last row and the last entry of {@code head.bias} are the mask's, which isn't guessed here.
 *
 * <p>Linear layers start from normal distributions of the variance of Glorot and Bengio's uniform ones, embeddings from
 * N(0, 0.02²), and what the blocks take from the class from 0, so that each begins as the identity.
 *
 * <p>Letters: B batch, L tokens, N tokens inside the network with registers, D width, H heads, d channels of a head, K
 * vocabulary, M positions asked for.
 */
public final class HaltonTransformer implements Denoiser {
    private static final double EMBEDDING = 0.02;
    private static final int SHIFT = 0;
    private static final int SCALE = 1;
    private static final int GATE = 2;

    private final HaltonTransformerConfiguration configuration;
    private final Parameters parameters;
    private final NetworkShape shape;
    private final long width;
    private final Tensor classes;
    private final Tensor tokens;
    private final Tensor positions;
    private final Tensor registers;
    private final Convolution merge;
    private final Convolution split;
    private final List<Block> blocks = new ArrayList<>();
    private final RmsNorm last;
    private final Linear lastModulation;
    private final Tensor bias;

    /**
     * Registers its tensors in {@code parameters}.
     *
     * @throws IllegalArgumentException if there are more outputs than inputs, which vectors are not, or patches do not fit
     *     the grid
     */
    public HaltonTransformer(Parameters parameters, HaltonTransformerConfiguration configuration, NetworkShape shape) {
        this.configuration = configuration;
        this.parameters = parameters;
        this.shape = shape;
        this.width = configuration.width();
        if (shape.vectors() > 0) {
            throw new IllegalArgumentException("the network halton reads tokens, whose embedding is its head, and not"
                    + " vectors: take dit, vq-diffusion or transformer");
        }
        if (shape.outputs() > shape.inputs()) {
            throw new IllegalArgumentException("outputs must be at most the inputs, whose embedding is the head, got "
                    + shape.outputs() + " and " + shape.inputs());
        }
        int patch = configuration.patch();
        if (shape.height() % patch != 0 || shape.width() % patch != 0) {
            throw new IllegalArgumentException(
                    "patch 2 needs an even grid, got " + shape.height() + " × " + shape.width());
        }
        this.classes = parameters.child("cls_emb").normal("weight", EMBEDDING, shape.classes() + 1, width);
        this.tokens = parameters.child("tok_emb").normal("weight", EMBEDDING, shape.inputs(), width);
        this.positions = parameters.child("pos_emb").normal("weight", EMBEDDING, shape.length(), width);
        this.merge = patch == 1
                ? null
                : new Convolution(
                        parameters.child("in_proj"), width, width, 2, 2, 0, glorot(4 * width, 4 * width), false);
        this.split = patch == 1
                ? null
                : new Convolution(
                        parameters.child("out_proj"), width, 4 * width, 1, 1, 0, glorot(width, 4 * width), false);
        for (int i = 0; i < configuration.layers(); i++) {
            blocks.add(new Block(parameters.child("transformer").child("layers").child(i)));
        }
        this.last = new RmsNorm(parameters.child("last_norm").child("norm_final"), width, true);
        this.lastModulation = linear(parameters.child("last_norm").child("mlp").child(1), width, 2 * width, true);
        this.bias = parameters.child("head").constant("bias", 0, shape.inputs());
        this.registers = parameters.child("reg_tokens").normal("weight", EMBEDDING, configuration.registers(), width);
    }

    private static Linear linear(Parameters parameters, long in, long out, boolean bias) {
        return new Linear(parameters, in, out, bias, glorot(in, out));
    }

    private static double glorot(long in, long out) {
        return Math.sqrt(2.0 / (in + out));
    }

    /** In training and with patches all is computed everywhere; otherwise the last block only where it is asked for. */
    @Override
    public Tensor logits(Tensor xt, Tensor time, Tensor label, Tensor at) {
        Work.pass(xt.size(0));
        boolean lean = at != null && merge == null && !parameters.training();
        Tensor known = label == null ? xt.select(1, 0).mul(new Scalar(0)) : label; // [B]
        Tensor condition = torch.silu(torch.embedding(classes, known)); // [B, D]
        Tensor x = embed(xt); // [B, N, D]
        List<Block> whole = lean ? blocks.subList(0, blocks.size() - 1) : blocks;
        x = Stack.forward(parameters, whole, x, condition, Block::forward);
        if (lean) {
            Tensor grid = at.floor_divide(new Scalar(shape.length())); // [M]
            Tensor within = at.add(grid.mul(new Scalar((long) configuration.registers()))); // [M], among B·N
            x = blocks.get(blocks.size() - 1).forward(x, condition, within, grid); // [M, D]
            return head(x, lastModulation.forward(condition).index_select(0, grid));
        }
        x = unmerge(x.narrow(1, 0, x.size(1) - configuration.registers())); // [B, L, D]
        Tensor logits = head(x, lastModulation.forward(condition).unsqueeze(1)).view(-1, shape.outputs()); // [B·L, K]
        return at == null ? logits : logits.index_select(0, at); // [M, K]
    }

    /** [B, L] -> [B, N, D] */
    private Tensor embed(Tensor xt) {
        Tensor x = torch.embedding(tokens, xt).add(positions); // [B, L, D]
        if (merge != null) {
            x = x.transpose(1, 2).reshape(-1, width, shape.height(), shape.width()); // [B, D, h, w]
            x = merge.forward(x).flatten(2, -1).transpose(1, 2); // [B, L/4, D]
        }
        return Tensors.cat(1, x, registers.unsqueeze(0).expand(x.size(0), -1, -1));
    }

    /** [B, L, D], or [B, L/4, D] with patches -> [B, L, D] */
    private Tensor unmerge(Tensor x) {
        if (split == null) {
            return x;
        }
        Tensor all = split.forward(x.transpose(1, 2).reshape(-1, width, shape.height() / 2, shape.width() / 2));
        return torch.pixel_shuffle(all, 2).flatten(2, -1).transpose(1, 2);
    }

    /** [..., D], [..., 2 D] -> [..., K] */
    private Tensor head(Tensor x, Tensor modulation) {
        Tensor y = Condition.modulate(last.forward(x), part(modulation, SHIFT), part(modulation, SCALE));
        return Linear.product(y, tokens.narrow(0, 0, shape.outputs()), bias.narrow(0, 0, shape.outputs()));
    }

    /** The {@code index}-th D of the last dimension. */
    private Tensor part(Tensor modulation, int index) {
        return modulation.narrow(-1, index * width, width);
    }

    private Tensor drop(Tensor x) {
        return dropout() > 0 ? torch.dropout(x, dropout(), true) : x;
    }

    private double dropout() {
        return parameters.training() ? configuration.dropout() : 0;
    }

    private final class Block {
        private final Linear modulation;
        private final RmsNorm ln1;
        private final Linear query;
        private final Linear key;
        private final Linear value;
        private final Linear out;
        private final RmsNorm ln2;
        private final Linear gate;
        private final Linear up;
        private final Linear down;
        private final long heads = configuration.heads();
        private final long channels = width / heads; // d

        Block(Parameters parameters) {
            modulation = new Linear(parameters.child("mlp").child(1), width, 6 * width, true, 0);
            ln1 = new RmsNorm(parameters.child("ln1"), width, false);
            Parameters attention = parameters.child("attn");
            query = linear(attention.child("wq"), width, heads * channels, false);
            key = linear(attention.child("wk"), width, heads * channels, false);
            value = linear(attention.child("wv"), width, heads * channels, false);
            out = linear(attention.child("wo"), heads * channels, width, false);
            ln2 = new RmsNorm(parameters.child("ln2"), width, false);
            long hidden = (2L * configuration.feedForward() / 3 + 255) / 256 * 256;
            Parameters feedForward = parameters.child("ff");
            gate = linear(feedForward.child("w1"), width, hidden, false);
            down = linear(feedForward.child("w2"), hidden, width, false);
            up = linear(feedForward.child("w3"), width, hidden, false);
        }

        Tensor forward(Tensor x, Tensor condition) { // [B, N, D], [B, D] -> [B, N, D]
            Tensor all = modulation.forward(condition).unsqueeze(1); // [B, 1, 6 D]
            Tensor normed = Condition.modulate(ln1.forward(x), part(all, SHIFT), part(all, SCALE));
            Tensor q = split(RmsNorm.normalise(query.forward(normed)), x.size(0)); // [B, H, N, d]
            Tensor mixed = attend(q, normed).transpose(1, 2).reshape(x.size(0), -1, heads * channels);
            return rest(x, mixed, all);
        }

        /** The block's output at some positions: keys and values of all, queries and what follows of those alone. */
        Tensor forward(Tensor x, Tensor condition, Tensor at, Tensor grid) { // [B, N, D], [B, D], [M], [M] -> [M, D]
            Tensor all = modulation.forward(condition); // [B, 6 D]
            Tensor normed = Condition.modulate(
                    ln1.forward(x),
                    part(all, SHIFT).unsqueeze(1),
                    part(all, SCALE).unsqueeze(1));
            Tensor asked = normed.reshape(-1, width).index_select(0, at);
            Slots slots = Slots.of(at, x.size(0), x.size(1));
            Tensor q = split(slots.spread(RmsNorm.normalise(query.forward(asked))), x.size(0)); // [B, H, most, d]
            Tensor mixed = slots.collect(attend(q, normed).transpose(1, 2).reshape(-1, heads * channels));
            return rest(x.reshape(-1, width).index_select(0, at), mixed, all.index_select(0, grid));
        }

        /** [B, H, *, d], [B, N, D] -> [B, H, *, d] */
        private Tensor attend(Tensor q, Tensor normed) {
            Tensor k = split(RmsNorm.normalise(key.forward(normed)), q.size(0));
            Tensor v = split(value.forward(normed), q.size(0));
            return Attention.mix(q, k, v, dropout());
        }

        /** [..., H·d] -> [B, H, *, d] */
        private Tensor split(Tensor x, long grids) {
            return x.view(grids, -1, heads, channels).transpose(1, 2);
        }

        /** What follows attention. [..., D], [..., H·d], [..., 6 D] -> [..., D] */
        private Tensor rest(Tensor x, Tensor mixed, Tensor all) {
            Tensor y = x.add(part(all, GATE).mul(drop(out.forward(mixed))));
            Tensor normed = Condition.modulate(ln2.forward(y), part(all, 3 + SHIFT), part(all, 3 + SCALE));
            Tensor hidden = drop(torch.silu(gate.forward(normed)).mul(up.forward(normed)));
            return y.add(part(all, 3 + GATE).mul(down.forward(hidden)));
        }
    }
}
