package dev.smalti.job;

import dev.smalti.data.ImageBatches;
import dev.smalti.data.ImagePass;
import dev.smalti.data.ImageSet;
import dev.smalti.data.Preparation;
import dev.smalti.evaluate.Reconstruction;
import dev.smalti.model.Encoding;
import dev.smalti.model.Opening;
import dev.smalti.run.Claim;
import dev.smalti.run.Identity;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.run.TokenOutput;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Phase;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.Codebook;
import dev.smalti.token.TokenFile;
import dev.smalti.token.TokenSpace;
import dev.smalti.token.TokenWriter.Column;
import dev.smalti.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Turns images into a token file, or a folder of several, batch by batch: no more than a batch is in memory.
 *
 * @param run folder of {@code train-tokenizer}, or the tokenizer of a prior's run folder or of a bundled model
 * @param data images, as {@link ImageSet#open} reads them
 * @param out where the tokens go
 * @param batch images at once
 * @param skipBad leaves broken images out instead of failing
 * @param reconstruct also decodes the tokens again and measures what comes back
 * @param noises grids of each image, each with noise of its own, from a diffusion tokenizer; else 1
 * @param opening how the tokenizer is opened
 */
public record EncodeImages(
        String run,
        Path data,
        TokenOutput.Target out,
        int batch,
        boolean skipBad,
        boolean reconstruct,
        int noises,
        Opening opening) {
    /** Of data, how many classes, of how many, and the first of them. */
    static final String EMPTY = "{}: {} of its {} classes have no image, {} for one";

    private static final Logger LOG = LoggerFactory.getLogger(EncodeImages.class);

    public EncodeImages {
        if (batch < 1) {
            throw new JobException("batch must be at least 1, got " + batch);
        }
        if (noises < 1) {
            throw new JobException("noises must be at least 1, got " + noises);
        }
        if (out.shard() % noises != 0) {
            throw new JobException("shard-size must be a multiple of the " + noises
                    + " grids of an image, which stay together, got " + out.shard());
        }
        if (out.resume() && reconstruct) {
            throw new JobException("resume can't go on with the measures of reconstruct, which are of all images:"
                    + " leave one of them out");
        }
    }

    /** With the tokenizer as usual. @param device {@code auto}, {@code cpu}, {@code cuda}, {@code cuda:N} */
    public EncodeImages(
            String run,
            Path data,
            TokenOutput.Target out,
            int batch,
            boolean skipBad,
            boolean reconstruct,
            int noises,
            String device) {
        this(run, data, out, batch, skipBad, reconstruct, noises, Opening.on(device));
    }

    /** A grid of each image, in one file. */
    public EncodeImages(
            String run, Path data, Path out, int batch, boolean skipBad, boolean reconstruct, String device) {
        this(run, data, TokenOutput.Target.file(out), batch, skipBad, reconstruct, 1, device);
    }

    /**
     * What was done.
     *
     * @param images in the tokens
     * @param encoded this time; fewer where an earlier run had begun
     * @param measures {@code psnr} (dB), {@code codebook_usage} and {@code perplexity} if they were asked for
     */
    public record Result(
            Path tokens,
            long images,
            long encoded,
            long skipped,
            double seconds,
            TokenSpace space,
            Map<String, Double> measures) {}

    /** @param observer told of the images done so far */
    public Result run(Observer observer) {
        out.check();
        Claim.beside(out.path()).close(); // refuses now, and not after all images are listed
        RunFolder folder = Encoding.tokenizerOf(RunFolder.open(run)).at(opening.checkpoint());
        Device place = opening.place();
        Precision precision = opening.precisionOn(place);
        try (ImageSet images = ImageSet.open(data);
                Tokenizer tokenizer = folder.tokenizer(place)) {
            if (noises > 1 && tokenizer.space().depth() == 1) {
                throw new JobException("noises needs a tokenizer that adds noise (kind rdpm), and " + folder.path()
                        + " holds another: leave it out");
            }
            List<String> empty = images.emptyClasses();
            if (!empty.isEmpty()) {
                LOG.warn(EMPTY, data, empty.size(), images.classNames().size(), empty.get(0));
            }
            Phase phase = Phase.of("encoding", "images", images.size());
            long started = System.nanoTime();
            Preparation preparation = Encoding.preparation(folder, tokenizer.imageSize());
            Reconstruction reconstruction = reconstruct ? new Reconstruction(tokenizer.space()) : null;
            Encoder encoder =
                    new Encoder(this, images, tokenizer, precision, place, Encoding.noise(images), reconstruction);
            Identity request = out.resume() ? identity(folder, images, precision, place) : null;
            try (TokenOutput output = output(folder, images, tokenizer, request);
                    ImagePass pass = ImageBatches.inOrder(
                            images, preparation, batch, skipBad, Math.toIntExact(output.items()))) {
                long before = output.grids() / noises;
                observer.see(phase.done(before));
                while (pass.hasNext()) {
                    Scope.free(() -> {
                        try (NoGradGuard guard = new NoGradGuard()) {
                            encoder.encode(pass.next(), output);
                        }
                    });
                    observer.see(phase.done(output.grids() / noises));
                }
                long done = output.grids() / noises;
                if (done == 0) {
                    throw new JobException("none of the " + images.size() + " images of " + data + " could be read");
                }
                observer.see(Phase.of("writing"));
                output.finish();
                double seconds = (System.nanoTime() - started) / 1e9;
                Map<String, Double> measures =
                        reconstruction == null ? new LinkedHashMap<>() : reconstruction.measures();
                return new Result(
                        out.path(), done, done - before, images.size() - done, seconds, tokenizer.space(), measures);
            }
        }
    }

    /** All that the codes depend on, the size of a batch too: what a network computes may differ with it in the last bit. */
    private Identity identity(RunFolder tokenizer, ImageSet images, Precision precision, Device place) {
        Map<String, Object> named = new LinkedHashMap<>();
        named.put("tokenizer", tokenizer.fingerprint());
        named.put("tokenizer_run", location(tokenizer));
        named.put("crop", Encoding.crop(tokenizer).name());
        named.put("data", images.fingerprint());
        named.put("reading", ImageSet.READING);
        named.put("batch", batch);
        named.put("skip_bad", skipBad);
        named.put("noises", noises);
        named.put("shard_size", out.shard());
        named.put("precision", precision.name());
        named.put("device", place.str().getString());
        return Identity.of(named);
    }

    private TokenOutput output(RunFolder folder, ImageSet images, Tokenizer tokenizer, Identity request) {
        Set<Column> columns = EnumSet.noneOf(Column.class);
        TokenFile.Builder facts = TokenFile.of(tokenizer.space())
                .codebook(new Codebook(tokenizer.codebook().detach().cpu()))
                .tokenizer(folder.fingerprint())
                .tokenizerRun(location(folder));
        tokenizer.accumulation().ifPresent(each -> {
            facts.accumulation(each).copies(noises);
            columns.add(Column.NOISE_SEEDS);
        });
        if (!images.classNames().isEmpty()) {
            facts.classes(images.classNames().size()).classNames(images.classNames());
            columns.add(Column.LABELS);
        }
        return new TokenOutput(out, facts, (long) images.size() * noises, columns, request);
    }

    private static String location(RunFolder folder) {
        return folder.path().toAbsolutePath().normalize().toString();
    }

    /** What a batch goes through. */
    private record Encoder(
            EncodeImages job,
            ImageSet images,
            Tokenizer tokenizer,
            Precision precision,
            Device place,
            Seed noise,
            Reconstruction reconstruction) {

        void encode(ImagePass.Batch next, TokenOutput output) {
            Tensor pixels = next.images().pixels().to(place, ScalarType.Float);
            int[] indices = next.indices();
            List<Tensor> codes = new ArrayList<>();
            List<Tensor> seeds = new ArrayList<>();
            for (int round = 0; round < job.noises; round++) {
                long[] own = Encoding.noise(noise, round, indices);
                Tensor found = precision.run(place, () -> tokenizer.encode(pixels, own));
                codes.add(found);
                seeds.add(Tensors.longs(own));
                if (reconstruction != null) {
                    reconstruction.add(tokenizer, precision, pixels, found);
                }
            }
            Tensor labels = Tensors.longs(
                    Arrays.stream(indices).mapToLong(images::label).toArray());
            int last = indices[indices.length - 1];
            output.add(
                    together(codes),
                    images.classNames().isEmpty() ? null : labels.repeat_interleave(job.noises),
                    tokenizer.accumulation().isEmpty() ? null : together(seeds),
                    Math.min(images.size(), (last / job.batch + 1L) * job.batch)); // the next batch begins there
        }

        /** Those of an image one after the other. A list of [B, ...], one a noise -> [B · noises, ...] */
        private static Tensor together(List<Tensor> rounds) {
            return torch.stack(new TensorVector(rounds.toArray(Tensor[]::new)), 1)
                    .flatten(0, 1);
        }
    }
}
