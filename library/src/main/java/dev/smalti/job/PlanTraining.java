package dev.smalti.job;

import dev.smalti.data.Crop;
import dev.smalti.data.ImageBatches;
import dev.smalti.data.ImagePass;
import dev.smalti.data.ImageSet;
import dev.smalti.data.Images;
import dev.smalti.data.Preparation;
import dev.smalti.data.Subset;
import dev.smalti.metric.classifier.Classifier;
import dev.smalti.network.Objective;
import dev.smalti.network.Parameters;
import dev.smalti.prior.Prior;
import dev.smalti.prior.TokenBatch;
import dev.smalti.recipe.DataRecipe;
import dev.smalti.recipe.FeaturesRecipe;
import dev.smalti.recipe.PriorRecipe;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.recipe.TokenizerRecipe;
import dev.smalti.run.JobException;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.token.TokenFile;
import dev.smalti.tokenizer.Tokenizer;
import dev.smalti.train.TrainingConfiguration;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.IntConsumer;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Says what a training would take on this machine, before it: builds what the recipe says, takes some of its steps, looks at
 * the data, and leaves nothing behind.
 *
 * @param recipe YAML file of a {@link TokenizerRecipe}, a {@link PriorRecipe} or a {@link FeaturesRecipe}
 * @param overrides {@code path.to.key=value}
 * @param data images, as {@link ImageSet#open} reads them; null for random ones in their place
 * @param tokens token file of a prior; null for random ones
 * @param tokenizer whose tokens these random ones are like: a recipe, a run folder or the name of a bundled model; null for
 *     16×16 tokens of 1,024 codes
 * @param processes that would share each batch, of which one is planned, on a machine of its own like this; at least 1
 */
public record PlanTraining(
        Path recipe, List<String> overrides, Path data, Path tokens, String tokenizer, int processes) {
    private static final int STAND_INS = 256; // random images
    private static final int CLASSES = 10; // of random images where a recipe needs some

    /** @throws JobException if what is given doesn't go together */
    public PlanTraining {
        if (data != null && tokens != null) {
            throw new JobException("--data and --tokens are two ways to say what is trained on: give one of them");
        }
        if (processes < 1) {
            throw new JobException("--processes must be at least 1, got " + processes);
        }
    }

    /** Plans; {@code observer} may end it by throwing. */
    public TrainingPlan run(Observer observer) {
        Set<String> keys = RecipeFile.keys(recipe);
        if (keys.contains("prior")) {
            return of(PriorRecipe.class, PriorRecipe::training).prior(observer);
        }
        if (!keys.contains("tokenizer") && !keys.contains("classifier")) {
            throw new JobException(Phrase.of(
                            "%s is no recipe of a training: it must have one of the keys tokenizer, prior and classifier, see recipes/")
                    .with(recipe));
        }
        if (tokens != null || tokenizer != null) {
            throw new JobException(
                    Phrase.of("%s is trained on images, and %s is for the recipe of a prior: give --data")
                            .with(recipe, tokens != null ? "--tokens" : "--tokenizer"));
        }
        return keys.contains("tokenizer")
                ? of(TokenizerRecipe.class, TokenizerRecipe::training).tokenizer(observer)
                : of(FeaturesRecipe.class, FeaturesRecipe::training).features(observer);
    }

    /** For the items that one of the processes takes. */
    private <T> PlanTraining of(Class<T> type, Function<T, TrainingConfiguration> training) {
        if (processes == 1) {
            return this;
        }
        TrainingConfiguration whole = training.apply(read(type, List.of()));
        List<String> own = new ArrayList<>(overrides);
        own.add("training.batch=" + whole.part(processes) * whole.accumulation());
        own.add("training.held_out_items="
                + whole.heldOutItems()); // one process measures, by the whole batch's default
        return new PlanTraining(recipe, own, data, tokens, tokenizer, processes);
    }

    private <T> T read(Class<T> type, List<String> more) {
        List<String> all = new ArrayList<>(overrides);
        all.addAll(more);
        return RecipeFile.read(recipe, type, all);
    }

    private TrainingPlan tokenizer(Observer observer) {
        TokenizerRecipe read = read(TokenizerRecipe.class, List.of());
        int size = read.tokenizer().size();
        Device device = Devices.of(read.training().device());
        ResidentMemory.requireFor(recipe.toString(), device, nowhere -> {
            try (Tokenizer sketch = read.tokenizer().build(new Seed(0), nowhere)) {
                return sketch.parameters().blueprint();
            }
        });
        try (ImageSet images = images(size, 0);
                Tokenizer built = read.tokenizer().build(new Seed(0), device)) {
            PictureSurvey survey = survey(images, size, read.data().crop(), observer);
            Subset[] parts = Subset.divide(images, read.data().heldOut(), new Seed(0));
            List<Objective<Tensor>> objectives = built.objectives();
            try (ImageFeed feed = new ImageFeed(parts[0], preparation(size, read.data()))) {
                TrainingPlan.Cost cost = new Rehearsal<>(
                                objectives,
                                more -> read(TokenizerRecipe.class, more).training(),
                                (number, many) ->
                                        feed.batch(number, many).pixels().to(device, ScalarType.Float),
                                device,
                                observer)
                        .cost();
                double look = looking(parts[1], size, read.data().crop(), 32, pixels -> {
                    built.parameters().training(false);
                    built.decode(built.encode(pixels.to(device, ScalarType.Float)));
                });
                return new TrainingPlan(
                        recipe,
                        "tokenizer",
                        RecipeFile.kind(read.tokenizer()),
                        size,
                        built.space(),
                        parts(objectives, true),
                        cost,
                        null,
                        training(read.training(), look, parts[1].size(), built.parameters()),
                        data(images, parts[0].size()),
                        survey,
                        machine(read.training(), device));
            }
        }
    }

    private TrainingPlan features(Observer observer) {
        FeaturesRecipe read = read(FeaturesRecipe.class, List.of());
        int size = read.classifier().size();
        Device device = Devices.of(read.training().device());
        try (ImageSet images = images(size, CLASSES)) {
            int classes = TrainFeatures.classes(images, data).size();
            PictureSurvey survey = survey(images, size, read.data().crop(), observer);
            Subset[] parts = Subset.divide(images, read.data().heldOut(), new Seed(0));
            try (ImageFeed feed = new ImageFeed(parts[0], preparation(size, read.data()));
                    Classifier built = read.classifier().build(classes, new Seed(0), device)) {
                List<Objective<Images>> objectives = List.of(built.objective());
                TrainingPlan.Cost cost = new Rehearsal<>(
                                objectives,
                                more -> read(FeaturesRecipe.class, more).training(),
                                (number, many) -> TrainFeatures.on(device, feed.batch(number, many)),
                                device,
                                observer)
                        .cost();
                double look = looking(
                        parts[1],
                        size,
                        read.data().crop(),
                        64,
                        pixels -> built.exact(pixels.to(device, ScalarType.Float)));
                return new TrainingPlan(
                        recipe,
                        "features",
                        "classifier",
                        size,
                        null,
                        parts(objectives, false),
                        cost,
                        null,
                        training(read.training(), look, parts[1].size(), built.parameters()),
                        data(images, parts[0].size()),
                        survey,
                        machine(read.training(), device));
            }
        }
    }

    private TrainingPlan prior(Observer observer) {
        PriorRecipe read = read(PriorRecipe.class, List.of());
        if (read.distillation() != null) {
            throw new JobException(
                    recipe + " is of a student, which plan doesn't reckon with: plan its teacher's recipe; a"
                            + " step of a student takes about three times as long");
        }
        Device device = Devices.of(read.training().device());
        return Scope.value(() -> {
            PlannedTokens planned =
                    tokens == null ? PlannedTokens.like(tokenizer, data, observer) : PlannedTokens.of(tokens);
            try (TokenFile file = planned.file();
                    Prior prior = prior(read, planned, device)) {
                List<Objective<TokenBatch>> objectives = prior.objectives();
                TrainingPlan.Cost cost = new Rehearsal<>(
                                objectives,
                                more -> read(PriorRecipe.class, more).training(),
                                (number, many) -> batch(file, prior, number, many, device),
                                device,
                                observer)
                        .cost();
                int held = planned.images() == 0 ? 0 : Subset.heldOutSize(planned.images(), read.heldOut());
                Precision precision = Precision.toTrain(read.training().precision(), device);
                double look = held == 0
                        ? 0
                        : seconds(
                                Math.min(64, held),
                                many -> precision.run(device, () -> {
                                    TokenBatch batch = batch(file, prior, 0, many, device);
                                    return prior.negativeLogLikelihood(batch, new Seed(0));
                                }));
                return new TrainingPlan(
                        recipe,
                        "prior",
                        RecipeFile.kind(read.prior()),
                        0,
                        file.space(),
                        parts(objectives, false),
                        cost,
                        CardMemory.of(
                                read.prior(), file.space(), prior.parameters().count(), read.training()),
                        training(read.training(), look, held, prior.parameters()),
                        planned.data(held),
                        planned.survey(),
                        machine(read.training(), device));
            }
        });
    }

    /** A new prior, if the tokens are for it and the machine is large enough. */
    private Prior prior(PriorRecipe read, PlannedTokens planned, Device device) {
        TokenFile file = planned.file();
        planned.check(read.prior());
        return TrainPrior.build(read, file, planned.name(), new Seed(0), device);
    }

    /** The n-th batch of so many grids, in the order of the file. */
    private static TokenBatch batch(TokenFile file, Prior prior, long number, int many, Device device) {
        int[] indices = LongStream.range(number * many, (number + 1) * many)
                .mapToInt(index -> (int) (index % file.size()))
                .toArray();
        return TrainPrior.batch(file, prior, indices, device);
    }

    /** @throws JobException if there are too few to train on */
    private ImageSet images(int size, int classes) {
        if (data == null) {
            return new RandomPictures(STAND_INS, size, classes);
        }
        ImageSet images = ImageSet.open(data);
        if (images.size() < 2) {
            images.close();
            throw new JobException(data + " has only " + images.size() + " image; training needs more");
        }
        return images;
    }

    private PictureSurvey survey(ImageSet images, int size, Crop crop, Observer observer) {
        return data == null ? null : PictureSurvey.of(images, size, crop, observer);
    }

    private static Preparation preparation(int size, DataRecipe recipe) {
        return new Preparation(size, recipe.crop(), recipe.flip());
    }

    /** Seconds of a look at one of {@code held}, by a batch of them. */
    private double looking(Subset held, int size, Crop crop, int batch, Consumer<Tensor> look) {
        if (data == null || held.size() == 0) {
            return 0;
        }
        Preparation still = new Preparation(size, crop == Crop.RANDOM ? Crop.CENTER : crop, false);
        return seconds(Math.min(batch, held.size()), many -> {
            try (ImagePass pass = ImageBatches.inOrder(held, still, many, true)) {
                if (pass.hasNext()) {
                    look.accept(pass.next().images().pixels());
                }
            }
        });
    }

    /** Seconds of an item, by a batch of {@code many}. */
    private static double seconds(int many, IntConsumer work) {
        long begin = System.nanoTime();
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                work.accept(many);
            }
        });
        return (System.nanoTime() - begin) / 1e9 / many;
    }

    /** @param divided whether the parts of the first network are told apart */
    private static <B> Map<String, Long> parts(List<Objective<B>> objectives, boolean divided) {
        Map<String, Long> parts = new LinkedHashMap<>();
        for (Objective<B> each : objectives) {
            boolean first = each == objectives.get(0);
            each.parameters()
                    .weights()
                    .forEach((name, weight) -> parts.merge(
                            divided && first ? name.replaceFirst("\\..*", "") : each.name(),
                            weight.numel(),
                            Long::sum));
        }
        return parts;
    }

    /**
     * What the recipe says.
     *
     * @param look seconds of a held-out item
     * @param held how many there are
     */
    private TrainingPlan.Training training(TrainingConfiguration training, double look, int held, Parameters averaged) {
        long every = training.validateEvery();
        long looks = look == 0 ? 0 : 1 + (every == 0 ? 0 : (training.steps() - 1) / every); // there is one at the end
        int most = training.heldOutItems();
        long items = most == 0 ? held : Math.min(held, most);
        long numbers = training.averaging() == 0
                ? 0
                : averaged.all().values().stream().mapToLong(Tensor::numel).sum();
        return new TrainingPlan.Training(
                training.steps(),
                training.batch(),
                processes,
                looks,
                items * look,
                numbers,
                training.keep() + (training.keepBest() ? 1 : 0));
    }

    private TrainingPlan.Data data(ImageSet images, int trained) {
        return data == null
                ? TrainingPlan.Data.UNKNOWN
                : new TrainingPlan.Data(images.size(), trained, images.classNames(), PictureSurvey.byClass(images));
    }

    private static TrainingPlan.Machine machine(TrainingConfiguration training, Device device) {
        return new TrainingPlan.Machine(
                device.is_cuda() ? "cuda" : "cpu",
                Precision.toTrain(training.precision(), device).name().toLowerCase(Locale.ROOT),
                torch.get_num_threads(),
                Runtime.getRuntime().availableProcessors(),
                ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage());
    }
}
