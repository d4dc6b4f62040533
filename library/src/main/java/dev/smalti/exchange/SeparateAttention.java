package dev.smalti.exchange;

import dev.smalti.tensor.Tensors;
import java.util.List;
import java.util.stream.Stream;

/** GPT's blocks as several projects write them, with layers for queries, keys and values that are one layer here. */
final class SeparateAttention {
    private static final List<String> PARTS = List.of("query", "key", "value");

    private SeparateAttention() {}

    /**
     * Adds the rules for all names that no earlier rule is for.
     *
     * @param prefix of the network's names in their files
     */
    static Renaming rules(Renaming earlier, String prefix) {
        return earlier.rule("(.*\\.attn)\\.qkv\\.(weight|bias)", match -> {
                    Stream<String> names =
                            PARTS.stream().map(part -> prefix + match.group(1) + "." + part + "." + match.group(2));
                    return new Origin(names.toList(), Tensors::cat); // [D, D] three times -> [3D, D]
                })
                .rule("(.*)", match -> Origin.of(prefix + match.group(1)));
    }
}
