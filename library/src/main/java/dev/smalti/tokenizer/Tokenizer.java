package dev.smalti.tokenizer;

import dev.smalti.network.Objective;
import dev.smalti.network.Parameters;
import dev.smalti.token.TokenSpace;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/** Images to tokens and back. */
public interface Tokenizer extends AutoCloseable {
    /** H = W of the images it was made for. */
    int imageSize();

    /** K, h and w. */
    TokenSpace space();

    /** Codes of images in [-1, 1]. [B, 3, H, W] -> int64 [B, h, w]. */
    Tensor encode(Tensor images);

    /** Images in about [-1, 1] of codes, for a grid of any size. int64 [B, h, w] -> [B, 3, H, W]. */
    Tensor decode(Tensor codes);

    /** The code vectors. [K, D] */
    Tensor codebook();

    /** All that {@link #encode} and {@link #decode} need; what training needs beside it is not among them. */
    Parameters parameters();

    /** What is trained, in the order in which it is trained on each batch of images [B, 3, H, W] in [-1, 1]. */
    List<Objective<Tensor>> objectives();

    /**
     * The density of images in [-1, 1] given their codes, where the tokenizer models one: its negative logarithm in nats,
     * summed over pixels and channels. [B, 3, H, W], int64 [B, h, w] -> [B], or null where it doesn't.
     */
    default Tensor pixelNats(Tensor images, Tensor codes) {
        return null;
    }

    @Override
    void close();
}
