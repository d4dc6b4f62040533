package dev.smalti.exchange.onnx;

import dev.smalti.tokenizer.quantize.CodebookConfiguration.Choice;
import dev.smalti.tokenizer.vqgan.PixelRange;
import dev.smalti.tokenizer.vqgan.VqganConfiguration;
import dev.smalti.tokenizer.vqgan.VqganLayers.Halving;
import dev.smalti.tokenizer.vqgan.VqganLayers.Shortcut;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * The two ways of a VQGAN, for images and grids of any size: encoder and quantizer, and look-up and decoder.
 *
 * <p>Letters: B batch, D dimension of a code's vector, z channels of the latent map, K codes, h w grid, H W pixels.
 */
final class VqganGraphs {
    private static final String[] TRAINING = {"logsigma.", "quantize.uses", "quantize.sums"};

    private final VqganConfiguration configuration;
    private final Map<String, Tensor> weights;

    /** @param weights by our names; they must live until the graphs are written */
    VqganGraphs(VqganConfiguration configuration, Map<String, Tensor> weights) {
        this.configuration = configuration;
        this.weights = weights;
    }

    /** image, float32 [B, 3, H, W] in [-1, 1] -> codes, int64 [B, h, w] */
    OnnxGraph encoder() {
        OnnxGraph graph = new OnnxGraph(weights);
        graph.leaveOut(TRAINING);
        graph.leaveOut("decoder.", "post_quant_conv.");
        if (configuration.codebook().choice() == Choice.PROJECTION) {
            graph.leaveOut("quantize.embedding."); // what codes look like, which the decoder alone needs
        }
        OnnxValue x = graph.input("image", OnnxType.FLOAT, "B", 3, "H", "W");
        if (configuration.range() == PixelRange.UNIT) {
            x = x.plus(1).times(0.5);
        }
        OnnxValue z = encoded(graph.part().child("encoder"), x); // [B, z, h, w]
        OnnxPart before = graph.part().child("quant_conv");
        z = configuration.quantConv() ? before.convolution(z, 1, 0) : z; // [B, D, h, w]
        graph.output("codes", chosen(graph.part().child("quantize"), z), OnnxType.INT64, "B", "h", "w");
        return graph;
    }

    private OnnxValue encoded(OnnxPart part, OnnxValue images) {
        int patch = configuration.patch();
        List<Integer> multipliers = configuration.multipliers();
        int resolution = configuration.size() / patch;
        // squares of pixels as channels, and a convolution of those, are one of the pixels
        OnnxPart enter = part.child("conv_in");
        OnnxValue kernel = enter.weight("weight", ".pixels", weight -> torch.pixel_shuffle(weight, patch));
        OnnxValue x = images.convolve(kernel, enter.bias(), patch, patch);
        for (int level = 0; level < multipliers.size(); level++) {
            OnnxPart down = part.child("down").child(level);
            x = blocks(down, x, configuration.resBlocks(), resolution);
            if (level < multipliers.size() - 1) {
                x = configuration.layers().halving() == Halving.AVERAGE_POOL
                        ? x.halfAsLarge()
                        : down.child("downsample").child("conv").convolution(x.padRightAndBottom(), 2, 0);
                resolution /= 2;
            }
        }
        x = part.child("norm_out").groupNorm(middle(part.child("mid"), x));
        long padding = configuration.layers().pointwiseLast() ? 0 : 1;
        return part.child("conv_out").convolution(configuration.outputSwish() ? x.silu() : x, 1, padding);
    }

    /** As the codebook chooses. [B, D, h, w] -> int64 [B, h, w] */
    private OnnxValue chosen(OnnxPart quantize, OnnxValue z) {
        return switch (configuration.codebook().choice()) {
            case NEAREST -> nearest(quantize, z);
            case COSINE ->
                z.permute(0, 2, 3, 1)
                        .matmul(quantize.child("embedding").weight("weight", ".units", codes -> units(codes)
                                .t()
                                .contiguous()))
                        .argmax(); // whatever the length of z, which turns nothing
            case PROJECTION ->
                quantize.child("proj").convolution(z, 1, 0).permute(0, 2, 3, 1).argmax();
        };
    }

    /** Of length 1. [K, D] */
    private static Tensor units(Tensor codes) {
        return codes.div(codes.norm(new ScalarOptional(new Scalar(2.0)), new long[] {1}, true)
                .clamp_min(new Scalar(1e-12)));
    }

    /** argmin_k |e_k|² - 2 z·e_k. [B, D, h, w] -> int64 [B, h, w] */
    private static OnnxValue nearest(OnnxPart quantize, OnnxValue z) {
        OnnxPart embedding = quantize.child("embedding"); // [K, D]
        OnnxValue directions = embedding.weight("weight", ".directions", codes -> codes.t()
                .mul(new Scalar(-2.0))
                .contiguous());
        OnnxValue squares =
                embedding.weight("weight", ".squares", codes -> codes.square().sum(1));
        return z.permute(0, 2, 3, 1).matmul(directions).plus(squares).argmin();
    }

