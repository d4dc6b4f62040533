package dev.smalti.network;

import dev.smalti.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * A transformer that is told time and class by adaptive layer norm: Peebles and Xie 2023, arXiv:2212.09748, with rotary
 * positions as Lou et al. 2024, arXiv:2310.16834, use it over tokens. Gates and head start at zero, so that every logit
 * starts at zero.
 *
 * <p>Letters: B batch, L tokens, D width, H heads, d = D / H, C condition, K vocabulary, M positions asked for.
 */
public final class DiffusionTransformer implements Denoiser {
    private final DiffusionTransformerConfiguration configuration;
    private final Parameters parameters;
    private final Dropout dropout;
    private final Dropout attentionDropout;
    private final Embedding tokens;
    private final Tensor positions;
    private final Condition told;
    private final Rotary rotary;
    private final List<Block> blocks = new ArrayList<>();
    private final Tensor lastNorm;
    private final Linear lastModulation;
    private final Linear head;

    /** Registers its tensors in {@code parameters}. */
    public DiffusionTransformer(
            Parameters parameters, DiffusionTransformerConfiguration configuration, NetworkShape shape) {
        this.configuration = configuration;
        this.parameters = parameters;
        this.dropout = new Dropout(parameters, configuration.dropout());
        this.attentionDropout = new Dropout(parameters, configuration.attentionDropout());
        long width = configuration.width();
        long condition = configuration.condition();
        this.tokens = new Embedding(parameters.child("vocab_embed"), "embedding", deviation(width), shape, width);
        this.positions = configuration.learntPositions()
                ? parameters.child("pos_embed").normal("embedding", deviation(width), shape.length(), width)
                : null;
        this.told = new Condition(
                parameters.child("sigma_map").child("mlp"),
                parameters.child("label_embed"),
                condition,
                shape.classes());
        long channels = width / configuration.heads();
        this.rotary = switch (configuration.positions()) {
            case ROTARY_1D -> Rotary.line(parameters, shape.length(), channels);
            case ROTARY_2D -> Rotary.grid(parameters, shape.height(), shape.width(), channels);
        };
        for (int i = 0; i < configuration.layers(); i++) {
            blocks.add(new Block(parameters.child("blocks").child(i)));
        }
        Parameters output = parameters.child("output_layer");
        this.lastNorm = output.child("norm_final").constant("weight", 1, width);
        this.lastModulation = new Linear(output.child("adaLN_modulation"), condition, 2 * width, true, 0);
        this.head = Linear.head(output.child("linear"), width, shape, true, 0);
    }

    /** PyTorch's initial deviation of a layer with so many inputs. */
    private static double deviation(long in) {
        return 1 / Math.sqrt(3.0 * in);
    }

    @Override
    public Tensor logits(Tensor xt, Tensor time, Tensor label, Tensor at) {
        Work.pass(xt.size(0));
        Tensor c = told.forward(time, label); // [B, C]
        Tensor x = tokens.forward(xt); // [B, L, D]
        x = positions == null ? x : x.add(positions);
        x = Stack.forward(parameters, blocks, x, c, Block::forward);
        Tensor[] last = modulation(lastModulation, c, 2);
        x = modulate(x, lastNorm, last[0], last[1]).reshape(-1, configuration.width()); // [B·L, D]
        return AskedRows.answers(x, at, head::forward); // [M, K]
    }

    /** The parts of an adaptive layer norm's output, each [B, 1, D]. */
    private static Tensor[] modulation(Linear linear, Tensor c, int parts) {
        TensorVector chunks = linear.forward(c).unsqueeze(1).chunk(parts, 2);
        Tensor[] all = new Tensor[parts];
        for (int i = 0; i < parts; i++) {
            all[i] = chunks.get(i);
        }
        return all;
    }

    /** Layer norm, scaled by 1 + scale and shifted. [B, L, D] -> the same */
    private Tensor modulate(Tensor x, Tensor weight, Tensor shift, Tensor scale) {
        Tensor normed = torch.layer_norm(
                x, new long[] {configuration.width()}, Tensors.optional(weight), new TensorOptional(), 1e-5, false);
        return Condition.modulate(normed, shift, scale);
    }

    private final class Block {
        private final Tensor norm1;
        private final Tensor norm2;
        private final Linear qkv;
        private final Linear out;
        private final Linear up;
        private final Linear down;
        private final Linear modulation;
        private final long heads = configuration.heads();

        Block(Parameters parameters) {
            long width = configuration.width();
            norm1 = parameters.child("norm1").constant("weight", 1, width);
            qkv = Linear.asPyTorch(parameters.child("attn_qkv"), width, 3 * width, false);
            out = Linear.asPyTorch(parameters.child("attn_out"), width, width, false);
            norm2 = parameters.child("norm2").constant("weight", 1, width);
            up = Linear.asPyTorch(parameters.child("mlp").child(0), width, 4 * width, true);
            down = Linear.asPyTorch(parameters.child("mlp").child(2), 4 * width, width, true);
            modulation =
                    new Linear(parameters.child("adaLN_modulation"), configuration.condition(), 6 * width, true, 0);
        }

        Tensor forward(Tensor x, Tensor c) { // [B, L, D], [B, C]
            Tensor[] part = modulation(modulation, c, 6); // shift, scale and gate of attention, then of the rest
            Tensor mixed = attention(modulate(x, norm1, part[0], part[1]));
            x = x.add(part[2].mul(dropout.forward(mixed)));
            Tensor fed = down.forward(torch.gelu(up.forward(modulate(x, norm2, part[3], part[4])), "tanh"));
            return x.add(part[5].mul(dropout.forward(fed)));
        }

        private Tensor attention(Tensor x) { // [B, L, D]
            Tensor all = Attention.split(qkv.forward(x), 3, heads); // [3, B, H, L, d]
            Tensor q = rotary.turn(all.select(0, 0));
            Tensor k = rotary.turn(all.select(0, 1));
            return out.forward(Attention.join(Attention.mix(q, k, all.select(0, 2), attentionDropout.now())));
        }
    }
}
