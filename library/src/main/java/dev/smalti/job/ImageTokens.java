package dev.smalti.job;

import dev.smalti.data.Crop;
import dev.smalti.data.ImageBatches;
import dev.smalti.data.ImagePass;
import dev.smalti.data.ImageSet;
import dev.smalti.data.Images;
import dev.smalti.data.Preparation;
import dev.smalti.data.Subset;
import dev.smalti.distributed.Group;
import dev.smalti.model.Encoding;
import dev.smalti.model.Opening;
import dev.smalti.prior.TokenBatch;
import dev.smalti.recipe.ImageRecipe;
import dev.smalti.recipe.PriorRecipe;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.recipe.TokenizerRecipe;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Phase;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.Codebook;
import dev.smalti.token.TokenFile;
import dev.smalti.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Images that a tokenizer encodes as they are trained on, so that every epoch sees other crops, other flips and other noise.
 * Where nothing of that is random, the batches are those of the token file that {@link EncodeImages} makes.
 *
 * <p>Held-out images are encoded once, by no chance, and with the noise that {@link EncodeImages} gives them.
 */
final class ImageTokens implements TokenSource {
    private static final int TOGETHER = 64; // held-out images that are encoded at once

    private final Path data;
    private final PriorRecipe recipe;
    private final RunFolder folder;
    private final Device device;
    private final Precision precision; // of the tokenizer, as encode has it
    private final Seed noise;
    private final int part;
    private final ImageSet images;
    private final Tokenizer tokenizer;
    private final TokenFile held;
    private final boolean measured;
    private final ImageBatches batches;

    /**
     * @param tokenizer run folder, of train-tokenizer or of a prior, or name of a bundled model
     * @param known fingerprint of the tokenizer that a run goes on with, whichever checkpoint it is; null for the usual one
     * @param skipBad leaves broken images out instead of failing
     * @param observer told of the held-out images that are encoded first
     * @param group of the processes that share a batch
     */
    ImageTokens(
            Path data,
            Path tokenizer,
            String known,
            boolean skipBad,
            PriorRecipe recipe,
            Seed seed,
            Device device,
            Observer observer,
            Group group) {
        if (recipe.training().precision().equals("tf32")) {
            throw new JobException(
                    "training.precision tf32 is a setting of the whole process, which images that are encoded"
                            + " beside the training would change: take auto, bf16 or fp32, or encode first");
        }
        this.data = data;
        this.folder = at(Encoding.tokenizerOf(RunFolder.open(tokenizer.toString())), known);
        this.device = device;
        this.precision = Precision.of("auto", device);
        this.noise = seed.child("noise");
        this.part = TrainTokenizer.part(recipe.training(), group);
        TokenizerRecipe trained =
                RecipeFile.read(folder.path().resolve("recipe.yaml"), TokenizerRecipe.class, List.of());
        ImageRecipe usual = new ImageRecipe(null, null);
        ImageRecipe prepared = (recipe.data() == null ? usual : recipe.data()).orElse(trained.data());
        this.recipe = recipe.with(prepared);
        this.measured = recipe.heldOut() > 0;
        List<AutoCloseable> open = new ArrayList<>();
        try {
            this.images = ImageSet.open(data);
            open.add(images);
            if (images.size() < 2) {
                throw new JobException(data + " has only " + images.size() + " image; training needs more");
            }
            this.tokenizer = folder.tokenizer(device);
            open.add(this.tokenizer);
            this.tokenizer.parameters().requireGradients(false);
            this.tokenizer.parameters().training(false);
            Subset[] parts = Subset.divide(images, recipe.heldOut(), seed.child("held out"));
            int size = this.tokenizer.imageSize();
            Crop still = prepared.crop() == Crop.RANDOM ? Crop.CENTER : prepared.crop();
            this.held = heldOut(
                    parts[measured ? 1 : 0],
                    new Preparation(size, still, false),
                    part * group.size(),
                    skipBad,
                    observer);
            open.add(held);
            Preparation preparation = new Preparation(size, prepared.crop(), prepared.flip());
            this.batches = new ImageBatches(
                            parts[0], preparation, part, seed.child("images"), seed.child("data"), skipBad)
                    .every(group.size());
        } catch (RuntimeException e) {
            for (int i = open.size() - 1; i >= 0; i--) {
                closed(open.get(i), e);
            }
            throw e;
        }
    }

    /** At one checkpoint, though others be written meanwhile. */
    private static RunFolder at(RunFolder tokenizer, String known) {
        return known == null
                ? tokenizer.at(Opening.AUTO)
                : tokenizer
                        .withFingerprint(known)
                        .orElseThrow(
                                () -> new JobException(
                                        tokenizer.path() + " has no checkpoint of tokenizer " + known
                                                + ", which the run was begun with: give the run itself as --tokenizer, it carries a copy"));
    }

