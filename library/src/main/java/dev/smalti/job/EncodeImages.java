package dev.smalti.job;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.SerializationFeature;
import dev.smalti.data.Crop;
import dev.smalti.data.ImageBatches;
import dev.smalti.data.ImagePass;
import dev.smalti.data.ImageSet;
import dev.smalti.data.Preparation;
import dev.smalti.evaluate.Reconstruction;
import dev.smalti.model.Encoding;
import dev.smalti.model.Opening;
import dev.smalti.recipe.Nearest;
import dev.smalti.run.Claim;
import dev.smalti.run.Identity;
import dev.smalti.run.JobException;
import dev.smalti.run.KeptResults;
import dev.smalti.run.PartFolder;
import dev.smalti.run.RunFolder;
import dev.smalti.run.TokenOutput;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Part;
import dev.smalti.tensor.Phase;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.Codebook;
import dev.smalti.token.TokenFile;
import dev.smalti.token.TokenSpace;
import dev.smalti.token.TokenWriter.Column;
import dev.smalti.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
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
 * @param views what of each image is encoded
 * @param noises grids of each view, each with noise of its own, from a diffusion tokenizer; else 1
 * @param opening how the tokenizer is opened
 * @param part which of several parts is encoded, as a file of its own in the folder {@code out}; null for all. Parts are cut between
 *     batches, and together are what one process makes
 */
