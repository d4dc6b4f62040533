package dev.smalti.job;

import dev.smalti.data.Crop;
import dev.smalti.data.ImageBatches;
import dev.smalti.data.ImagePass;
import dev.smalti.data.ImageSet;
import dev.smalti.data.Images;
import dev.smalti.data.Preparation;
import dev.smalti.data.Subset;
import dev.smalti.distributed.Group;
import dev.smalti.distributed.LostPeerException;
import dev.smalti.metric.classifier.Classifier;
import dev.smalti.recipe.FeaturesRecipe;
import dev.smalti.recipe.Provenance;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.run.Claim;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.run.TrainingRun;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.train.HeldOut;
import dev.smalti.train.Run;
import dev.smalti.train.Watcher;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.LongConsumer;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Trains a classifier on labelled images, whose features {@link EvaluateImages} and {@link FindNeighbours} compare images by.
 *
 * @param recipe YAML file of a {@link FeaturesRecipe}
 * @param overrides {@code path.to.key=value}
 * @param data images in at least two classes, as {@link ImageSet#open} reads them
 * @param out run folder
 * @param resume continues the run in {@code out}
 * @param skipBad leaves broken images out instead of failing
 */
public record TrainFeatures(Path recipe, List<String> overrides, Path data, Path out, boolean resume, boolean skipBad) {
    private static final Logger LOG = LoggerFactory.getLogger(TrainFeatures.class);
    private static final int PART = 64; // images that are measured at a time

    /**
     * Trains to the end, or until {@code stop} says so.
     *
     * @param watchers beside those that write the run folder
     * @param stop asked after each step, and often in previews and held-out measures
     */
    public Run run(List<Watcher> watchers, BooleanSupplier stop) {
        return run(watchers, stop, Group.alone());
    }

    /**
     * The same in each of several processes, of which the first writes the run folder; the others must see it too.
     *
     * @param watchers of this process, beside those that write the run folder
     * @throws LostPeerException if another process has gone
     */
    public Run run(List<Watcher> watchers, BooleanSupplier stop, Group group) {
        try (Claim claim = group.writes() ? RunFolder.claim(out) : null) {
            return claimed(watchers, stop, group);
        }
    }

    private Run claimed(List<Watcher> watchers, BooleanSupplier stop, Group group) {
        FeaturesRecipe read = RecipeFile.read(recipe, FeaturesRecipe.class, overrides);
        Seed seed = new Seed(read.seed());
        Device device = Devices.of(read.training().device(), group.localRank());
        int part = TrainTokenizer.part(read.training(), group);
        int size = read.classifier().size();
        try (ImageSet images = ImageSet.open(data)) {
            List<String> names = classes(images, data);
            TrainTokenizer.agree(group, read, images.fingerprint(), Map.of());
            RunFolder folder =
                    group.writes() ? RunFolder.prepare(out, RunFolder.Description.features(size, names), resume) : null;
            Provenance provenance =
                    Provenance.of(read.seed(), TrainTokenizer.name(data), images.fingerprint(), Map.of());
            Subset[] parts = Subset.divide(images, read.data().heldOut(), seed.child("held out"));
            Preparation preparation =
                    new Preparation(size, read.data().crop(), read.data().flip());
            try (Classifier classifier = read.classifier().build(names.size(), seed.child("weights"), device);
                    ImageBatches batches = new ImageBatches(parts[0], preparation, part, seed.child("data"), skipBad)
                            .every(group.size())) {
                TrainingRun<Images> run = new TrainingRun<>(
                        folder,
                        read,
                        provenance,
                        read.training(),
                        seed,
                        device,
                        List.of(classifier.objective()),
                        watchers,
                        stop,
                        group);
                Crop crop = read.data().crop() == Crop.RANDOM
                        ? Crop.CENTER
                        : read.data().crop();
                Preparation still = new Preparation(size, crop, false);
                return run.run(
                        number -> on(device, batches.batch(group.share(number))),
                        parts[1].size() == 0 ? null : new Recognised(classifier, parts[1], still, device, skipBad),
                        null);
            }
        }
    }

    /** @throws JobException if there are fewer than two */
    static List<String> classes(ImageSet images, Path data) {
        List<String> names = images.classNames();
        if (names.size() < 2) {
            throw new JobException(Phrase.of(
                            "%s must have images of at least 2 classes, got %s: put those of each into a folder of its own")
                    .with(data, names.isEmpty() ? "none" : "1, " + names.get(0)));
        }
        List<String> empty = images.emptyClasses();
        if (!empty.isEmpty()) {
            LOG.warn(EncodeImages.EMPTY, data, empty.size(), names.size(), empty.get(0));
        }
        return names;
    }

    static Images on(Device device, Images batch) {
        return new Images(
                Devices.send(batch.pixels(), device, ScalarType.Float),
                Devices.send(batch.labels(), device, ScalarType.Long));
    }

    /** The share of held-out images whose class is recognised, and their mean cross-entropy in nats. */
    private record Recognised(
            Classifier classifier, Subset images, Preparation preparation, Device device, boolean skipBad)
            implements HeldOut {
        @Override
        public int size() {
            return images.size();
        }

        @Override
        public String unit() {
            return "images";
        }

        @Override
        public String decides() {
            return "loss";
        }

        @Override
        public Map<String, Double> measure(int count, LongConsumer progress) {
            double[] sums = new double[3]; // images, those recognised, nats
            Subset first = Subset.first(images, count);
            try (ImagePass pass = ImageBatches.inOrder(first, preparation, PART, skipBad)) {
                while (pass.hasNext()) {
                    Scope.free(() -> {
                        ImagePass.Batch next = pass.next();
                        add(on(device, next.images()), sums);
                        progress.accept(next.indices()[next.indices().length - 1] + 1L);
                    });
                }
            }
            Map<String, Double> measures = new LinkedHashMap<>();
            if (sums[0] > 0) {
                measures.put("accuracy", sums[1] / sums[0]);
                measures.put("loss", sums[2] / sums[0]);
            }
            return measures;
        }

        private void add(Images batch, double[] sums) {
            try (NoGradGuard guard = new NoGradGuard()) {
                Tensor logits = classifier.exact(batch.pixels()).logits();
                sums[0] += batch.labels().size(0);
                sums[1] += Classifier.right(logits, batch.labels()).sum().item_double();
                sums[2] += torch.cross_entropy_loss(logits, batch.labels()).item_double()
                        * batch.labels().size(0);
            }
        }
    }
}
