package dev.smalti.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.metric.FeatureMoments;
import dev.smalti.metric.FeatureStatistics;
import dev.smalti.metric.FrechetDistance;
import dev.smalti.run.JobException;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FeaturePartsTest {
    private static final StoredImages.Seen NONE = new StoredImages.Seen(0, 0, 0, Set.of());

    @TempDir
    private Path folder;

    @Test
    void rows_come_back_in_order_and_counts_are_added() {
        Tensor all = normal(1, 10, 3);
        List<Path> files = IntStream.range(0, 3)
                .mapToObj(i -> {
                    Tensor part = all.narrow(0, 4 * i, i == 2 ? 2 : 4);
                    PartFeatures features = new PartFeatures(part, null, new long[] {i}, part, null, null);
                    StoredImages.Seen seen = new StoredImages.Seen(part.size(0), i, 1, Set.of(5L, 6L + i));
                    Path file = folder.resolve(i + ".safetensors");
                    FeatureParts.write(file, new FeatureParts.Entry(seen, features), nothing());
                    return file;
                })
                .toList();
        FeatureParts.Joined joined = FeatureParts.join(files, "real");
        assertThat(joined.seen()).isEqualTo(new StoredImages.Seen(10, 3, 3, Set.of(5L, 6L, 7L, 8L)));
        assertThat(joined.features().pool().equal(all)).isTrue();
        assertThat(joined.features().spatialRows().equal(all)).isTrue();
        assertThat(joined.features().classes()).containsExactly(0, 1, 2);
        assertThat(joined.features().spatial().count()).isEqualTo(10);
        assertThat(FeatureParts.join(files, "fake").seen()).isEqualTo(NONE);
    }

    @Test
    void sums_of_parts_of_any_size_are_those_of_all_images() {
        Tensor all = normal(1, 500, 6).mul(new Scalar(3.0)).add(new Scalar(100.0));
        Tensor others = normal(2, 400, 6).add(new Scalar(99.0));
        int[] ends = {0, 1, 33, 34, 400, 500};
        List<Path> files = IntStream.range(0, ends.length - 1)
                .mapToObj(i -> {
                    long count = ends[i + 1] - ends[i];
                    try (FeatureMoments moments = new FeatureMoments()) {
                        moments.add(all.narrow(0, ends[i], count));
                        PartFeatures features =
                                new PartFeatures(null, null, null, null, moments.sums(), moments.sums());
                        StoredImages.Seen seen = new StoredImages.Seen(count, 0, 0, Set.of());
                        Path file = folder.resolve(i + ".safetensors");
                        FeatureParts.write(file, nothing(), new FeatureParts.Entry(seen, features));
                        return file;
                    }
                })
                .toList();
        SetFeatures joined = FeatureParts.join(files, "fake").features();
        FeatureStatistics expected = FeatureStatistics.of(all);
        assertThat(joined.pool()).isNull();
        for (FeatureStatistics each : List.of(joined.statistics(), joined.spatial())) {
            assertThat(each.count()).isEqualTo(500);
            assertThat(torch.allclose(each.covariance(), expected.covariance(), 1e-10, 1e-10, false))
                    .isTrue();
            double one = FrechetDistance.of(FeatureStatistics.of(others), expected);
            assertThat(FrechetDistance.of(FeatureStatistics.of(others), each)).isCloseTo(one, within(1e-9 * one));
        }
    }

    @Test
    void refuses_files_that_are_no_parts() {
        Path file = folder.resolve("x.safetensors");
        TensorFile.write(file, Map.of("real.pool_mean", normal(1, 3, 3)), Map.of());
        assertThatThrownBy(() -> FeatureParts.join(List.of(file), "real"))
                .isInstanceOf(JobException.class)
                .hasMessageContaining("must say real.images");
        Map<String, String> said = Map.of("real.images", "3", "real.skipped", "0", "real.resized", "0");
        TensorFile.write(file, Map.of("real.pool_mean", normal(1, 3, 3)), said);
        assertThatThrownBy(() -> FeatureParts.join(List.of(file), "real"))
                .hasMessageContaining("not both sums of real.pool");
    }

    private static FeatureParts.Entry nothing() {
        return new FeatureParts.Entry(NONE, null);
    }

    private static Tensor normal(long seed, long n, long d) {
        return torch.randn(new long[] {n, d}, new Seed(seed).optional(), Tensors.options(ScalarType.Double));
    }
}
