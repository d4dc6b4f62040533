package dev.smalti.tokenizer;

import dev.smalti.network.Objective;
import dev.smalti.network.Parameters;
import dev.smalti.token.Accumulation;
import dev.smalti.token.TokenSpace;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;

/** Images to tokens and back. */
public interface Tokenizer extends AutoCloseable {
    /** H = W of the images it was made for. */
    int imageSize();

    /** K, h, w and T. */
    TokenSpace space();

    /** Pixels along each side of the square that a token stands for. */
    default int factor() {
        return imageSize() / space().height();
    }

    /**
     * Codes of images in [-1, 1], whose sides may be any multiples of {@link #factor}. [B, 3, H, W] -> int64 [B, h, w], or
     * [B, T, h, w] where there are several at each place.
     *
     * @param noise a seed for each image, from which a diffusion tokenizer makes its noise; others don't mind it
     * @throws IllegalArgumentException naming the size that doesn't tile into tokens
     */
    Tensor encode(Tensor images, long[] noise);

    /** The same with the seeds 0, 1, 2 and so on. */
    default Tensor encode(Tensor images) {
        return encode(images, LongStream.range(0, images.size(0)).toArray());
    }

    /** Images in about [-1, 1] of codes, for a grid of any size. int64 of that shape -> [B, 3, H, W]. */
    Tensor decode(Tensor codes);

    /** The code vectors. [K, D] */
    Tensor codebook();

    /** How the codes at one place add up, and so what a prior must know of them besides; empty where there is one. */
    default Optional<Accumulation> accumulation() {
        return Optional.empty();
    }

    /**
     * All that {@link #encode(Tensor, long[]) encode} and {@link #decode} need; what training needs beside it is not among
     * them.
     */
    Parameters parameters();

    /**
     * What is trained, in the order in which it is trained on each batch of images [B, 3, H, W] in [-1, 1]. Files that
     * training alone needs are opened here, and not before.
     */
    List<Objective<Tensor>> objectives();

    /**
     * How far images in [-1, 1] are from what comes back of them, by the part of the training's loss that sees these two
     * alone: the distance of pixels, and the weighted perceptual one where there is one; no discriminator, whose judgement
     * changes as it learns. The mean absolute difference if a tokenizer doesn't say. [B, 3, H, W] twice -> [B]
     */
    default Tensor distortion(Tensor images, Tensor reconstruction) {
        return images.sub(reconstruction).abs().flatten(1, -1).mean(1);
    }

    /**
     * The density of images in [-1, 1] given their codes, where the tokenizer models one: its negative logarithm in nats,
     * summed over pixels and channels. [B, 3, H, W], int64 codes -> [B], or null where it doesn't.
     */
    default Tensor pixelNats(Tensor images, Tensor codes) {
        return null;
    }

    @Override
    void close();
}
