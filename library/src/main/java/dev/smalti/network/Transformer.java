package dev.smalti.network;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * GPT-2's stack of pre-norm blocks over a grid of tokens, with learnt positions and without a causal mask: the denoiser
 * of Bond-Taylor et al. 2022. Linear layers and embeddings, those of positions too, start from one normal distribution.
 *
 * <p>A class enters as one more learnt vector that is added at every position; the last of its table stands for no class.
 * Time is not an input: the number of masked tokens tells it.
 *
 * <p>Letters: B batch, L tokens, D width, K vocabulary, M positions asked for.
 */
public final class Transformer implements Denoiser {
    private final TransformerConfiguration configuration;
    private final Parameters parameters;
    private final Dropout dropout;
    private final Tensor positions;
    private final Embedding tokens;
    private final Tensor classes;
    private final List<Block> blocks = new ArrayList<>();
    private final LayerNorm last;
    private final Linear head;

    /** Registers its tensors in {@code parameters}. */
    public Transformer(Parameters parameters, TransformerConfiguration configuration, NetworkShape shape) {
        this.configuration = configuration;
        this.parameters = parameters;
        this.dropout = new Dropout(parameters, configuration.dropout());
        long width = configuration.width();
        double deviation = configuration.deviation();
        this.positions = parameters.normal("pos_emb", deviation, 1, shape.length(), width);
        this.tokens = new Embedding(parameters.child("tok_emb"), "weight", deviation, shape, width);
        this.classes = shape.classes() == 0
                ? null
                : parameters.child("cls_emb").normal("weight", deviation, shape.classes() + 1, width);
        for (int i = 0; i < configuration.layers(); i++) {
            blocks.add(new Block(parameters.child("blocks").child(i), configuration));
        }
        this.last = new LayerNorm(parameters.child("ln_f"), width);
        this.head = Linear.head(parameters.child("head"), width, shape, false, deviation);
    }

    /** Where its output is not asked for, the last block is left out, in training no more than what follows its attention. */
    @Override
    public Tensor logits(Tensor xt, Tensor time, Tensor label, Tensor at) {
        Work.pass(xt.size(0));
        boolean lean = at != null && !parameters.training();
        List<Block> whole = lean ? blocks.subList(0, blocks.size() - 1) : blocks;
        Tensor x = embed(xt, label); // [B, L, D]
        if (at == null) {
            x = Block.all(whole, parameters, x, false).reshape(-1, configuration.width()); // [B·L, D]
        } else if (lean) {
            x = blocks.get(blocks.size() - 1).forward(Block.all(whole, parameters, x, false), at); // [M, D]
        } else {
            AskedRows asked = AskedRows.of(at, x.size(0) * x.size(1));
            return asked.answers(head.forward(last.forward(Block.all(whole, parameters, x, asked.rows()))));
        }
        return head.forward(last.forward(x)); // [M, K]
    }

    private Tensor embed(Tensor xt, Tensor label) {
        Tensor x = tokens.forward(xt).add(positions); // [B, L, D]
        if (classes != null) {
            x = x.add(torch.embedding(classes, label).unsqueeze(1));
        }
        return dropout.forward(x);
    }
}
