package dev.smalti.evaluate;

import dev.smalti.data.ImageSet;
import dev.smalti.data.Preparation;
import dev.smalti.evaluate.EvaluationResult.Compared;
import dev.smalti.metric.FeatureStatistics;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * The features of real images in a {@link FeatureCache}.
 *
 * @param request all that they depend on
 */
record KeptFeatures(FeatureCache cache, StoredImages reals, Map<String, String> request) {
    static Map<String, String> request(
            StoredImages reals, ImageFeatures features, Preparation preparation, SetFeatures.Wanted wanted) {
        return Map.of(
                "fingerprint", reals.images().fingerprint(),
                "reading", Integer.toString(ImageSet.READING),
                "features", features.name(),
                "sha256", String.valueOf(features.sha256()),
                "size", Integer.toString(preparation.size()),
                "crop", preparation.crop().toString(),
                "spatial", Boolean.toString(wanted.spatial()),
                "skip_bad", Boolean.toString(reals.skipBad()));
    }

    Optional<Gathered> find() {
        return cache.find(request).map(this::gathered);
    }

    private Gathered gathered(FeatureCache.Entry entry) {
        Tensor pool = entry.tensors().get("pool");
        long count = pool.size(0);
        Tensor mean = entry.tensors().get("spatial_mean");
        FeatureStatistics spatial = mean == null
                ? null
                : new FeatureStatistics(count, mean, entry.tensors().get("spatial_covariance"));
        Compared set = new Compared(
                reals.path().toString(),
                count,
                Long.parseLong(entry.counts().get("skipped")),
                Long.parseLong(entry.counts().get("resized")),
                Integer.parseInt(entry.counts().get("sizes")),
                reals.images().fingerprint());
        return new Gathered(set, new SetFeatures(pool, null, null, spatial, null));
    }

    void keep(Gathered gathered) {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        tensors.put("pool", gathered.features().pool());
        FeatureStatistics spatial = gathered.features().spatial();
        if (spatial != null) {
            tensors.put("spatial_mean", spatial.mean());
            tensors.put("spatial_covariance", spatial.covariance());
        }
        Map<String, String> counts = Map.of(
                "skipped", Long.toString(gathered.set().skipped()),
                "resized", Long.toString(gathered.set().resized()),
                "sizes", Integer.toString(gathered.set().sizes()));
        cache.keep(request, new FeatureCache.Entry(tensors, counts));
    }
}
