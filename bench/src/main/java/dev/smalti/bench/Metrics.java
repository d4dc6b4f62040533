package dev.smalti.bench;

import dev.smalti.metric.FeatureStatistics;
import dev.smalti.metric.FrechetDistance;
import dev.smalti.metric.KernelDistance;
import dev.smalti.metric.Manifolds;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.lang.management.ManagementFactory;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * The metrics of two sets of images, by features of Inception's dimension that are made up: a few directions in which
 * the sets differ, a little noise, and no number below 0.
 */
final class Metrics {
    private static final long DIMENSION = 2048;
    private static final long DIRECTIONS = 32;
    private static final long BLOCK = 2048;

    private Metrics() {}

    static Map<String, Object> of(long images) {
        return Scope.value(() -> {
            Tensor real = features(images, 1.0, new Seed(1));
            Tensor fake = features(images, 0.9, new Seed(2));
            Map<String, Object> result = new LinkedHashMap<>();
            result.put("images_each", images);
            result.put("dimension", DIMENSION);
            Map<String, Object> before = timed(() -> product(real, fake));
            Map<String, Object> manifolds = timed(() -> Manifolds.members(real, fake, List.of(3, 5)));
            Map<String, Object> after = timed(() -> product(real, fake));
            result.put("product_before", before);
            result.put("precision_recall_density_coverage", manifolds);
            result.put("product_after", after);
            for (String clock : List.of("seconds", "cpu_seconds")) {
                double products = 1.5 * ((double) before.get(clock) + (double) after.get(clock));
                result.put("three_products_" + clock, products);
                result.put("ratio_by_" + clock, (double) manifolds.get(clock) / products);
            }
            FeatureStatistics[] statistics = new FeatureStatistics[2];
            result.put("covariances", timed(() -> {
                statistics[0] = FeatureStatistics.of(real);
                statistics[1] = FeatureStatistics.of(fake);
            }));
            result.put("frechet_distance", timed(() -> FrechetDistance.of(statistics[0], statistics[1])));
            result.put(
                    "kernel_distance_100_of_1000",
                    timed(() -> KernelDistance.of(real, fake, 100, (int) Math.min(1000, images), new Seed(3))));
            return result;
        });
    }

    /** [N, D] */
    private static Tensor features(long images, double spread, Seed seed) {
        Tensor directions = normal(new Seed(0), DIRECTIONS, DIMENSION);
        Tensor features = Tensors.zeros(images, DIMENSION);
        for (long start = 0; start < images; start += BLOCK) {
            long from = start;
            Scope.free(() -> {
                long n = Math.min(BLOCK, images - from);
                Tensor noise = normal(seed.child(from).child("noise"), n, DIMENSION);
                Tensor rows = normal(seed.child(from), n, DIRECTIONS)
                        .mul(new Scalar(spread))
                        .matmul(directions)
                        .add(noise.mul(new Scalar(0.3)));
                features.narrow(0, from, n).copy_(rows.relu().mul(new Scalar(0.1)));
            });
        }
        return features;
    }

    private static Tensor normal(Seed seed, long n, long d) {
        return torch.randn(new long[] {n, d}, seed.optional(), Tensors.options(torch.ScalarType.Float));
    }

    /** All of x yᵀ in float32, a block at a time: what no metric over all pairs can do without. */
    private static void product(Tensor real, Tensor fake) {
        for (long i = 0; i < real.size(0); i += BLOCK) {
            Tensor x = real.narrow(0, i, Math.min(BLOCK, real.size(0) - i));
            for (long j = 0; j < fake.size(0); j += BLOCK) {
                long from = j;
                Scope.free(() -> x.matmul(fake.narrow(0, from, Math.min(BLOCK, fake.size(0) - from))
                        .t()));
            }
        }
    }

    private static Map<String, Object> timed(Runnable body) {
        long resident = Memory.megabytes("VmRSS");
        Memory.forgetMost();
        long start = System.nanoTime();
        long cpu = cpu();
        body.run();
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("seconds", (System.nanoTime() - start) / 1e9);
        result.put("cpu_seconds", (cpu() - cpu) / 1e9);
        result.put("most_resident_mb_above_the_sets", Memory.megabytes("VmHWM") - resident);
        return result;
    }

    private static long cpu() {
        return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
                .getProcessCpuTime();
    }
}
