package dev.smalti.job;

import dev.smalti.data.Crop;
import dev.smalti.data.ImageBatches;
import dev.smalti.data.ImagePass;
import dev.smalti.data.ImageSet;
import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.data.Preparation;
import dev.smalti.data.Subset;
import dev.smalti.distributed.Group;
import dev.smalti.distributed.LostPeerException;
import dev.smalti.evaluate.Reconstruction;
import dev.smalti.model.Encoding;
import dev.smalti.network.Objective;
import dev.smalti.recipe.Provenance;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.recipe.TokenizerRecipe;
import dev.smalti.run.Beginning;
import dev.smalti.run.Claim;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.run.Sheet;
import dev.smalti.run.TrainingRun;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tokenizer.Tokenizer;
import dev.smalti.tokenizer.TokenizerConfiguration;
import dev.smalti.train.HeldOut;
import dev.smalti.train.Run;
import dev.smalti.train.TrainingConfiguration;
import dev.smalti.train.Watcher;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.function.LongConsumer;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Trains a tokenizer on images.
 *
 * @param recipe YAML file of a {@link TokenizerRecipe}
 * @param overrides {@code path.to.key=value}
 * @param data images, as {@link ImageSet#open} reads them
 * @param out run folder
 * @param resume continues the run in {@code out}
 * @param skipBad leaves broken images out instead of failing
 * @param from run folder of {@code train-tokenizer}, or of a prior or bundled model whose tokenizer is meant, whose averaged weights
 *     training begins from; null for new ones
 */
public record TrainTokenizer(
        Path recipe, List<String> overrides, Path data, Path out, boolean resume, boolean skipBad, Path from) {
    private static final String DISTORTION = "distortion";

    /** From new weights. */
    public TrainTokenizer(Path recipe, List<String> overrides, Path data, Path out, boolean resume, boolean skipBad) {
        this(recipe, overrides, data, out, resume, skipBad, null);
    }

    private static final int SHOWN = 16;
    private static final int MEASURED = 32; // images at once, at most

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
        TokenizerRecipe read = RecipeFile.read(recipe, TokenizerRecipe.class, overrides);
        Seed seed = new Seed(read.seed());
        Device device = Devices.of(read.training().device(), group.localRank());
        int part = part(read.training(), group);
        Map<String, String> parents = new LinkedHashMap<>(
                read.tokenizer().parents()); // before seconds of building, since files may be missing
        try (ImageSet images = ImageSet.open(data);
                Tokenizer tokenizer = read.tokenizer().build(seed.child("weights"), device)) {
            if (images.size() < 2) {
                throw new JobException(data + " has only " + images.size() + " image; training needs more");
            }
            FromRun begins = FromRun.open(from == null ? null : from.toString(), Encoding::tokenizerOf, out);
            String tokens = read.tokenizer().keepsTokens() ? tokens(begins, read.tokenizer()) : null;
            begins.toBegin().ifPresent(run -> {
                new Beginning(run).of(tokenizer, read.tokenizer());
                parents.put("tokenizer", run.fingerprint());
                parents.putAll(begins.parents());
            });
            List<Objective<Tensor>> objectives = tokenizer.objectives();
            agree(group, read, images.fingerprint(), parents);
            RunFolder folder = group.writes()
                    ? RunFolder.prepare(out, RunFolder.Description.tokenizer(tokenizer.space(), tokens), resume)
                    : null;
            Provenance provenance = Provenance.of(read.seed(), name(data), images.fingerprint(), parents);
            Subset[] parts = Subset.divide(images, read.data().heldOut(), seed.child("held out"));
            int size = read.tokenizer().size();
            Preparation preparation =
                    new Preparation(size, read.data().crop(), read.data().flip());
            try (ImageBatches batches =
                    new ImageBatches(parts[0], preparation, part, seed.child("data"), skipBad).every(group.size())) {
                TrainingRun<Tensor> run = new TrainingRun<>(
                        folder, read, provenance, read.training(), seed, device, objectives, watchers, stop, group);
                Crop crop = read.data().crop() == Crop.RANDOM
                        ? Crop.CENTER
                        : read.data().crop();
                Precision precision = Precision.toTrain(read.training().precision(), device);
                int together = Math.min(MEASURED, part * group.size());
                Looking looking = new Looking(
                        tokenizer, parts[1], new Preparation(size, crop, false), together, device, precision);
                return run.run(
                        number ->
                                Devices.send(batches.batch(group.share(number)).pixels(), device, ScalarType.Float),
                        parts[1].size() == 0 ? null : new Measured(looking, skipBad),
                        parts[1].size() == 0 ? null : new Returned(looking, skipBad));
            }
        }
    }

    /**
     * Looks whether all processes train the same on the same. Each has seen by then what the run folder holds, which the first one changes
     * from now on.
     */
    static void agree(Group group, Record recipe, String data, Map<String, String> parents) {
        group.requireSame("recipe", recipe.toString());
        group.requireSame("data", data);
        group.requireSame("tokenizer, teacher, held-out set or run to begin from", new TreeMap<>(parents).toString());
    }

    /** @throws JobException if the processes can't share a batch */
    static int part(TrainingConfiguration training, Group group) {
        try {
            return training.part(group.size());
        } catch (IllegalArgumentException e) {
            throw new JobException(e.getMessage(), e);
        }
    }

    /** The fingerprint of the tokens that stay what they were, where only a part is trained that no code depends on. */
    private String tokens(FromRun begins, TokenizerConfiguration configuration) {
        if (begins.begun()) {
            RunFolder own = RunFolder.open(out);
            new Beginning(own).requireSameTokens(configuration);
            return own.description().tokenizer();
        }
        return begins.toBegin()
                .map(RunFolder::fingerprint)
                .orElseThrow(() -> new JobException(
                        recipe + " trains a part of a tokenizer alone: say of which run with --from RUN"));
    }

    static String name(Path data) {
        return data.getFileName() == null ? data.toString() : data.getFileName().toString();
    }

    /** How held-out images become inputs, and what comes back of them. */
    private record Looking(
            Tokenizer tokenizer,
            Subset images,
            Preparation preparation,
            int together,
            Device device,
            Precision precision) {
        Tensor pixels(ImagePass.Batch batch) {
            return Devices.send(batch.images().pixels(), device, ScalarType.Float);
        }

        /** Each image with noise of its own, the same at every look. */
        Tensor encode(Tensor pixels, int[] indices) {
            try (NoGradGuard guard = new NoGradGuard()) {
                tokenizer.parameters().training(false);
                long[] noise = Encoding.noise(new Seed(0).child("held out noise"), 0, indices);
                return precision.run(device, () -> tokenizer.encode(pixels, noise));
            }
        }

        Tensor decode(Tensor codes) {
            return precision.run(device, () -> tokenizer.decode(codes));
        }

        /** The sum over images. @param decoded whole numbers in 0..255 */
        double distortion(Tensor pixels, Tensor decoded) {
            try (NoGradGuard guard = new NoGradGuard()) {
                Tensor back = decoded.div(new Scalar(127.5)).sub(new Scalar(1.0));
                return precision
                        .run(device, () -> tokenizer.distortion(pixels, back))
                        .sum()
                        .item_double();
            }
        }
    }

    /** Measures what comes back of held-out images. */
    private record Measured(Looking looking, boolean skipBad) implements HeldOut {
        @Override
        public int size() {
            return looking.images().size();
        }

        @Override
        public String unit() {
            return "images";
        }

        @Override
        public String decides() {
            return DISTORTION;
        }

        @Override
        public Map<String, Double> measure(int count, LongConsumer progress) {
            Reconstruction reconstruction =
                    new Reconstruction(looking.tokenizer().space());
            Subset first = Subset.first(looking.images(), count);
            double[] sums = new double[2]; // distortion, images
            try (ImagePass pass = ImageBatches.inOrder(first, looking.preparation(), looking.together(), skipBad)) {
                while (pass.hasNext()) {
                    Scope.free(() -> {
                        ImagePass.Batch next = pass.next();
                        Tensor pixels = looking.pixels(next);
                        Tensor codes = looking.encode(pixels, next.indices());
                        Tensor decoded =
                                Reconstruction.decoded(looking.tokenizer(), looking.precision(), pixels, codes);
                        reconstruction.add(pixels, codes, decoded);
                        sums[0] += looking.distortion(pixels, decoded);
                        sums[1] += pixels.size(0);
                        progress.accept(next.indices()[next.indices().length - 1] + 1L);
                    });
                }
            }
            Map<String, Double> measures = new LinkedHashMap<>();
            measures.put(DISTORTION, sums[0] / sums[1]);
            measures.putAll(reconstruction.measures());
            return measures;
        }
    }

    /** Held-out images, and below each what comes back of it. */
    private record Returned(Looking looking, boolean skipBad) implements Sheet {
        @Override
        public int size() {
            return Math.min(SHOWN, looking.images().size());
        }

        @Override
        public int columns() {
            return SHOWN;
        }

        @Override
        public String unit() {
            return "images";
        }

        @Override
        public List<Pixels> pictures(int from, int to, LongConsumer progress) {
            List<Pixels> pictures = new ArrayList<>();
            Subset first = Subset.first(looking.images(), to);
            try (NoGradGuard guard = new NoGradGuard();
                    ImagePass pass = ImageBatches.inOrder(first, looking.preparation(), 1, skipBad, from)) {
                while (pass.hasNext()) {
                    Scope.free(() -> {
                        ImagePass.Batch next = pass.next();
                        Tensor pixels = looking.pixels(next);
                        Tensor codes = looking.encode(pixels, next.indices());
                        List<Pixels> both = new ArrayList<>(Pictures.fromTensor(pixels));
                        both.addAll(Pictures.fromTensor(looking.decode(codes)));
                        pictures.add(Pictures.grid(both, 1, 2));
                        progress.accept(next.indices()[0] + 1L);
                    });
                }
            }
            return pictures;
        }
    }
}
