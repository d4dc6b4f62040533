package dev.smalti.tokenizer;

import dev.smalti.tensor.Seed;
import org.bytedeco.pytorch.Device;

/** What a recipe says of a tokenizer, and how one is built of it. Implementations are records. */
public interface TokenizerConfiguration {
    /** H = W of the training images; a power of two. */
    int size();

    /** A new, untrained tokenizer. */
    Tokenizer build(Seed seed, Device device);
}
