package dev.smalti.job;

import dev.smalti.data.ImageBatches;
import dev.smalti.data.ImagePass;
import dev.smalti.data.ImageSet;
import dev.smalti.data.Preparation;
import dev.smalti.evaluate.Reconstruction;
import dev.smalti.model.Encoding;
import dev.smalti.run.JobException;
import dev.smalti.run.Outputs;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.Codebook;
import dev.smalti.token.TokenFile;
import dev.smalti.token.TokenSpace;
import dev.smalti.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongConsumer;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Turns images into a token file.
 *
 * @param run folder of {@code train-tokenizer}, or the tokenizer of a prior's run folder or of a bundled model
 * @param data images, as {@link ImageSet#open} reads them
 * @param out token file
 * @param batch images at once
 * @param skipBad leaves broken images out instead of failing
 * @param reconstruct also decodes the tokens again and measures what comes back
 * @param noises grids of each image, each with noise of its own, from a diffusion tokenizer; else 1
 * @param device {@code auto}, {@code cpu}, {@code cuda}, {@code cuda:N}
 */
public record EncodeImages(
        String run, Path data, Path out, int batch, boolean skipBad, boolean reconstruct, int noises, String device) {
    public EncodeImages {
        if (batch < 1) {
            throw new JobException("batch must be at least 1, got " + batch);
        }
        if (noises < 1) {
            throw new JobException("noises must be at least 1, got " + noises);
        }
    }

    /** A grid of each image. */
    public EncodeImages(
            String run, Path data, Path out, int batch, boolean skipBad, boolean reconstruct, String device) {
        this(run, data, out, batch, skipBad, reconstruct, 1, device);
    }

    /**
     * What was done.
     *
     * @param measures {@code psnr} (dB), {@code codebook_usage} and {@code perplexity} if they were asked for
     */
    public record Result(
            Path tokens, long images, long skipped, double seconds, TokenSpace space, Map<String, Double> measures) {}

    /** @param progress told of the images done so far; their number is told to {@code total} */
    public Result run(LongConsumer total, LongConsumer progress) {
        Outputs.file("--out", out);
        RunFolder folder = Encoding.tokenizerOf(RunFolder.open(run));
        Device place = Devices.of(device);
        Precision precision = Precision.of("auto", place);
        try (ImageSet images = ImageSet.open(data);
                Tokenizer tokenizer = folder.tokenizer(place)) {
            if (noises > 1 && tokenizer.space().depth() == 1) {
                throw new JobException("noises needs a tokenizer that adds noise (kind rdpm), and " + folder.path()
                        + " holds another: leave it out");
            }
            total.accept(images.size());
            long started = System.nanoTime();
            TokenSpace space = tokenizer.space();
            Preparation preparation = Encoding.preparation(folder, tokenizer.imageSize());
            Reconstruction reconstruction = reconstruct ? new Reconstruction(space) : null;
            int length = Math.toIntExact(space.size());
            int most = Math.multiplyExact(images.size(), noises);
            int[] codes = new int[Math.multiplyExact(most, length)];
            long[] labels = new long[most];
            long[] seeds = new long[most];
            int[] done = {0};
            Seed noise = Encoding.noise(images);
            try (ImagePass pass = ImageBatches.inOrder(images, preparation, batch, skipBad)) {
                while (pass.hasNext()) {
                    Scope.free(() -> {
                        try (NoGradGuard guard = new NoGradGuard()) {
                            ImagePass.Batch next = pass.next();
                            Tensor pixels = next.images().pixels().to(place, ScalarType.Float);
                            int[] indices = next.indices();
                            for (int round = 0; round < noises; round++) {
                                long[] own = Encoding.noise(noise, round, indices);
                                Tensor found = precision.run(place, () -> tokenizer.encode(pixels, own));
                                long[] values = Tensors.toLongs(found);
                                for (int i = 0; i < indices.length; i++) { // those of an image one after the other
                                    int row = done[0] + i * noises + round;
                                    for (int j = 0; j < length; j++) {
                                        codes[row * length + j] = (int) values[i * length + j];
                                    }
                                    seeds[row] = own[i];
                                    labels[row] = images.label(indices[i]);
                                }
                                if (reconstruction != null) {
                                    reconstruction.add(tokenizer, precision, pixels, found);
                                }
                            }
                            done[0] += indices.length * noises;
                        }
                    });
                    progress.accept(done[0] / noises);
                }
                if (done[0] == 0) {
                    throw new JobException("none of the " + images.size() + " images of " + data + " could be read");
                }
                write(folder, images, tokenizer, codes, labels, seeds, done[0]);
                double seconds = (System.nanoTime() - started) / 1e9;
                Map<String, Double> measures =
                        reconstruction == null ? new LinkedHashMap<>() : reconstruction.measures();
                return new Result(out, done[0] / noises, pass.skipped(), seconds, space, measures);
            }
        }
    }

    private void write(
            RunFolder folder,
            ImageSet images,
            Tokenizer tokenizer,
            int[] codes,
            long[] labels,
            long[] noise,
            int count) {
        TokenSpace space = tokenizer.space();
        Scope.free(() -> {
            Tensor all = space.grids(torch.tensor(codes)).narrow(0, 0, count);
            TokenFile.Builder builder = TokenFile.of(all, space.codes())
                    .codebook(new Codebook(tokenizer.codebook().detach().cpu()))
                    .tokenizer(folder.fingerprint())
                    .tokenizerRun(folder.path().toAbsolutePath().normalize().toString());
            tokenizer.accumulation().ifPresent(each -> builder.accumulation(each)
                    .noiseSeeds(Tensors.longs(noise).narrow(0, 0, count))
                    .copies(noises));
            if (!images.classNames().isEmpty()) {
                builder.labels(Tensors.longs(labels).narrow(0, 0, count))
                        .classes(images.classNames().size())
                        .classNames(images.classNames());
            }
            try (TokenFile file = builder.build()) {
                file.write(out);
            }
        });
    }
}