    private static void closed(AutoCloseable each, RuntimeException error) {
        try {
            each.close();
        } catch (Exception e) {
            error.addSuppressed(e);
        }
    }

    /** What is measured; or of the first image that can be read, so that there is something to tell the facts of all by. */
    private TokenFile heldOut(Subset set, Preparation preparation, int most, boolean skipBad, Observer observer) {
        Phase phase = Phase.of("encoding held-out images", "images", measured ? set.size() : 1);
        int together = measured ? Math.min(TOGETHER, most) : 1;
        Seed fixed = Encoding.noise(images);
        return Scope.value(() -> {
            List<Tensor> codes = new ArrayList<>();
            List<Tensor> labels = new ArrayList<>();
            List<Tensor> seeds = new ArrayList<>();
            observer.see(phase);
            try (ImagePass pass = ImageBatches.inOrder(set, preparation, together, skipBad)) {
                long done = 0;
                while ((measured || done == 0) && pass.hasNext()) {
                    codes.add(Scope.keep(() -> {
                        ImagePass.Batch next = pass.next();
                        long[] own = Encoding.noise(
                                fixed,
                                0,
                                IntStream.of(next.indices()).map(set::index).toArray());
                        seeds.add(Scope.hold(Tensors.longs(own)));
                        labels.add(Scope.hold(next.images().labels()));
                        return encode(next.images(), own).cpu();
                    }));
                    done += codes.get(codes.size() - 1).size(0);
                    observer.see(phase.done(done));
                }
                if (done == 0) {
                    throw new JobException("none of the " + set.size() + (measured ? " held-out" : "") + " images of "
                            + data + " could be read");
                }
                TokenFile.Builder facts = TokenFile.of(
                                Tensors.cat(codes), tokenizer.space().codes())
                        .codebook(new Codebook(tokenizer.codebook().detach().cpu()))
                        .tokenizer(folder.fingerprint());
                tokenizer.accumulation().ifPresent(each -> facts.accumulation(each)
                        .noiseSeeds(Tensors.cat(seeds)));
                if (!images.classNames().isEmpty()) {
                    facts.labels(Tensors.cat(labels))
                            .classes(images.classNames().size())
                            .classNames(images.classNames());
                }
                return facts.build();
            } finally {
                seeds.forEach(Scope::release);
                labels.forEach(Scope::release);
            }
        });
    }

    /** float32 [B, 3, H, W] -> int64 [B, h, w] or [B, T, h, w] on the device */
    private Tensor encode(Images batch, long[] noise) {
        try (NoGradGuard guard = new NoGradGuard()) {
            Tensor pixels = Devices.send(batch.pixels(), device, ScalarType.Float);
            return precision
                    .beside(device, () -> tokenizer.encode(pixels, noise))
                    .to(ScalarType.Long);
        }
    }

    @Override
    public String name() {
        return data.toString();
    }

    @Override
    public PriorRecipe recipe() {
        return recipe;
    }

    @Override
    public TokenFile facts() {
        return held;
    }

    @Override
    public int[] occurring() {
        return images.classNames().isEmpty()
                ? new int[0]
                : IntStream.range(0, images.size())
                        .map(images::label)
                        .distinct()
                        .sorted()
                        .toArray();
    }

    @Override
    public RunFolder tokenizer() {
        return folder;
    }

    @Override
    public String fingerprint() {
        return images.fingerprint();
    }

    @Override
    public Map<String, String> parents() {
        Map<String, String> parents = new LinkedHashMap<>();
        held.tokenizer().ifPresent(fingerprint -> parents.put("tokenizer", fingerprint));
        return parents;
    }

    /** The {@code k}-th image of the stream has the {@code k}-th noise, so that it has other noise in every epoch. */
    @Override
    public TokenBatch batch(long number) {
        long[] own = new long[part];
        Arrays.setAll(own, i -> noise.child(number * part + i).value());
        Images next = batches.batch(number);
        Tensor codes = encode(next, own).flatten(1, -1);
        Tensor labels = Devices.send(next.labels(), device, ScalarType.Long);
        return new TokenBatch(codes, labels, tokenizer.accumulation().isEmpty() ? null : Tensors.longs(own));
    }

    @Override
    public HeldOutGrids heldOut() {
        int count = measured ? Math.toIntExact(held.size()) : 0;
        return new HeldOutGrids(held, IntStream.range(0, count).toArray());
    }

    @Override
    public void close() {
        batches.close();
        held.close();
        tokenizer.close();
        images.close();
    }
}
