package dev.smalti.exchange;

import dev.smalti.tensor.WeightArchive;
import java.util.List;

/** A form in which a project publishes weights. */
public interface PublishedKind {
    /** As {@code --kind} takes it: {@code taming-vqgan}. */
    String name();

    /** For messages: {@code a VQGAN of taming-transformers}. */
    String title();

    /** What the names of its tensors may have before them, the likelier first: {@code state_dict.}, or nothing. */
    default List<String> places() {
        return List.of("state_dict.", "");
    }

    /** Whether the names, without what is before them, are those of this kind and of no other. */
    boolean recognises(WeightArchive weights);

    /**
     * Reads the sizes off the shapes.
     *
     * @throws dev.smalti.tensor.BadFileException naming a tensor that is needed for that and missing
     */
    Translation translate(WeightArchive weights, Asked asked);

    /**
     * What a file can't say by its shapes.
     *
     * @param size H = W of the images that it was trained on, which tells where a tokenizer has attention, and how large the grids of
     *     a prior with rotary positions are, or the length of the rows of a text model; null for what is usual of the kind
     * @param classNames in the order of the classes; empty if they are not known
     * @param codes of the tokenizer that was given beside a prior; null without one
     */
    record Asked(Integer size, List<String> classNames, Integer codes) {
        /** Without a tokenizer. */
        public Asked(Integer size, List<String> classNames) {
            this(size, classNames, null);
        }

        /** The size that was asked for, or else this. */
        public int sizeOr(int usual) {
            return size == null ? usual : size;
        }
    }
}
