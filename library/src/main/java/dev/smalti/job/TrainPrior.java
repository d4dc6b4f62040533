package dev.smalti.job;

import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.data.Subset;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.StepWatcher;
import dev.smalti.draw.Steps;
import dev.smalti.model.Encoding;
import dev.smalti.network.Objective;
import dev.smalti.prior.Prior;
import dev.smalti.prior.TokenBatch;
import dev.smalti.recipe.PriorRecipe;
import dev.smalti.recipe.Provenance;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.run.Claim;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.run.Sheet;
import dev.smalti.run.TrainingRun;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenFile;
import dev.smalti.tokenizer.Tokenizer;
import dev.smalti.train.HeldOut;
import dev.smalti.train.Run;
import dev.smalti.train.Watcher;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Trains a prior on a token file.
 *
 * @param recipe YAML file of a {@link PriorRecipe}
 * @param overrides {@code path.to.key=value}
 * @param tokens token file, or a folder of them
 * @param out run folder
 * @param resume continues the run in {@code out}
 * @param tokenizer run folder of the tokenizer; null for the one that the token file names
 */
public record TrainPrior(Path recipe, List<String> overrides, Path tokens, Path out, boolean resume, Path tokenizer) {
    private static final Logger LOG = LoggerFactory.getLogger(TrainPrior.class);
    private static final String BITS = "bits_per_token";
    private static final int SHOWN = 16;
    private static final int FEW = 32; // steps of a preview, where the method can draw in fewer than usual
    private static final int MEASURED = 64; // grids at once, at most

    /**
     * Trains to the end, or until {@code stop} says so.
     *
     * @param watchers beside those that write the run folder
     * @param stop asked after each step, and often in previews and held-out measures
     */
    public Run run(List<Watcher> watchers, BooleanSupplier stop) {
        try (Claim claim = RunFolder.claim(out)) {
            return claimed(watchers, stop);
        }
    }

    private Run claimed(List<Watcher> watchers, BooleanSupplier stop) {
        PriorRecipe read = RecipeFile.read(recipe, PriorRecipe.class, overrides);
        Seed seed = new Seed(read.seed());
        Device device = Devices.of(read.training().device());
        try (TokenFile file = TokenFile.read(tokens);
                Prior prior = build(read, file, tokens.toString(), seed.child("weights"), device)) {
            if (file.size() < 2) {
                throw new JobException(tokens + " has only " + file.size() + " grid; training needs more");
            }
            RunFolder source = source(file);
            RunFolder folder = RunFolder.prepare(out, description(file, prior), resume);
            if (source != null && !Files.exists(out.resolve("tokenizer").resolve("model.json"))) {
                source.copyModel(out.resolve("tokenizer"), ScalarType.Float);
            }
            Map<String, String> parents = new LinkedHashMap<>();
            file.tokenizer().ifPresent(fingerprint -> parents.put("tokenizer", fingerprint));
            Provenance provenance =
                    Provenance.of(read.seed(), TrainTokenizer.name(tokens), file.fingerprint(), parents);
            int size = Math.toIntExact(file.size());
            int[] order = shuffled(size, file.copies(), seed.child("held out"));
            int out = Subset.heldOutSize(size / file.copies(), read.heldOut()) * file.copies();
            Shuffled batches = new Shuffled(Arrays.copyOfRange(order, out, size), seed.child("data"));
            int part = read.training().batch() / read.training().accumulation();
            List<Objective<TokenBatch>> objectives = prior.objectives();
            TrainingRun<TokenBatch> run = new TrainingRun<>(
                    folder, read, provenance, read.training(), seed, device, objectives, watchers, stop);
            Tokenizer decoder = source == null ? null : source.tokenizer(device);
            try {
                int[] held = Arrays.copyOf(order, out);
                Precision precision = Precision.of(read.training().precision(), device);
                int together = Math.min(MEASURED, part);
                return run.run(
                        number -> batch(file, prior, batches.batch(number, part), device),
                        out == 0 ? null : new Held(file, prior, held, together, seed, device, precision),
                        decoder == null ? null : new Drawn(prior, file.occurring(), decoder, seed, device));
            } finally {
                if (decoder != null) {
                    decoder.close();
                }
            }
        }
    }

    private RunFolder.Description description(TokenFile file, Prior prior) {
        boolean classes = prior.classes() > 0;
        RunFolder.Description description = RunFolder.Description.prior(
                file.space(),
                prior.classes(),
                classes ? file.classNames() : List.of(),
                file.tokenizer().orElse(null));
        if (!classes || file.labels().isEmpty()) {
            return description;
        }
        int[] occurring = file.occurring();
        if (occurring.length < prior.classes()) {
            LOG.warn(
                    "{}: {} of its {} classes have no grid; generate will draw none of them, unless --label names one",
                    tokens,
                    prior.classes() - occurring.length,
                    prior.classes());
        }
        return description.occurring(occurring);
    }

    /** A new prior, if it can take the tokens, which messages call by {@code name}. */
    static Prior build(PriorRecipe recipe, TokenFile file, String name, Seed seed, Device device) {
        fitting(name, () -> recipe.prior().check(file.space()));
        ResidentMemory.requireFor("a prior of " + name, device, nowhere -> {
            try (Prior sketch = recipe.prior().build(file.space(), file.classes(), seed, nowhere)) {
                return sketch.parameters().blueprint();
            }
        });
        Prior prior = recipe.prior().build(file.space(), file.classes(), seed, device);
        try {
            fitting(name, () -> prior.prepare(file));
            return prior;
        } catch (RuntimeException e) {
            prior.close();
            throw e;
        }
    }

    static void fitting(String name, Runnable check) {
        try {
            check.run();
        } catch (IllegalArgumentException e) {
            throw new JobException(name + ": " + e.getMessage(), e);
        }
    }

