package dev.smalti.exchange;

import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.WeightArchive;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Half of a VQGAN whose layers are numbered in the order of computation: what each of them is, by the names of its tensors, is where the
 * resolutions begin and end.
 *
 * @param layers by our names within the half, such as {@code down.0.block.1}: theirs, such as {@code encoder.blocks.2}
 * @param first the layer that is the first residual block of each resolution, highest first, such as {@code encoder.blocks.1}
 * @param blocks residual blocks at the highest resolution
 * @param attention resolutions with attention, 0 for the highest
 */
record NumberedBlocks(Map<String, String> layers, List<String> first, int blocks, List<Integer> attention) {
    private static final List<Part> MIDDLE = List.of(Part.RESIDUAL, Part.ATTENTION, Part.RESIDUAL);
    private static final List<String> MIDDLE_NAMES = List.of("mid.block_1", "mid.attn_1", "mid.block_2");

    private enum Part {
        CONVOLUTION,
        NORM,
        RESIDUAL,
        ATTENTION,
        SCALING
    }

    /**
     * A convolution, the levels, the middle, a norm, a convolution.
     *
     * @param prefix such as {@code encoder.blocks.}
     * @throws BadFileException if there is no middle
     */
    static NumberedBlocks ofEncoder(WeightArchive weights, String prefix) {
        List<Part> parts = parts(weights, prefix);
        int end = parts.size() - 2; // of the middle
        Walk walk = new Walk(weights, prefix, parts);
        walk.middle(end - MIDDLE.size());
        walk.levels(1, end - MIDDLE.size(), "down", "downsample", 0, 1);
        return walk.found(end);
    }

    /** A convolution, the middle, the levels from the lowest, a norm, a convolution; the rest as of {@link #ofEncoder}. */
    static NumberedBlocks ofDecoder(WeightArchive weights, String prefix) {
        List<Part> parts = parts(weights, prefix);
        int end = parts.size() - 2; // of the levels
        Walk walk = new Walk(weights, prefix, parts);
        walk.middle(1);
        int highest = (int) parts.stream().filter(part -> part == Part.SCALING).count();
        walk.levels(1 + MIDDLE.size(), end, "up", "upsample", highest, -1);
        return walk.found(end);
    }

    private static List<Part> parts(WeightArchive weights, String prefix) {
        Map<Integer, Part> found = new LinkedHashMap<>();
        weights.shapes().forEach((name, shape) -> {
            String[] rest =
                    name.startsWith(prefix) ? name.substring(prefix.length()).split("\\.", 2) : new String[0];
            if (rest.length == 2 && rest[0].matches("\\d{1,4}")) {
                Part part = part(rest[1], shape);
                if (part != null) {
                    found.putIfAbsent(Integer.parseInt(rest[0]), part);
                }
            }
        });
        List<Part> parts = new ArrayList<>();
        while (found.containsKey(parts.size())) {
            parts.add(found.get(parts.size()));
        }
        return parts;
    }

    /** What a layer is that has such a tensor; null where this one doesn't say. */
    private static Part part(String name, long[] shape) {
        String layer = name.replaceFirst("\\.?(weight|bias)$", "");
        return switch (layer) {
            case "conv1", "conv2", "norm1", "norm2" -> Part.RESIDUAL;
            case "q", "k", "v", "proj_out" -> Part.ATTENTION;
            case "conv" -> Part.SCALING;
            case "" -> name.equals("weight") ? (shape.length == 4 ? Part.CONVOLUTION : Part.NORM) : null;
            default -> null;
        };
    }

    /** Gives each layer its name. */
    private static final class Walk {
        private final WeightArchive weights;
        private final String prefix;
        private final List<Part> parts;
        private final Map<String, String> layers = new LinkedHashMap<>();
        private final Map<Integer, String> first = new TreeMap<>(); // by level
        private final List<Integer> attention = new ArrayList<>();
        private int blocks;

        Walk(WeightArchive weights, String prefix, List<Part> parts) {
            this.weights = weights;
            this.prefix = prefix;
            this.parts = parts;
        }

        void middle(int from) {
            if (from < 1
                    || from + MIDDLE.size() > parts.size() - 2
                    || !parts.subList(from, from + MIDDLE.size()).equals(MIDDLE)) {
                throw new BadFileException(
                        weights.path(),
                        Phrase.of("must have a residual block, attention and a residual block from %s%d on")
                                .with(prefix, from));
            }
            for (int i = 0; i < MIDDLE.size(); i++) {
                name(MIDDLE_NAMES.get(i), from + i);
            }
        }

        /** @param step from one level to the next */
        void levels(int from, int to, String list, String scaling, int start, int step) {
            int level = start;
            int block = 0;
            for (int i = from; i < to; i++) {
                String part = list + "." + level + ".";
                switch (parts.get(i)) {
                    case SCALING -> {
                        name(part + scaling, i);
                        level += step;
                        block = 0;
                    }
                    case ATTENTION -> {
                        name(part + "attn." + (block - 1), i);
                        if (!attention.contains(level)) {
                            attention.add(level);
                        }
                    }
                    default -> {
                        name(part + "block." + block++, i);
                        first.putIfAbsent(level, prefix + i);
                        blocks = level == 0 ? block : blocks;
                    }
                }
            }
        }

        NumberedBlocks found(int norm) {
            name("conv_in", 0);
            name("norm_out", norm);
            name("conv_out", norm + 1);
            return new NumberedBlocks(layers, List.copyOf(first.values()), blocks, attention);
        }

        private void name(String ours, int theirs) {
            layers.put(ours, prefix + theirs);
        }
    }
}
