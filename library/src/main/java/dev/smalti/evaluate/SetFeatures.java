package dev.smalti.evaluate;

import dev.smalti.metric.FeatureMoments;
import dev.smalti.metric.FeatureStatistics;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;

/**
 * The features of a set of images, in memory; what isn't asked for is null.
 *
 * @param pool what sets are compared by; [N, D]
 * @param logits of the classes; [N, K]
 * @param classes of the images, as the logits count them; [N]
 * @param spatial of the sFID
 * @param spatialRows the features that {@code spatial} is of, image by image; [N, D']
 * @param pooled statistics of {@code pool} where it isn't kept; else null
 */
record SetFeatures(
        Tensor pool,
        Tensor logits,
        long[] classes,
        FeatureStatistics spatial,
        Tensor spatialRows,
        FeatureStatistics pooled) {
    private static final int BLOCK = 1024;
    private static final long MOST_BYTES = 1L << 30; // of spatial features

    SetFeatures(Tensor pool, Tensor logits, long[] classes, FeatureStatistics spatial, Tensor spatialRows) {
        this(pool, logits, classes, spatial, spatialRows, null);
    }

    /**
     * What is gathered.
     *
     * @param pool whether any features are
     * @param rows whether spatial features are kept image by image, if all of them fit into 1 GiB
     * @param sums whether of {@code pool} sums alone are kept, for a part
     */
    record Wanted(boolean pool, boolean logits, boolean spatial, boolean rows, boolean sums) {
        Wanted(boolean pool, boolean logits, boolean spatial, boolean rows) {
            this(pool, logits, spatial, rows, false);
        }
    }

    /** Of what sets are compared by. */
    FeatureStatistics statistics() {
        return pooled != null ? pooled : statistics(pool, null);
    }

    /** Takes images batch by batch. */
    static final class Gatherer implements AutoCloseable {
        private final ImageFeatures features;
        private final Wanted wanted;
        private final Tensor pool;
        private final Tensor logits;
        private final long whole;
        private final int most;
        private final long[] all;
        private final long[] classes;
        private Tensor rows;
        private final FeatureMoments moments = new FeatureMoments();
        private final FeatureMoments pooled = new FeatureMoments();
        private int count;

        /**
         * @param most images there can be
         * @param classes of all of them; null where they aren't wanted or known
         */
        Gatherer(ImageFeatures features, int most, Wanted wanted, long[] classes) {
            this(features, most, most, wanted, classes);
        }

        /** The same of a part of {@code whole} images. */
        Gatherer(ImageFeatures features, int most, long whole, Wanted wanted, long[] classes) {
            this.whole = whole;
            this.all = classes;
            this.classes = classes == null ? null : new long[most];
            this.features = features;
            this.wanted = wanted;
            this.pool = wanted.pool() && !wanted.sums() ? Tensors.zeros(most, features.dimension()) : null;
            this.logits = wanted.logits() ? Tensors.zeros(most, features.classes()) : null;
            this.most = most;
        }

        /** Whole numbers in 0..255, [B, 3, H, W], and which images they are, [B] */
        void add(Tensor images, int[] indices) {
            if (!wanted.pool()) {
                return;
            }
            Scope.free(() -> {
                ImageFeatures.Output output = features.of(images);
                if (pool != null) {
                    put(pool, output.pool());
                } else {
                    pooled.add(output.pool());
                }
                if (logits != null) {
                    put(logits, output.logits());
                }
                if (wanted.spatial()) {
                    addSpatial(output.spatial());
                }
            });
            for (int i = 0; i < indices.length && classes != null; i++) {
                classes[count + i] = all[indices[i]];
            }
            count += indices.length;
        }

        private void addSpatial(Tensor batch) {
            long dimension = batch.size(1);
            if (!wanted.rows() || Float.BYTES * dimension * whole > MOST_BYTES) {
                moments.add(batch);
                return;
            }
            if (rows == null) {
                rows = Scope.hold(Tensors.zeros(most, dimension));
            }
            put(rows, batch);
        }

        private void put(Tensor all, Tensor batch) {
            all.narrow(0, count, batch.size(0)).copy_(batch);
        }

        /** @throws IllegalArgumentException if the sFID is wanted and there are fewer than 2 images */
        SetFeatures finish() {
            Tensor kept = part(rows);
            FeatureStatistics spatial =
                    !wanted.spatial() ? null : kept == null ? moments.statistics() : statistics(kept, null);
            long[] known = classes == null ? null : Arrays.copyOf(classes, count);
            return new SetFeatures(part(pool), part(logits), known, spatial, kept);
        }

        /** What is there of a part; it may be of any number of images. */
        PartFeatures finishPart() {
            return new PartFeatures(
                    part(pool),
                    part(logits),
                    classes == null ? null : Arrays.copyOf(classes, count),
                    part(rows),
                    pool == null && pooled.count() > 0 ? pooled.sums() : null,
                    moments.count() > 0 ? moments.sums() : null);
        }

        private Tensor part(Tensor all) {
            return all == null ? null : all.narrow(0, 0, count);
        }

        @Override
        public void close() {
            moments.close();
            pooled.close();
            if (rows != null) {
                Scope.release(rows);
            }
        }
    }

    /** Of the given rows, or of all for null. [N, D] */
    static FeatureStatistics statistics(Tensor features, long[] rows) {
        return Scope.keep(() -> {
            try (FeatureMoments moments = new FeatureMoments()) {
                long count = features.size(0);
                for (long from = 0; from < count; from += BLOCK) {
                    long start = from;
                    long end = Math.min(count, from + BLOCK);
                    Scope.free(() -> moments.add(
                            rows == null
                                    ? features.narrow(0, start, end - start)
                                    : features.index_select(
                                            0, Tensors.longs(Arrays.copyOfRange(rows, (int) start, (int) end)))));
                }
                return moments.statistics();
            }
        });
    }
}
