package dev.smalti.exchange;

import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/**
 * MaskGIT's VQGAN as its flax module computes it, small and of random weights, under the names of its PyTorch port and under those that
 * flax gives modules: a counter for each type, in the order in which they are called.
 */
final class MaskgitReference {
    private static final int[] MULTIPLIERS = {1, 2, 1};
    private static final int CHANNELS = 32;
    private static final int DIMENSION = 8;
    private static final int CODES = 24;
    private static final int BLOCKS = 2;

    private final Map<String, Tensor> torchs = new LinkedHashMap<>();
    private final Map<String, Tensor> flaxs = new LinkedHashMap<>();
    private final Map<String, Integer> called = new LinkedHashMap<>();
    private int drawn;

    MaskgitReference() {
        encoder();
        decoder();
        Tensor codes = normal(1, CODES, DIMENSION);
        torchs.put("quantize.embedding.weight", codes);
        flaxs.put("params.quantizer.codebook", codes);
    }

    Map<String, Tensor> torch() {
        return torchs;
    }

    Map<String, Tensor> flax() {
        return flaxs;
    }

    private void encoder() {
        convolution("encoder", "conv_in", 3, CHANNELS, 3, false);
        int channels = CHANNELS;
        for (int level = 0; level < MULTIPLIERS.length; level++) {
            for (int i = 0; i < BLOCKS; i++) {
                block("encoder", "down." + level + ".block." + i, channels, CHANNELS * MULTIPLIERS[level]);
                channels = CHANNELS * MULTIPLIERS[level];
            }
        }
        for (int i = 0; i < BLOCKS; i++) {
            block("encoder", "mid." + i, channels, channels);
        }
        norm("encoder", "norm_out", channels);
        convolution("encoder", "conv_out", channels, DIMENSION, 1, true);
    }

    private void decoder() {
        int channels = CHANNELS * MULTIPLIERS[MULTIPLIERS.length - 1];
        convolution("decoder", "conv_in", DIMENSION, channels, 3, true);
        for (int i = 0; i < BLOCKS; i++) {
            block("decoder", "mid." + i, channels, channels);
        }
        for (int level = MULTIPLIERS.length - 1; level >= 0; level--) {
            for (int i = 0; i < BLOCKS; i++) {
                block("decoder", "up." + level + ".block." + i, channels, CHANNELS * MULTIPLIERS[level]);
                channels = CHANNELS * MULTIPLIERS[level];
            }
            if (level > 0) {
                convolution("decoder", "up." + level + ".upsample_conv", channels, channels, 3, true);
            }
        }
        norm("decoder", "norm_out", channels);
        convolution("decoder", "conv_out", channels, 3, 3, true);
    }

    private void block(String half, String name, int in, int out) {
        String flax = flaxName(half, "ResBlock");
        normAt(half + "." + name + ".norm1", flax + ".GroupNorm_0", in);
        convolutionAt(half + "." + name + ".conv1", flax + ".Conv_0", in, out, 3, false);
        normAt(half + "." + name + ".norm2", flax + ".GroupNorm_1", out);
        convolutionAt(half + "." + name + ".conv2", flax + ".Conv_1", out, out, 3, false);
        if (in != out) {
            convolutionAt(half + "." + name + ".nin_shortcut", flax + ".Conv_2", out, out, 1, false);
        }
    }

    private void norm(String half, String name, int channels) {
        normAt(half + "." + name, flaxName(half, "GroupNorm"), channels);
    }

    private void normAt(String torch, String flax, int channels) {
        Tensor scale = normal(0.2, channels).add(new Scalar(1.0));
        Tensor bias = normal(0.2, channels);
        torchs.put(torch + ".weight", scale);
        torchs.put(torch + ".bias", bias);
        flaxs.put("params." + flax + ".scale", scale);
        flaxs.put("params." + flax + ".bias", bias);
    }

    private void convolution(String half, String name, int in, int out, int kernel, boolean bias) {
        convolutionAt(half + "." + name, flaxName(half, "Conv"), in, out, kernel, bias);
    }