    /** codes, int64 [B, h, w] -> image, float32 [B, 3, H, W] in about [-1, 1] */
    OnnxGraph decoder() {
        OnnxGraph graph = new OnnxGraph(weights);
        graph.leaveOut(TRAINING);
        graph.leaveOut("encoder.", "quant_conv.");
        OnnxValue codes = graph.input("codes", OnnxType.INT64, "B", "h", "w");
        graph.leaveOut("quantize.proj."); // of which the encoder alone makes use
        OnnxPart embedding = graph.part().child("quantize").child("embedding");
        OnnxValue table = configuration.codebook().choice() == Choice.COSINE
                ? embedding.weight("weight", ".units", VqganGraphs::units)
                : embedding.weight("weight");
        OnnxValue z = table.rows(codes).permute(0, 3, 1, 2); // [B, D, h, w]
        OnnxPart after = graph.part().child("post_quant_conv");
        z = configuration.quantConv() ? after.convolution(z, 1, 0) : z; // [B, z, h, w]
        OnnxValue image = decoded(graph.part().child("decoder"), z);
        if (configuration.range() == PixelRange.UNIT) {
            image = image.times(2).plus(-1);
        }
        graph.output("image", image, OnnxType.FLOAT, "B", 3, "H", "W");
        return graph;
    }

    private OnnxValue decoded(OnnxPart part, OnnxValue z) {
        int resolution = configuration.size() / configuration.factor();
        OnnxValue x = middle(part.child("mid"), part.child("conv_in").convolution(z, 1, 1));
        for (int level = configuration.multipliers().size() - 1; level >= 0; level--) {
            OnnxPart up = part.child("up").child(level);
            x = blocks(up, x, configuration.decoderBlocks(), resolution);
            if (level > 0) {
                x = up.child("upsample").child("conv").convolution(x.twiceAsLarge(), 1, 1);
                resolution *= 2;
            }
        }
        x = part.child("norm_out").groupNorm(x);
        x = part.child("conv_out").convolution(configuration.outputSwish() ? x.silu() : x, 1, 1);
        return configuration.patch() == 1 ? x : x.pixelShuffle(configuration.patch());
    }

    private OnnxValue blocks(OnnxPart part, OnnxValue x, int count, int resolution) {
        OnnxValue y = x;
        for (int i = 0; i < count; i++) {
            y = residual(part.child("block").child(i), y);
            if (configuration.attention().contains(resolution)) {
                y = attention(part.child("attn").child(i), y);
            }
        }
        return y;
    }

    private OnnxValue middle(OnnxPart part, OnnxValue x) {
        OnnxValue y = residual(part.child("block_1"), x);
        y = configuration.layers().middleAttention() ? attention(part.child("attn_1"), y) : y;
        return residual(part.child("block_2"), y);
    }

    /** x + conv(swish(norm(conv(swish(norm(x)))))). [B, in, H, W] -> [B, out, H, W] */
    private OnnxValue residual(OnnxPart part, OnnxValue x) {
        OnnxValue h =
                part.child("conv1").convolution(part.child("norm1").groupNorm(x).silu(), 1, 1);
        h = part.child("conv2").convolution(part.child("norm2").groupNorm(h).silu(), 1, 1);
        OnnxPart shortcut = part.child("nin_shortcut");
        if (!shortcut.has("weight")) {
            return x.plus(h);
        }
        boolean ofOutput = configuration.layers().shortcut() == Shortcut.OUTPUT;
        return shortcut.convolution(ofOutput ? h : x, 1, 0).plus(h);
    }

    /** x + proj(v softmax(qᵀk/√C)ᵀ). [B, C, h, w] -> the same */
    private static OnnxValue attention(OnnxPart part, OnnxValue x) {
        long channels = part.child("norm").shape("weight")[0];
        OnnxValue normed = part.child("norm").groupNorm(x);
        OnnxValue q = part.child("q").convolution(normed, 1, 0).reshape(0, channels, -1); // [B, C, L]
        OnnxValue k = part.child("k").convolution(normed, 1, 0).reshape(0, channels, -1);
        OnnxValue v = part.child("v").convolution(normed, 1, 0).reshape(0, channels, -1);
        OnnxValue scores = q.permute(0, 2, 1).matmul(k).times(1 / Math.sqrt(channels)); // [B, L, L]
        OnnxValue mixed = v.matmul(scores.softmax().permute(0, 2, 1)); // [B, C, L]
        return x.plus(part.child("proj_out").convolution(mixed.reshapeAs(x), 1, 0));
    }
}
