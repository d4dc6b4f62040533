package dev.smalti.evaluate;

import dev.smalti.metric.FeatureMoments;
import dev.smalti.run.JobException;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
import java.nio.file.Path;
import java.util.ArrayList;
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

    /**
     * All parts of a set, in the order of their names.
     *
     * @param set {@code real} or {@code fake}
     */
    static Joined join(List<Path> files, String set) {
        return Scope.keep(() -> {
            List<Map<String, Tensor>> parts = new ArrayList<>();
            long[] counts = new long[COUNTS.size()];
            TreeSet<Long> sizes = new TreeSet<>();
            try (FeatureMoments pooled = new FeatureMoments();
                    FeatureMoments spatial = new FeatureMoments()) {
                for (Path file : files) {
                    try (TensorFile part = TensorFile.open(file)) {
                        count(file, part.metadata(), set + ".", counts, sizes);
                        Map<String, Tensor> own = named(part, set + ".");
                        long number = number(file, part.metadata(), set + ".images");
                        add(file, pooled, own, "pool", number);
                        add(file, spatial, own, "spatial", number);
                        parts.add(own);
                    }
                }
                Tensor classes = joined(parts, "classes");
                Tensor rows = joined(parts, "spatial");
                SetFeatures features = new SetFeatures(
                        joined(parts, "pool"),
                        joined(parts, "logits"),
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

    private static Map<String, Tensor> named(TensorFile part, String set) {
        Map<String, Tensor> own = new LinkedHashMap<>();
        part.names().stream()
                .filter(name -> name.startsWith(set))
                .forEach(name -> own.put(name.substring(set.length()), part.tensor(name)));
        return own;
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

    private static void add(Path file, FeatureMoments all, Map<String, Tensor> own, String name, long images) {
        Tensor mean = own.remove(name + "_mean");
        Tensor scatter = own.remove(name + "_scatter");
        if ((mean == null) != (scatter == null)) {
            throw new JobException(file + " has not both sums of " + name + ": delete it, and make it again");
        }
        if (mean != null) {
            all.add(new FeatureMoments.Sums(images, mean, scatter));
        }
    }

    private static Tensor joined(List<Map<String, Tensor>> parts, String name) {
        List<Tensor> all = parts.stream()
                .map(each -> each.get(name))
                .filter(each -> each != null)
                .toList();
        return all.isEmpty() ? null : Tensors.cat(all);
    }
}
