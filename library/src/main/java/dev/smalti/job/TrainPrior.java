package dev.smalti.job;

import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.distributed.Group;
import dev.smalti.distributed.LostPeerException;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.StepWatcher;
import dev.smalti.draw.Steps;
import dev.smalti.network.Objective;
import dev.smalti.prior.Prior;
import dev.smalti.prior.TokenBatch;
import dev.smalti.recipe.PriorRecipe;
import dev.smalti.recipe.Provenance;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.run.Beginning;
import dev.smalti.run.Claim;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.run.Sheet;
import dev.smalti.run.TrainingRun;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Observer;
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
import java.util.function.UnaryOperator;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Trains a prior on a token file, or on images that are encoded as they are trained on.
 *
 * @param recipe YAML file of a {@link PriorRecipe}
 * @param overrides {@code path.to.key=value}
 * @param data what it is trained on
 * @param out run folder
 * @param resume continues the run in {@code out}
 * @param teacher run folder or bundled model that a student is distilled from; null for a prior that learns of the data
 * @param from run folder of {@code train-prior} or bundled model whose averaged weights training begins from; null for new ones
 */
public record TrainPrior(
        Path recipe, List<String> overrides, Data data, Path out, boolean resume, String teacher, String from) {
    private static final Logger LOG = LoggerFactory.getLogger(TrainPrior.class);
    private static final String BITS = "bits_per_token";
    private static final int SHOWN = 16;
    private static final int FEW = 32; // steps of a preview, where the method can draw in fewer than usual
    private static final int MEASURED = 64; // grids at once, at most

    /**
     * What a prior is trained on: tokens, or images with the tokenizer that encodes them.
     *
     * @param tokens token file, or a folder of them; null for images
     * @param heldOut other tokens that are measured in place of a share of these; null for the share that the recipe says
     * @param tokenizer run folder of the tokenizer, or name of a bundled model, whose tokenizer is meant; null for the one that the token file names
     * @param images as {@link dev.smalti.data.ImageSet#open} reads them; null for tokens
     * @param skipBad leaves broken images out instead of failing
     */
    public record Data(Path tokens, Path heldOut, Path tokenizer, Path images, boolean skipBad) {
        /** @throws JobException if it says neither or both, or what goes with the other */
        public Data {
            if ((tokens == null) == (images == null)) {
                throw new JobException(
                        "a prior is trained on tokens (--tokens TOKENS) or on images that are encoded meanwhile"
                                + " (--tokenizer RUN --data PATH): give one of the two, got "
                                + (tokens == null ? "neither" : "both"));
            }
            if (images != null && tokenizer == null) {
                throw new JobException(
                        "--data needs --tokenizer, the run folder of the tokenizer that encodes " + images);
            }
            if (images != null && heldOut != null) {
                throw new JobException(
                        "--held-out goes with --tokens; of --data a share is held out, held_out of the recipe:"
                                + " leave --held-out out");
            }
            if (tokens != null && skipBad) {
                throw new JobException("--skip-bad goes with --data; give it to encode, or leave it out");
            }
        }

        /** Tokens of which a share is held out. */
        public static Data tokens(Path tokens, Path tokenizer) {
            return new Data(tokens, null, tokenizer, null, false);
        }

        /** Images and the tokenizer that encodes them. */
        public static Data images(Path images, Path tokenizer) {
            return new Data(null, null, tokenizer, images, false);
        }

        Path path() {
            return tokens == null ? images : tokens;
        }

        /** @param known fingerprint of the tokenizer of the run that goes on; null for a new run */
        TokenSource open(PriorRecipe recipe, String known, Seed seed, Device device, Observer observer, Group group) {
            return tokens == null
                    ? new ImageTokens(images, tokenizer, known, skipBad, recipe, seed, device, observer, group)
                    : new FileTokens(tokens, heldOut, tokenizer, recipe, seed, device, group);
        }
    }

    /** @throws JobException if there is both a teacher and a run to begin from */
    public TrainPrior {
        if (teacher != null && from != null) {
            throw new JobException("a student begins as its teacher is: give --teacher alone, and leave --from out");
        }
    }

    /** From new weights, or those of a teacher. */
    public TrainPrior(Path recipe, List<String> overrides, Data data, Path out, boolean resume, String teacher) {
        this(recipe, overrides, data, out, resume, teacher, null);
    }

    /** Without a teacher. */
    public TrainPrior(Path recipe, List<String> overrides, Data data, Path out, boolean resume) {
        this(recipe, overrides, data, out, resume, null);
    }

    /** Trains on tokens. @param tokenizer run folder; null for the one that the token file names */
    public TrainPrior(Path recipe, List<String> overrides, Path tokens, Path out, boolean resume, Path tokenizer) {
        this(recipe, overrides, Data.tokens(tokens, tokenizer), out, resume);
    }

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
        PriorRecipe read = RecipeFile.read(recipe, PriorRecipe.class, overrides);
        Seed seed = new Seed(read.seed());
        Device device = Devices.of(read.training().device(), group.localRank());
        Observer observer = phase -> watchers.forEach(each -> each.seen(phase));
        boolean begun = resume && Files.exists(out.resolve("model.json"));
        String known = begun ? RunFolder.open(out).description().tokenizer() : null;
        try (TokenSource source = data.open(read, known, seed, device, observer, group);
                Teacher distilled = Teacher.open(teacher, read, source.facts(), source.name(), device);
                Prior prior = build(source.recipe(), source.facts(), source.name(), seed.child("weights"), device)) {
            FromRun begins = FromRun.open(from, UnaryOperator.identity(), out);
            if (begun) {
                Teacher.requireSame(out, distilled);
            }
            begins.toBegin()
                    .ifPresent(run -> fitting(source.name(), () -> new Beginning(run)
                            .of(prior, source.recipe().prior(), source.facts(), source.name())));
            List<Objective<TokenBatch>> objectives = distilled == null
                    ? prior.objectives()
                    : distilled.of(prior, read, seed.child("masks")).objectives();
            RunFolder made = source.tokenizer();
            Map<String, String> parents = parents(source, distilled, begins);
            TrainTokenizer.agree(group, source.recipe(), source.fingerprint(), parents);
            RunFolder folder = group.writes() ? RunFolder.prepare(out, description(source, prior), resume) : null;
            if (made != null
                    && group.writes()
                    && !Files.exists(out.resolve("tokenizer").resolve("model.json"))) {
                made.copyModel(out.resolve("tokenizer"), ScalarType.Float);
            }
            Provenance provenance =
                    Provenance.of(read.seed(), TrainTokenizer.name(data.path()), source.fingerprint(), parents);
            int part = read.training().part(group.size());
            TrainingRun<TokenBatch> run = new TrainingRun<>(
                    folder,
                    source.recipe(),
                    provenance,
                    read.training(),
                    seed,
                    device,
                    objectives,
                    watchers,
                    stop,
                    group);
            Tokenizer decoder = made == null || !group.writes() ? null : made.tokenizer(device);
            try {
                TokenSource.HeldOutGrids held = source.heldOut();
                Precision precision = Precision.toTrain(read.training().precision(), device);
                int together = Math.min(MEASURED, part * group.size());
                return run.run(
                        number -> taken(source.batch(group.share(number)), prior),
                        held.order().length == 0 || distilled != null
                                ? null
                                : new Held(held, prior, together, seed, device, precision),
                        decoder == null
                                ? null
                                : new Drawn(prior, few(read), source.occurring(), decoder, seed, device));
            } finally {
                if (decoder != null) {
                    decoder.close();
                }
            }
        }
    }

    private static Map<String, String> parents(TokenSource source, Teacher teacher, FromRun begins) {
        Map<String, String> parents = new LinkedHashMap<>(source.parents());
        parents.putAll(begins.parents());
        if (teacher != null) {
            parents.put("teacher", teacher.fingerprint());
        }
        return parents;
    }

    private static int few(PriorRecipe recipe) {
        return recipe.distillation() == null ? FEW : recipe.distillation().steps();
    }

    static TokenBatch batch(TokenFile file, Prior prior, int[] indices, Device device) {
        return taken(FileTokens.batch(file, indices, device), prior);
    }

    /** What a prior takes of a batch: labels where it has classes. */
    private static TokenBatch taken(TokenBatch batch, Prior prior) {
        return prior.classes() == 0 ? new TokenBatch(batch.codes(), null, batch.noiseSeeds()) : batch;
    }

    private RunFolder.Description description(TokenSource source, Prior prior) {
        TokenFile file = source.facts();
        boolean classes = prior.classes() > 0;
        RunFolder.Description description = RunFolder.Description.prior(
                file.space(),
                prior.classes(),
                classes ? file.classNames() : List.of(),
                file.tokenizer().orElse(null));
        if (!classes || file.labels().isEmpty()) {
            return description;
        }
        int[] occurring = source.occurring();
        if (occurring.length < prior.classes()) {
            LOG.warn(
                    "{}: {} of its {} classes have no grid; generate will draw none of them, unless --label names one",
                    source.name(),
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

    /**
     * Grids that aren't trained on, in an order of chance.
     *
     * @param together how many are measured at once: what is trained on at once is known to fit into memory, and to take no
     *     longer than a step
     */
    private record Held(
            TokenSource.HeldOutGrids grids, Prior prior, int together, Seed seed, Device device, Precision precision)
            implements HeldOut {
        @Override
        public int size() {
            return grids.order().length;
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
                int[] indices = Arrays.copyOfRange(grids.order(), from, Math.min(count, from + together));
                Seed draw = seed.child("validation").child(from / together);
                nats += nats(indices, draw);
                progress.accept(from + indices.length);
            }
            return Map.of(BITS, nats / Math.log(2) / count / prior.space().size());
        }

        private double nats(int[] indices, Seed draw) {
            return Scope.value(() -> {
                try (NoGradGuard guard = new NoGradGuard()) {
                    TokenBatch batch = batch(grids.file(), prior, indices, device);
                    return precision
                            .run(device, () -> prior.negativeLogLikelihood(batch, draw))
                            .sum()
                            .item_double();
                }
            });
        }
    }

    /**
     * What the prior draws in few steps, always of the same seeds and evenly of all classes that it was shown.
     *
     * @param few steps at most
     */
    private record Drawn(Prior prior, int few, int[] classes, Tokenizer decoder, Seed seed, Device device)
            implements Sheet {
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
                    Sampling sampling = Sampling.USUAL.steps(new Steps.AtMost(few));
                    Tensor codes = prior.sample(prior.draw(sampling, RandomStreams.of(seeds, device))
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
}
