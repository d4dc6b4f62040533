package dev.smalti.tokenizer.vqgan;

import dev.smalti.distributed.WholeBatch;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.Arrays;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Differentiable augmentation of what the discriminator sees, policy "color,translation". Zhao et al. 2020,
 * arXiv:2006.10738, as Bond-Taylor et al. 2022, section 3.4, use it. Each image has its own draws. [B, 3, H, W] -> the same.
 */
final class DiffAugment {
    private DiffAugment() {}

    /**
     * The draws for one batch.
     *
     * @param brightness u in [0, 1): x + (u - 0.5); [B, 1, 1, 1]
     * @param saturation u in [0, 1): (x - mean over channels)·2u + mean; [B, 1, 1, 1]
     * @param contrast u in [0, 1): (x - mean)·(u + 0.5) + mean; [B, 1, 1, 1]
     * @param down rows by which each image moves up, at most an eighth of the height either way
     * @param right columns by which each image moves left
     */
    record Draws(Tensor brightness, Tensor saturation, Tensor contrast, long[] down, long[] right) {
        static Draws of(Tensor images, Seed seed) {
            Generator generator = seed.generator();
            long batch = images.size(0);
            return new Draws(
                    uniform(images, generator),
                    uniform(images, generator),
                    uniform(images, generator),
                    shifts(batch, images.size(2), generator),
                    shifts(batch, images.size(3), generator));
        }

        private static Tensor uniform(Tensor images, Generator generator) {
            Tensor all = WholeBatch.own(
                    images.size(0),
                    items -> torch.rand(
                            new long[] {items, 1, 1, 1},
                            new GeneratorOptional(generator),
                            Tensors.options(ScalarType.Float)));
            return Devices.send(all, images.device(), ScalarType.Float);
        }

        private static long[] shifts(long batch, long size, Generator generator) {
            long most = limit(size);
            return Tensors.toLongs(WholeBatch.own(
                    batch,
                    all -> torch.randint(
                            -most,
                            most + 1,
                            new long[] {all},
                            new GeneratorOptional(generator),
                            Tensors.options(ScalarType.Long))));
        }
    }

    static Tensor apply(Tensor images, Draws draws) {
        Tensor x = brightness(images, draws.brightness());
        x = saturation(x, draws.saturation());
        x = contrast(x, draws.contrast());
        return translation(x, draws.down(), draws.right());
    }

    static Tensor brightness(Tensor x, Tensor u) {
        return x.add(u.sub(new Scalar(0.5)));
    }

    static Tensor saturation(Tensor x, Tensor u) {
        Tensor mean = x.mean(new long[] {1}, true, new org.bytedeco.pytorch.ScalarTypeOptional());
        return x.sub(mean).mul(u.mul(new Scalar(2.0))).add(mean);
    }

    static Tensor contrast(Tensor x, Tensor u) {
        Tensor mean = x.mean(new long[] {1, 2, 3}, true, new org.bytedeco.pytorch.ScalarTypeOptional());
        return x.sub(mean).mul(u.add(new Scalar(0.5))).add(mean);
    }

    /** out[i] = x[i + shift], zero outside. */
    static Tensor translation(Tensor x, long[] down, long[] right) {
        long height = x.size(2);
        long width = x.size(3);
        long most = Math.max(largest(down), largest(right));
        if (most == 0) {
            return x;
        }
        Tensor padded = torch.pad(x, most, most, most, most);
        Tensor[] moved = new Tensor[down.length];
        for (int i = 0; i < moved.length; i++) {
            moved[i] = padded.select(0, i).narrow(1, most + down[i], height).narrow(2, most + right[i], width);
        }
        return torch.stack(new TensorVector(moved), 0);
    }

    static long limit(long size) {
        return (long) (size * 0.125 + 0.5);
    }

    private static long largest(long[] shifts) {
        return Arrays.stream(shifts).map(Math::abs).max().orElse(0);
    }
}