    private void convolutionAt(String torch, String flax, int in, int out, int kernel, boolean bias) {
        Tensor weight = normal(1 / Math.sqrt((double) in * kernel * kernel), out, in, kernel, kernel);
        torchs.put(torch + ".weight", weight);
        flaxs.put("params." + flax + ".kernel", weight.permute(2, 3, 1, 0).contiguous());
        if (bias) {
            Tensor offset = normal(0.2, out);
            torchs.put(torch + ".bias", offset);
            flaxs.put("params." + flax + ".bias", offset);
        }
    }

    private String flaxName(String half, String type) {
        String name = half + "." + type;
        return name + "_" + (called.merge(name, 1, Integer::sum) - 1);
    }

    private Tensor normal(double deviation, long... shape) {
        return Tensors.zeros(shape).normal_(0, deviation, new Seed(++drawn).optional());
    }

    /** [B, 3, H, W] in [0, 1] -> int64 [B, h, w] */
    Tensor encode(Tensor x) {
        Tensor h = apply("encoder.conv_in", x);
        for (int level = 0; level < MULTIPLIERS.length; level++) {
            for (int i = 0; i < BLOCKS; i++) {
                h = residual("encoder.down." + level + ".block." + i, h);
            }
            if (level < MULTIPLIERS.length - 1) {
                h = h.view(h.size(0), h.size(1), h.size(2) / 2, 2, h.size(3) / 2, 2)
                        .mean(3, 5);
            }
        }
        for (int i = 0; i < BLOCKS; i++) {
            h = residual("encoder.mid." + i, h);
        }
        Tensor z = apply("encoder.conv_out", torch.silu(normalised("encoder.norm_out", h)));
        Tensor flat = z.permute(0, 2, 3, 1).reshape(-1, 1, DIMENSION);
        Tensor distance = flat.sub(torchs.get("quantize.embedding.weight"))
                .pow(new Scalar(2))
                .sum(2);
        return torch.argmin(distance, new LongOptional(1), false).view(z.size(0), z.size(2), z.size(3));
    }

    /** int64 [B, h, w] -> [B, 3, H, W] */
    Tensor decode(Tensor codes) {
        Tensor z = torch.embedding(torchs.get("quantize.embedding.weight"), codes)
                .permute(0, 3, 1, 2)
                .contiguous();
        Tensor h = apply("decoder.conv_in", z);
        for (int i = 0; i < BLOCKS; i++) {
            h = residual("decoder.mid." + i, h);
        }
        for (int level = MULTIPLIERS.length - 1; level >= 0; level--) {
            for (int i = 0; i < BLOCKS; i++) {
                h = residual("decoder.up." + level + ".block." + i, h);
            }
            if (level > 0) {
                Tensor twice = h.repeat_interleave(2, new LongOptional(2), new LongOptional())
                        .repeat_interleave(2, new LongOptional(3), new LongOptional());
                h = apply("decoder.up." + level + ".upsample_conv", twice);
            }
        }
        return apply("decoder.conv_out", torch.silu(normalised("decoder.norm_out", h)));
    }

    private Tensor residual(String name, Tensor x) {
        Tensor h = apply(name + ".conv1", torch.silu(normalised(name + ".norm1", x)));
        h = apply(name + ".conv2", torch.silu(normalised(name + ".norm2", h)));
        boolean changed = x.size(1) != h.size(1);
        return h.add(changed ? apply(name + ".nin_shortcut", h) : x);
    }

    /** 32 groups. */
    private Tensor normalised(String name, Tensor x) {
        Tensor groups = x.view(x.size(0), 32, -1);
        Tensor mean = groups.mean(new long[] {2}, true, null);
        Tensor centred = groups.sub(mean);
        Tensor variance = centred.pow(new Scalar(2)).mean(new long[] {2}, true, null);
        return centred.div(variance.add(new Scalar(1e-6)).sqrt())
                .view_as(x)
                .mul(torchs.get(name + ".weight").view(1, -1, 1, 1))
                .add(torchs.get(name + ".bias").view(1, -1, 1, 1));
    }

    private Tensor apply(String name, Tensor x) {
        Tensor weight = torchs.get(name + ".weight");
        Tensor bias = torchs.get(name + ".bias");
        long padding = weight.size(2) / 2;
        return torch.conv2d(
                x,
                weight,
                bias == null ? new TensorOptional() : new TensorOptional(bias),
                new long[] {1, 1},
                new long[] {padding, padding},
                new long[] {1, 1},
                1);
    }
}
