package dev.smalti.tokenizer;

import dev.smalti.tensor.Seed;
import java.util.Map;
import org.bytedeco.pytorch.Device;

/** What a recipe says of a tokenizer, and how one is built of it. Implementations are records. */
public interface TokenizerConfiguration {
    /** H = W of the training images. */
    int size();

    /**
     * Fingerprints of the files that training needs beside its images, by role: for the provenance of what is trained.
     *
     * @throws dev.smalti.tensor.BadFileException naming one that isn't there
     */
    default Map<String, String> parents() {
        return Map.of();
    }

    /**
     * Whether only a part is trained that no code depends on: then training begins from the weights of another run, and tokens
     * that were encoded before stay valid.
     */
    default boolean keepsTokens() {
        return false;
    }

    /**
     * Whether this tensor begins anew where the run whose weights training begins from has none of its name, and is left out where
     * this tokenizer has none.
     */
    default boolean beginsAnew(String tensor) {
        return false;
    }

    /**
     * Whether training may begin from the weights of a run whose recipe says something else of this key, such as
     * {@code adversarial.weight}: how the network learns, and not what it computes. True if a tokenizer doesn't say; then the names and
     * shapes of its tensors decide alone.
     */
    default boolean mayDiffer(String key) {
        return true;
    }

    /** What the recipe says otherwise where the same network is for images of another size, by key: also the sides of its maps. */
    default Map<String, Object> resized(int size) {
        return Map.of();
    }

    /** By what other rule than the usual codes are chosen of the same weights; empty for the usual one. Part of the fingerprint. */
    default String choosing() {
        return "";
    }

    /**
     * A new, untrained tokenizer.
     *
     * <p>On libtorch's meta device, where tensors have shapes and no numbers, it has the same {@linkplain
     * dev.smalti.network.Parameters#blueprint shapes}: so the weights of a run folder are compared with it before it takes memory
     * by what the folder says.
     */
    Tokenizer build(Seed seed, Device device);
}