public record EncodeImages(
        String run,
        Path data,
        TokenOutput.Target out,
        int batch,
        boolean skipBad,
        boolean reconstruct,
        Views views,
        int noises,
        Opening opening,
        Part part) {
    /** Of data, how many classes, of how many, and the first of them. */
    static final String EMPTY = "{}: {} of its {} classes have no image, {} for one";

    private static final Logger LOG = LoggerFactory.getLogger(EncodeImages.class);

    /**
     * Which views of an image become grids. Views of the same number are the same in every run.
     *
     * @param count how many, at least 1
     * @param crop what is cut out of the longer side, random anew for each view; null as in the tokenizer's training, but from the
     *     centre where that was random
     * @param flip mirrors every second view
     * @param upright names of classes whose images are never mirrored, such as letters; their views are equal where no crop is random
     */
    public record Views(int count, Crop crop, boolean flip, Set<String> upright) {
        /** The image itself. */
        public static final Views ONE = new Views(1, null, false);

        /** Images of all classes are alike. */
        public Views(int count, Crop crop, boolean flip) {
            this(count, crop, flip, Set.of());
        }

        public Views {
            if (count < 1) {
                throw new JobException("views must be at least 1, got " + count);
            }
            if (flip && count == 1) {
                throw new JobException("flip needs 2 views or more, of which every second is mirrored, got 1");
            }
            if (!flip && !upright.isEmpty()) {
                throw new JobException("upright says of which classes no image is mirrored, and without flip none is:"
                        + " leave it out, or give flip");
            }
            upright = Collections.unmodifiableSet(new TreeSet<>(upright));
            int different = flip ? 2 : 1;
            if (crop != Crop.RANDOM && count > different) {
                throw new JobException(
                        Phrase.of("views must be %d where no crop is random, since all others would be the"
                                        + " same again, got %d: give crop random, or fewer views")
                                .with(different, count));
            }
        }

        Preparation of(RunFolder tokenizer, int size) {
            return crop == null
                    ? new Preparation(size, Encoding.crop(tokenizer), flip)
                    : new Preparation(size, crop, flip);
        }

        /** What the token file says of them beside their number; nothing of the image itself. */
        Map<String, String> metadata() {
            Map<String, String> said = new LinkedHashMap<>();
            if (count > 1) {
                said.put("views", Integer.toString(count));
            }
            if (crop != null) {
                said.put("crop", crop.name().toLowerCase(Locale.ROOT));
            }
            if (flip) {
                said.put("flip", "true");
            }
            if (!upright.isEmpty()) {
                said.put("upright", json(upright));
            }
            return said;
        }

        /** Names may hold whatever else could stand between them. */
        private static String json(Set<String> names) {
            try {
                return KeptResults.JSON
                        .writer()
                        .without(SerializationFeature.INDENT_OUTPUT)
                        .writeValueAsString(names);
            } catch (JsonProcessingException e) {
                throw new IllegalStateException("strings are JSON", e);
            }
        }

        /** The numbers of the classes that are never mirrored. */
        Set<Integer> uprightOf(ImageSet images, Path data) {
            Set<Integer> numbers = new TreeSet<>();
            for (String name : upright) {
                int number = images.classNames().indexOf(name);
                if (number < 0) {
                    throw new JobException("upright names classes of " + data + ", and '" + name + "' is none: "
                            + Nearest.name(name, images.classNames())
                                    .map(near -> "did you mean '" + near + "'?")
                                    .orElse("it has " + images.classNames().size() + " of other names"));
                }
                numbers.add(number);
            }
            return numbers;
        }
    }

    public EncodeImages {
        if (batch < 1) {
            throw new JobException("batch must be at least 1, got " + batch);
        }
        if (noises < 1) {
            throw new JobException("noises must be at least 1, got " + noises);
        }
        if (out.shard() % Math.multiplyExact(noises, views.count()) != 0) {
            throw new JobException("shard-size must be a multiple of the " + noises * views.count()
                    + " grids of an image, which stay together, got " + out.shard());
        }
        if (out.resume() && reconstruct) {
            throw new JobException("resume can't go on with the measures of reconstruct, which are of all images:"
                    + " leave one of them out");
        }
        if (part != null && (out.resume() || out.shard() > 0 || reconstruct)) {
            throw new JobException(
                    "part makes a file of its own in the folder --out, and goes without resume, shard-size and"
                            + " reconstruct: leave them out, and give more parts for smaller files");
        }
    }

    /** All images. */
    public EncodeImages(
            String run,
            Path data,
            TokenOutput.Target out,
            int batch,
            boolean skipBad,
            boolean reconstruct,
            Views views,
            int noises,
            Opening opening) {
        this(run, data, out, batch, skipBad, reconstruct, views, noises, opening, null);
    }

    /** A grid of each image, in one file. */
    public EncodeImages(
            String run, Path data, Path out, int batch, boolean skipBad, boolean reconstruct, String device) {
        this(run, data, TokenOutput.Target.file(out), batch, skipBad, reconstruct, 1, device);
    }

    /** Each image as it is, with the tokenizer as usual. @param device {@code auto}, {@code cpu}, {@code cuda}, {@code cuda:N} */
    public EncodeImages(
            String run,
            Path data,
            TokenOutput.Target out,
            int batch,
            boolean skipBad,
            boolean reconstruct,
            int noises,
            String device) {
        this(run, data, out, batch, skipBad, reconstruct, Views.ONE, noises, Opening.on(device));
    }

    /** Grids of an image. */
    private int copies() {
        return noises * views.count();
    }

    /**
     * What was done.
     *
     * @param tokens the file or folder, of a part the file of that, which isn't there if all its images are broken
     * @param images in the tokens
     * @param encoded this time; fewer where an earlier run had begun, none where the part was there
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

    /**
     * A tokenizer that is open, which several jobs may use one after the other.
     *
     * @param folder at the checkpoint that was opened
     */
    public record Opened(RunFolder folder, Tokenizer tokenizer) implements AutoCloseable {
        @Override
        public void close() {
            tokenizer.close();
        }
    }

    /** Opens the tokenizer for jobs of this {@link #run} and {@link #opening}. */
    public Opened open() {
        RunFolder folder = Encoding.tokenizerOf(RunFolder.open(run)).at(opening.checkpoint());
        return new Opened(folder, folder.tokenizer(opening.place()));
    }

    /** @param observer told of the images done so far */
    public Result run(Observer observer) {
        check();
        try (Opened opened = open()) {
            return encode(opened, observer);
        }
    }

    /** {@link #run(Observer)} with a tokenizer that {@link #open} of a job alike has opened, and that stays open. */
    public Result run(Opened opened, Observer observer) {
        check();
        return encode(opened, observer);
    }

    private void check() {
        if (part == null) {
            out.check();
            Claim.beside(out.path()).close(); // refuses now, and not after all images are listed
        }
    }

    private Result encode(Opened opened, Observer observer) {
        RunFolder folder = opened.folder();
        Tokenizer tokenizer = opened.tokenizer();
        Device place = opening.place();
        Precision precision = opening.precisionOn(place);
        try (ImageSet images = ImageSet.open(data)) {
            if (noises > 1 && tokenizer.space().depth() == 1) {
                throw new JobException("noises needs a tokenizer that adds noise (kind rdpm), and " + folder.path()
                        + " holds another: leave it out");
            }
            List<String> empty = images.emptyClasses();
            if (!empty.isEmpty()) {
                LOG.warn(EMPTY, data, empty.size(), images.classNames().size(), empty.get(0));
            }
            views.uprightOf(images, data); // refuses unknown ones
            Identity request = out.resume() || part != null ? identity(folder, images, precision, place) : null;
            if (part == null) {
                return encode(folder, images, tokenizer, new Share(0, images.size(), out, null), request, observer);
            }
            requireBatches(images);
            PartFolder parts = new PartFolder(out.path(), part, request);
            String end = "-" + folder.fingerprint().substring(0, 8) + ".safetensors";
            Share share = new Share(
                    (int) part.from(images.size(), batch),
                    (int) part.to(images.size(), batch),
                    TokenOutput.Target.file(parts.file(end)),
                    parts);
            return parts.done(end)
                    ? share.there(tokenizer.space(), copies())
                    : encode(folder, images, tokenizer, share, null, observer);
        }
    }

    private void requireBatches(ImageSet images) {
        int batches = (images.size() + batch - 1) / batch;
        if (part.of() > batches) {
            throw new JobException(Phrase.of(
                            "the %,d images of %s are %d batches of %d, between which parts are cut, got %d parts: give at most"
                                    + " %d, or smaller batches")
                    .with(images.size(), data, batches, batch, part.of(), batches));
        }
    }

    /**
     * The images from one number on, up to another one that is left out, and where their tokens go.
     *
     * @param parts of which they are one; null for all
     */
    private record Share(int from, int to, TokenOutput.Target out, PartFolder parts) {
        int size() {
            return to - from;
        }

        /** Refuses what another request has put there meanwhile. */
        void check() {
            if (parts != null) {
                parts.check();
            }
        }

        /** What was done by an earlier process. */
        Result there(TokenSpace space, int copies) {
            if (parts.marked()) {
                return new Result(out.path(), 0, 0, size(), 0, space, new LinkedHashMap<>());
            }
            try (TensorFile tokens = TensorFile.open(out.path())) {
                long images = tokens.shape("codes")[0] / copies;
                return new Result(out.path(), images, 0, size() - images, 0, space, new LinkedHashMap<>());
            }
        }
    }

    private Result encode(
            RunFolder folder, ImageSet images, Tokenizer tokenizer, Share share, Identity request, Observer observer) {
        Device place = opening.place();
        Phase phase = Phase.of("encoding", "images", share.size());
        long started = System.nanoTime();
        Preparation preparation = views.of(folder, tokenizer.imageSize());
        Reconstruction reconstruction = reconstruct ? new Reconstruction(tokenizer.space()) : null;
        Encoder encoder = new Encoder(
                this, images, tokenizer, opening.precisionOn(place), place, Encoding.noise(images), reconstruction);
        try (TokenOutput output = output(folder, images, tokenizer, share, request);
                ImagePass pass = ImageBatches.views(
                        images,
                        preparation,
                        views.count(),
                        views.uprightOf(images, data),
                        batch,
                        skipBad,
                        share.from + Math.toIntExact(output.items()),
                        share.to)) {
            share.check();
            long before = output.grids() / copies();
            observer.see(phase.done(before));
            while (pass.hasNext()) {
                Scope.free(() -> {
                    try (NoGradGuard guard = new NoGradGuard()) {
                        encoder.encode(pass, output);
                    }
                });
                observer.see(phase.done(output.grids() / copies()));
            }
            long done = output.grids() / copies();
            if (done == 0 && part == null) {
                throw new JobException("none of the " + share.size() + " images of " + data + " could be read");
            }
            observer.see(Phase.of("writing"));
            share.check();
            if (done == 0) {
                share.parts.mark(); // all are broken
            } else {
                output.finish();
            }
            double seconds = (System.nanoTime() - started) / 1e9;
            Map<String, Double> measures = reconstruction == null ? new LinkedHashMap<>() : reconstruction.measures();
            return new Result(
                    share.out.path(), done, done - before, share.size() - done, seconds, tokenizer.space(), measures);
        }
    }

    /**
     * All that the codes depend on, the size of a batch too: what a network computes may differ with it in the last bit. Parts may be
     * made on several machines, from where the tokenizer lies there, and with {@code skipBad} where that turns out to be needed.
     */
    private Identity identity(RunFolder tokenizer, ImageSet images, Precision precision, Device place) {
        Map<String, Object> named = new LinkedHashMap<>();
        named.put("tokenizer", tokenizer.fingerprint());
        named.put("crop", (views.crop() == null ? Encoding.crop(tokenizer) : views.crop()).name());
        named.put("data", images.fingerprint());
        named.put("reading", ImageSet.READING);
        named.put("batch", batch);
        named.put("noises", noises);
        if (views.count() > 1) {
            named.put("views", views.count());
            named.put("flip", views.flip());
            if (!views.upright().isEmpty()) {
                named.put("upright", List.copyOf(views.upright()));
            }
        }
        named.put("shard_size", out.shard());
        named.put("precision", precision.name());
        if (part == null) {
            named.put("tokenizer_run", location(tokenizer));
            named.put("skip_bad", skipBad);
            named.put("device", place.str().getString());
        } else {
            named.put("device", Devices.type(place));
        }
        return Identity.of(named);
    }

    private TokenOutput output(RunFolder folder, ImageSet images, Tokenizer tokenizer, Share share, Identity request) {
        Set<Column> columns = EnumSet.noneOf(Column.class);
        TokenFile.Builder facts = TokenFile.of(tokenizer.space())
                .codebook(new Codebook(tokenizer.codebook().detach().cpu()))
                .tokenizer(folder.fingerprint())
                .tokenizerRun(location(folder))
                .copies(copies())
                .metadata(views.metadata());
        tokenizer.accumulation().ifPresent(each -> {
            facts.accumulation(each);
            columns.add(Column.NOISE_SEEDS);
        });
        if (!images.classNames().isEmpty()) {
            facts.classes(images.classNames().size()).classNames(images.classNames());
            columns.add(Column.LABELS);
        }
        return new TokenOutput(share.out, facts, (long) share.size() * copies(), columns, request);
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

        /** All grids of the next images. */
        void encode(ImagePass pass, TokenOutput output) {
            int[] indices = {};
            List<Tensor> codes = new ArrayList<>();
            List<Tensor> seeds = new ArrayList<>();
            for (int view = 0; view < job.views.count(); view++) {
                ImagePass.Batch next = pass.next();
                indices = next.indices();
                for (int round = 0; round < job.noises; round++) {
                    long[] own = Encoding.noise(noise, view * job.noises + round, indices);
                    seeds.add(Tensors.longs(own));
                    codes.add(encode(next.images().pixels(), own));
                }
            }
            Tensor labels = Tensors.longs(
                    Arrays.stream(indices).mapToLong(images::label).toArray());
            int last = indices[indices.length - 1];
            output.add(
                    together(codes),
                    images.classNames().isEmpty() ? null : labels.repeat_interleave(job.copies()),
                    tokenizer.accumulation().isEmpty() ? null : together(seeds),
                    Math.min(images.size(), (last / job.batch + 1L) * job.batch)); // the next batch begins there
        }

        /** Of one view with one noise. float32 [B, 3, H, W] -> [B, h, w] or [B, T, h, w] */
        private Tensor encode(Tensor images, long[] noise) {
            return Scope.keep(() -> {
                Tensor pixels = images.to(place, ScalarType.Float);
                Tensor found = precision.run(place, () -> tokenizer.encode(pixels, noise));
                if (reconstruction != null) {
                    reconstruction.add(tokenizer, precision, pixels, found);
                }
                return found;
            });
        }

        /** Those of an image one after the other. A list of [B, ...], one a view and noise -> [B · copies, ...] */
        private static Tensor together(List<Tensor> rounds) {
            return torch.stack(new TensorVector(rounds.toArray(Tensor[]::new)), 1)
                    .flatten(0, 1);
        }
    }
}