    /** All grids in an order of chance, those of an image together, so that none of it is both held out and trained on. */
    private static int[] shuffled(int size, int copies, Seed seed) {
        return Arrays.stream(Subset.shuffled(size / copies, seed))
                .flatMap(image -> IntStream.range(image * copies, (image + 1) * copies))
                .toArray();
    }

    /** The tokenizer's run folder; null, with a warning, if it can't be found. */
    private RunFolder source(TokenFile file) {
        if (tokenizer != null) {
            return matching(file, Encoding.tokenizerOf(RunFolder.open(tokenizer)));
        }
        if (file.tokenizerRun().isEmpty()) {
            return null;
        }
        Path named = Path.of(file.tokenizerRun().get());
        if (!Files.exists(named.resolve("model.json"))) {
            LOG.warn(
                    "the tokenizer that {} names is no longer at {}: this prior will generate tokens, not images;"
                            + " --tokenizer says where it is now",
                    tokens,
                    named);
            return null;
        }
        return matching(file, RunFolder.open(named));
    }

    private RunFolder matching(TokenFile file, RunFolder folder) {
        if (file.tokenizer().isEmpty()) {
            return folder;
        }
        String made = file.tokenizer().get();
        return folder.withFingerprint(made) // whichever checkpoint it was
                .orElseThrow(() -> new JobException(tokens + " was made by tokenizer " + made + ", and " + folder.path()
                        + " is " + folder.fingerprint() + ": encode again, or give the right one with --tokenizer"));
    }

    static TokenBatch batch(TokenFile file, Prior prior, int[] indices, Device device) {
        Tensor which = Tensors.longs(Arrays.stream(indices).asLongStream().toArray());
        Tensor codes = Devices.send(file.batchCodes(which).flatten(1, -1), device, ScalarType.Long);
        Tensor labels = prior.classes() == 0 ? null : Devices.send(file.batchLabels(which), device, ScalarType.Long);
        return new TokenBatch(codes, labels, file.batchNoiseSeeds(which).orElse(null));
    }

    /**
     * Grids that aren't trained on, in an order of chance.
     *
     * @param together how many are measured at once: what is trained on at once is known to fit into memory, and to take no
     *     longer than a step
     */
    private record Held(
            TokenFile file, Prior prior, int[] order, int together, Seed seed, Device device, Precision precision)
            implements HeldOut {
        @Override
        public int size() {
            return order.length;
        }

        @Override
        public String unit() {
            return "grids";
        }

        @Override
        public String decides() {
            return BITS;
        }

        @Override
        public Map<String, Double> measure(int count, LongConsumer progress) {
            double nats = 0;
            for (int from = 0; from < count; from += together) {
                int[] indices = Arrays.copyOfRange(order, from, Math.min(count, from + together));
                Seed draw = seed.child("validation").child(from / together);
                nats += nats(indices, draw);
                progress.accept(from + indices.length);
            }
            return Map.of(BITS, nats / Math.log(2) / count / prior.space().size());
        }

        private double nats(int[] indices, Seed draw) {
            return Scope.value(() -> {
                try (NoGradGuard guard = new NoGradGuard()) {
                    TokenBatch batch = batch(file, prior, indices, device);
                    return precision
                            .run(device, () -> prior.negativeLogLikelihood(batch, draw))
                            .sum()
                            .item_double();
                }
            });
        }
    }

    /** What the prior draws in few steps, always of the same seeds and evenly of all classes that it was shown. */
    private record Drawn(Prior prior, int[] classes, Tokenizer decoder, Seed seed, Device device) implements Sheet {
        @Override
        public int size() {
            return SHOWN;
        }

        @Override
        public int columns() {
            return 8;
        }

        @Override
        public String unit() {
            return "grids";
        }

        @Override
        public List<Pixels> pictures(int from, int to, LongConsumer progress) {
            List<Seed> seeds = new ArrayList<>();
            for (int i = from; i < to; i++) {
                seeds.add(seed.child("preview").child(i));
            }
            Tensor labels = prior.classes() == 0
                    ? null
                    : Tensors.longs(LongStream.range(from, to)
                            .map(i -> classes[(int) (i * classes.length / SHOWN)])
                            .toArray());
            List<Pixels> pictures = new ArrayList<>();
            Scope.free(() -> {
                try (NoGradGuard guard = new NoGradGuard()) {
                    Sampling few = Sampling.USUAL.steps(new Steps.AtMost(FEW));
                    Tensor codes = prior.sample(prior.draw(few, RandomStreams.of(seeds, device))
                            .labels(labels)
                            .watcher(StepWatcher.counting(
                                    (done, of) -> progress.accept(from + (long) (to - from) * done / of))));
                    for (int i = 0; i < to - from; i++) { // one by one, so that each layer is done soon
                        Tensor grid = codes.narrow(0, i, 1).to(device, ScalarType.Long);
                        pictures.addAll(Scope.value(() -> Pictures.fromTensor(decoder.decode(grid))));
                    }
                }
            });
            return pictures;
        }
    }

    /** An endless stream of items, each once an epoch, in an order that follows from seed and epoch. */
    private static final class Shuffled {
        private final int[] items;
        private final Seed seed;
        private long epoch = -1;
        private int[] order;

        Shuffled(int[] items, Seed seed) {
            this.items = items;
            this.seed = seed;
        }

        int[] batch(long number, int size) {
            int[] batch = new int[size];
            for (int i = 0; i < size; i++) {
                long place = number * size + i;
                if (place / items.length != epoch) {
                    epoch = place / items.length;
                    order = Subset.shuffled(items.length, seed.child(epoch));
                }
                batch[i] = items[order[(int) (place % items.length)]];
            }
            return batch;
        }
    }
}
