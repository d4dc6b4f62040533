package dev.smalti.evaluate;

import dev.smalti.metric.FeatureMoments;
import dev.smalti.run.JobException;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.Tensor;

/**
 * Features of both sets, a safetensors file for each part, {@code real.pool} and so on. Rows that lie one behind the other are those of
 * one process, to the bit; sums are added in another order, which is seen in their last digits.
 */
final class FeatureParts {
    private static final List<String> COUNTS = List.of("images", "skipped", "resized");

    private FeatureParts() {}

    /**
     * A set of a part.
     *
     * @param features null if the part has no images of it
     */
    record Entry(StoredImages.Seen seen, PartFeatures features) {}

    /** All of a set. */
    record Joined(StoredImages.Seen seen, SetFeatures features) {
        Gathered of(StoredImages images) {
            return new Gathered(images.compared(seen), features);
        }
    }

    static void write(Path file, Entry real, Entry fake) {
        Scope.free(() -> {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            Map<String, String> metadata = new TreeMap<>();
            put("real.", real, tensors, metadata);
            put("fake.", fake, tensors, metadata);
            TensorFile.write(file, tensors, metadata);
        });
    }

    private static void put(String set, Entry entry, Map<String, Tensor> tensors, Map<String, String> metadata) {
        StoredImages.Seen seen = entry.seen();
        metadata.put(set + "images", Long.toString(seen.images()));
        metadata.put(set + "skipped", Long.toString(seen.skipped()));
        metadata.put(set + "resized", Long.toString(seen.resized()));
        metadata.put(
                set + "sizes",
                new TreeSet<>(seen.sizes())
                        .stream().map(each -> Long.toString(each)).collect(Collectors.joining(" ")));
        if (seen.images() == 0) {
            return;
        }
        PartFeatures features = entry.features();
        Map<String, Tensor> named = new LinkedHashMap<>();
        named.put("pool", features.pool());
        named.put("logits", features.logits());
        named.put("classes", features.classes() == null ? null : Tensors.longs(features.classes()));
        named.put("spatial", features.spatialRows());
        put(named, "pool", features.pooled());
        put(named, "spatial", features.spatial());
        named.forEach((name, tensor) -> {
            if (tensor != null) {
                tensors.put(set + name, tensor);
            }
        });
    }

    private static void put(Map<String, Tensor> named, String name, FeatureMoments.Sums sums) {
        if (sums != null) {
            named.put(name + "_mean", sums.mean());
            named.put(name + "_scatter", sums.scatter());
        }
    }

    /** How many images of a set a part has. */
    static long images(Path file, String set) {
        try (TensorFile part = TensorFile.open(file)) {
            return number(file, part.metadata(), set + ".images");
        }
    }

    /**
     * All parts of a set, in the order of their names.
     *
     * @param set {@code real} or {@code fake}
     */
    static Joined join(List<Path> files, String set) {
        return Scope.keep(() -> {
            long[] counts = new long[COUNTS.size()];
            TreeSet<Long> sizes = new TreeSet<>();
            try (FeatureMoments pooled = new FeatureMoments();
                    FeatureMoments spatial = new FeatureMoments()) {
                for (Path file : files) {
                    try (TensorFile part = TensorFile.open(file)) {
                        count(file, part.metadata(), set + ".", counts, sizes);
                        add(file, pooled, part, set + ".pool");
                        add(file, spatial, part, set + ".spatial");
                    }
                }
                Tensor classes = joined(files, set + ".classes");
                Tensor rows = joined(files, set + ".spatial");
                SetFeatures features = new SetFeatures(
                        joined(files, set + ".pool"),
                        joined(files, set + ".logits"),
                        classes == null ? null : Tensors.toLongs(classes),
                        rows != null
                                ? SetFeatures.statistics(rows, null)
                                : spatial.count() == 0 ? null : spatial.statistics(),
                        rows,
                        pooled.count() == 0 ? null : pooled.statistics());
                return new Joined(new StoredImages.Seen(counts[0], counts[1], counts[2], sizes), features);
            }
        });
    }

    private static void count(Path file, Map<String, String> metadata, String set, long[] counts, TreeSet<Long> sizes) {
        for (int i = 0; i < counts.length; i++) {
            counts[i] += number(file, metadata, set + COUNTS.get(i));
        }
        Arrays.stream(metadata.getOrDefault(set + "sizes", "").split(" "))
                .filter(each -> each.matches("\\d{1,19}"))
                .forEach(each -> sizes.add(Long.parseLong(each)));
    }

    private static long number(Path file, Map<String, String> metadata, String name) {
        String text = metadata.getOrDefault(name, "");
        if (!text.matches("\\d{1,10}")) {
            throw new JobException(
                    Phrase.of("%s is no part of an evaluation: it must say %s; delete it, and make it again")
                            .with(file, name));
        }
        return Long.parseLong(text);
    }

    private static void add(Path file, FeatureMoments all, TensorFile part, String name) {
        boolean mean = part.names().contains(name + "_mean");
        if (mean != part.names().contains(name + "_scatter")) {
            throw new JobException(file + " has not both sums of " + name + ": delete it, and make it again");
        }
        if (mean) {
            long images = images(file, name.substring(0, name.indexOf('.')));
            Scope.free(() -> all.add(
                    new FeatureMoments.Sums(images, part.tensor(name + "_mean"), part.tensor(name + "_scatter"))));
        }
    }

    /** The rows of all parts one behind the other, in the memory of these and of one part; null if none has any. */
    private static Tensor joined(List<Path> files, String name) {
        long[] shape = null;
        for (Path file : files) {
            try (TensorFile part = TensorFile.open(file)) {
                long[] own = part.names().contains(name) ? part.shape(name) : null;
                shape = own == null ? shape : together(file, name, shape, own);
            }
        }
        Tensor all = null;
        long at = 0;
        for (Path file : files) {
            try (TensorFile part = TensorFile.open(file)) {
                if (part.names().contains(name)) {
                    all = all == null ? like(part, name, shape) : all;
                    put(part, name, all, at);
                    at += part.shape(name)[0];
                }
            }
        }
        return all;
    }

    private static long[] together(Path file, String name, long[] shape, long[] own) {
        if (own.length == 0 || shape != null && !Arrays.equals(shape, 1, shape.length, own, 1, own.length)) {
            throw new JobException(file + " has rows of " + name
                    + " of another size than the parts before: delete it, and make it again");
        }
        long[] all = own.clone();
        all[0] += shape == null ? 0 : shape[0];
        return all;
    }

    private static Tensor like(TensorFile part, String name, long[] shape) {
        return Scope.keep(() -> part.tensor(name).new_empty(shape));
    }

    private static void put(TensorFile part, String name, Tensor all, long at) {
        Scope.free(() -> {
            Tensor own = part.tensor(name);
            all.narrow(0, at, own.size(0)).copy_(own);
        });
    }
}
