package dev.smalti.job;

import dev.smalti.data.Crop;
import dev.smalti.data.ImageBatches;
import dev.smalti.data.ImagePass;
import dev.smalti.data.ImageSet;
import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.data.Preparation;
import dev.smalti.data.Subset;
import dev.smalti.evaluate.Reconstruction;
import dev.smalti.model.Encoding;
import dev.smalti.network.Objective;
import dev.smalti.recipe.Provenance;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.recipe.TokenizerRecipe;
import dev.smalti.run.Claim;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.run.TrainingRun;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tokenizer.Tokenizer;
import dev.smalti.train.Run;
import dev.smalti.train.Watcher;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.NoGradGuard;
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
 */
public record TrainTokenizer(
        Path recipe, List<String> overrides, Path data, Path out, boolean resume, boolean skipBad) {
    private static final int SHOWN = 16;

    /**
     * Trains to the end, or until {@code stop} says so.
     *
     * @param watchers beside those that write the run folder
     */
    public Run run(List<Watcher> watchers, BooleanSupplier stop) {
        try (Claim claim = RunFolder.claim(out)) {
            return claimed(watchers, stop);
        }
    }

    private Run claimed(List<Watcher> watchers, BooleanSupplier stop) {
        TokenizerRecipe read = RecipeFile.read(recipe, TokenizerRecipe.class, overrides);
        Seed seed = new Seed(read.seed());
        Device device = Devices.of(read.training().device());
        try (ImageSet images = ImageSet.open(data);
                Tokenizer tokenizer = read.tokenizer().build(seed.child("weights"), device)) {
            if (images.size() < 2) {
                throw new JobException(data + " has only " + images.size() + " image; training needs more");
            }
            Map<String, String> parents = read.tokenizer().parents();
            List<Objective<Tensor>> objectives = tokenizer.objectives();
            RunFolder folder = RunFolder.prepare(out, RunFolder.Description.tokenizer(tokenizer.space()), resume);
            Provenance provenance = Provenance.of(read.seed(), name(data), images.fingerprint(), parents);
            Subset[] parts = Subset.divide(images, read.data().heldOut(), seed.child("held out"));
            int size = read.tokenizer().size();
            Preparation preparation =
                    new Preparation(size, read.data().crop(), read.data().flip());
            int part = read.training().batch() / read.training().accumulation();
            try (ImageBatches batches = new ImageBatches(parts[0], preparation, part, seed.child("data"), skipBad)) {
                TrainingRun<Tensor> run = new TrainingRun<>(
                        folder, read, provenance, read.training(), seed, device, objectives, watchers, stop);
                Crop crop = read.data().crop() == Crop.RANDOM
                        ? Crop.CENTER
                        : read.data().crop();
                Check check = new Check(tokenizer, parts[1], new Preparation(size, crop, false), device, read);
                return run.run(
                        number -> batches.batch(number).pixels().to(device, ScalarType.Float),
                        parts[1].size() == 0 ? null : check::measures,
                        parts[1].size() == 0 ? null : check::preview);
            }
        }
    }

    static String name(Path data) {
        return data.getFileName() == null ? data.toString() : data.getFileName().toString();
    }

    /** Looks at the held-out images. */
    private final class Check {
        private final Tokenizer tokenizer;
        private final Subset images;
        private final Preparation preparation;
        private final Device device;
        private final Precision precision;

        Check(Tokenizer tokenizer, Subset images, Preparation preparation, Device device, TokenizerRecipe recipe) {
            this.tokenizer = tokenizer;
            this.images = images;
            this.preparation = preparation;
            this.device = device;
            this.precision = Precision.of(recipe.training().precision(), device);
        }

        Map<String, Double> measures() {
            Reconstruction reconstruction = new Reconstruction(tokenizer.space());
            try (ImagePass pass = ImageBatches.inOrder(images, preparation, 32, skipBad)) {
                while (pass.hasNext()) {
                    Scope.free(() -> {
                        ImagePass.Batch next = pass.next();
                        Tensor pixels = next.images().pixels().to(device, ScalarType.Float);
                        reconstruction.add(tokenizer, precision, pixels, encode(pixels, next.indices()));
                    });
                }
            }
            return reconstruction.measures();
        }

        /** Held-out images, and below each row what comes back of them. */
        void preview(Path file) {
            Scope.free(() -> {
                try (NoGradGuard guard = new NoGradGuard();
                        ImagePass pass = ImageBatches.inOrder(images, preparation, SHOWN, skipBad)) {
                    if (!pass.hasNext()) {
                        return;
                    }
                    ImagePass.Batch next = pass.next();
                    Tensor pixels = next.images().pixels().to(device, ScalarType.Float);
                    Tensor codes = encode(pixels, next.indices());
                    List<Pixels> rows = new ArrayList<>(Pictures.fromTensor(pixels));
                    rows.addAll(Pictures.fromTensor(precision.run(device, () -> tokenizer.decode(codes))));
                    Pictures.writePng(file, Pictures.grid(rows, (int) pixels.size(0), 2));
                }
            });
        }

        /** Each image with noise of its own, the same at every look. */
        private Tensor encode(Tensor pixels, int[] indices) {
            try (NoGradGuard guard = new NoGradGuard()) {
                tokenizer.parameters().training(false);
                long[] noise = Encoding.noise(new Seed(0).child("held out noise"), 0, indices);
                return precision.run(device, () -> tokenizer.encode(pixels, noise));
            }
        }
    }
}
