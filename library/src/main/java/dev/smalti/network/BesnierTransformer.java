package dev.smalti.network;

import dev.smalti.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * The denoiser of "A Pytorch Reproduction of Masked Generative Image Transformer", Besnier and Chen 2023, arXiv:2310.14400: BERT's
 * kind of transformer over the tokens of a grid and, after them, one more that tells the class. Two linear layers lead into the
 * blocks and one out of them; the head is the table of embeddings, with a bias of its own at each position. Time is not an input.
 *
 * <pre>
 * x_1..x_L, class [B, L + 1] ──► embedding + position ──► norm, linear, GELU, norm, linear ──► blocks
 *                            ──► norm, linear, GELU, norm ──► embeddingᵀ x + bias of the position ──► [B·L, K]
 * </pre>
 *
 * <p>One table has the codes, the masks, the classes, and then what stands for no class, in this order. Norms outside of the blocks,
 * which are those of {@link Transformer}, add 1e-12 to the variance. The released network also guesses the mask; here codes alone are.
 *
 * <p>Letters: B batch, L tokens, D width, K codes, M positions asked for.
 */
public final class BesnierTransformer implements Denoiser {
    private static final double EPSILON = 1e-12;

    private final Parameters parameters;
    private final NetworkShape shape;
    private final long width;
    private final long length;
    private final Dropout dropout;
    private final Tensor tokens;
    private final Tensor positions;
    private final Raise enter1;
    private final LayerNorm enterNorm;
    private final Linear enter2;
    private final List<Block> blocks = new ArrayList<>();
    private final Raise leave;
    private final LayerNorm leaveNorm;
    private final Tensor bias;

    /**
     * Registers its tensors in {@code parameters}.
     *
     * @throws IllegalArgumentException if there are more outputs than inputs, which vectors are not
     */
    public BesnierTransformer(
            Parameters parameters, BesnierTransformerConfiguration configuration, NetworkShape shape) {
        this.parameters = parameters;
        this.shape = shape;
        this.width = configuration.width();
        this.length = shape.length();
        this.dropout = new Dropout(parameters, configuration.dropout());
        if (shape.vectors() > 0) {
            throw new IllegalArgumentException("the network besnier reads tokens, whose embedding is its head, and not"
                    + " vectors: take dit, vq-diffusion or transformer");
        }
        if (shape.outputs() > shape.inputs()) {
            throw new IllegalArgumentException("outputs must be at most the inputs, whose embedding is the head, got "
                    + shape.outputs() + " and " + shape.inputs());
        }
        double deviation = configuration.deviation();
        long rows = shape.inputs() + shape.classes() + 1;
        this.tokens = parameters.child("tok_emb").normal("weight", deviation, rows, width);
        this.positions = parameters.normal("pos_emb", deviation, 1, length + 1, width);
        Parameters first = parameters.child("first_layer");
        this.enter1 = new Raise(first, deviation);
        this.enterNorm = new LayerNorm(first.child(4), width, EPSILON);
        this.enter2 = new Linear(first.child(6), width, width, true, deviation);
        TransformerConfiguration plain = new TransformerConfiguration(
                configuration.layers(),
                configuration.width(),
                configuration.heads(),
                configuration.dropout(),
                deviation);
        for (int i = 0; i < configuration.layers(); i++) {
            blocks.add(new Block(parameters.child("transformer").child("layers").child(i), plain));
        }
        Parameters last = parameters.child("last_layer");
        this.leave = new Raise(last, deviation);
        this.leaveNorm = new LayerNorm(last.child(4), width, EPSILON);
        this.bias = parameters.constant("bias", 0, length + 1, rows);
    }

    /** Where its output is not asked for, the last block is left out, in training no more than what follows its attention. */
    @Override
    public Tensor logits(Tensor xt, Tensor time, Tensor label, Tensor at) {
        Work.pass(xt.size(0));
        boolean lean = at != null && !parameters.training();
        List<Block> whole = lean ? blocks.subList(0, blocks.size() - 1) : blocks;
        Tensor x = embed(xt, label); // [B, L + 1, D]
        if (at == null) {
            x = Block.all(whole, parameters, x, false).narrow(1, 0, length).reshape(-1, width); // [B·L, D]
            return head(leaveNorm.forward(leave.forward(x)), null);
        }
        AskedRows asked = lean ? new AskedRows(at, at.numel()) : AskedRows.of(at, xt.numel());
        Tensor rows = asked.rows(); // [M']
        Tensor within = rows.add(rows.floor_divide(new Scalar(length))); // among B·(L + 1)
        x = lean
                ? blocks.get(blocks.size() - 1).forward(Block.all(whole, parameters, x, false), within)
                : Block.all(whole, parameters, x, within); // [M', D]
        return asked.answers(head(leaveNorm.forward(leave.forward(x)), rows));
    }

    /** [B, L], [B] -> [B, L + 1, D] */
    private Tensor embed(Tensor xt, Tensor label) {
        Tensor known = label == null ? xt.select(1, 0).mul(new Scalar(0)) : label; // [B]
        Tensor told = known.add(new Scalar(shape.inputs())).unsqueeze(1); // [B, 1]
        Tensor x = torch.embedding(tokens, Tensors.cat(1, xt, told)).add(positions);
        return enter2.forward(dropout.forward(enterNorm.forward(enter1.forward(x))));
    }

    /** [M, D] -> [M, K] */
    private Tensor head(Tensor x, Tensor at) {
        long codes = shape.outputs();
        Tensor weight = tokens.narrow(0, 0, codes);
        Tensor y = shape.exact() ? Linear.exact(x, weight, null) : Linear.product(x, weight, null);
        Tensor own = bias.narrow(1, 0, codes).narrow(0, 0, length); // [L, K]
        return at == null
                ? y.view(-1, length, codes).add(own).view(-1, codes)
                : y.add(own.index_select(0, at.remainder(new Scalar(length))));
    }

    /** Norm, linear layer and GELU, of whose {@code Sequential} they are the numbers 0, 2 and 3. [..., D] -> the same */
    private final class Raise {
        private final LayerNorm norm;
        private final Linear linear;

        Raise(Parameters parameters, double deviation) {
            norm = new LayerNorm(parameters.child(0), width, EPSILON);
            linear = new Linear(parameters.child(2), width, width, true, deviation);
        }

        Tensor forward(Tensor x) {
            return torch.gelu(linear.forward(dropout.forward(norm.forward(x))));
        }
    }
}
