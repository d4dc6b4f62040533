package dev.smalti.job;

import dev.smalti.data.Crop;
import dev.smalti.data.ImageSet;
import dev.smalti.model.Encoding;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.recipe.TokenizerRecipe;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.Codebook;
import dev.smalti.token.TokenFile;
import dev.smalti.token.TokenSpace;
import dev.smalti.tokenizer.Tokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * What a prior would be trained on: the tokens themselves, or random ones of the same shape where there are none yet. The
 * tensors belong to the caller's scope.
 *
 * @param name what messages call them
 * @param images how many are trained on or held out
 * @param survey of the pictures that would become tokens; null without
 */
record PlannedTokens(
        TokenFile file, String name, int images, List<String> classes, List<Long> byClass, PictureSurvey survey) {
    private static final TokenSpace USUAL = new TokenSpace(1024, 16, 16);
    private static final int STAND_INS = 256;

    static PlannedTokens of(Path tokens) {
        TokenFile file = TokenFile.read(tokens);
        if (file.size() < 2) {
            file.close();
            throw new JobException(tokens + " has only " + file.size() + " grid; training needs more");
        }
        long[] counts = new long[file.classes()];
        file.labels().ifPresent(labels -> {
            for (long label : Tensors.toLongs(labels)) {
                counts[(int) label]++;
            }
        });
        List<String> names = file.classNames().isEmpty()
                ? LongStream.range(0, counts.length).mapToObj(Long::toString).toList()
                : file.classNames();
        int images = Math.toIntExact(file.size() / file.copies());
        List<Long> byClass = LongStream.of(counts).boxed().toList();
        return new PlannedTokens(file, tokens.toString(), images, names, byClass, null);
    }

    /**
     * Random tokens.
     *
     * @param tokenizer recipe, run folder or bundled model; null for 16×16 tokens of 1,024 codes
     * @param data what would be encoded; null if that isn't known
     */
    static PlannedTokens like(String tokenizer, Path data, Observer observer) {
        if (tokenizer == null) {
            if (data != null) {
                throw new JobException(
                        "pictures become tokens before a prior is trained on them: give --tokenizer, the recipe"
                                + " or the run folder of the tokenizer that makes them, or --tokens");
            }
            String name = "the random " + USUAL.text() + " in place of --tokens";
            return new PlannedTokens(random(USUAL, 0).build(), name, 0, List.of(), List.of(), null);
        }
        Path path = Path.of(tokenizer);
        boolean recipe = Files.isRegularFile(path);
        RunFolder run = recipe ? null : Encoding.tokenizerOf(RunFolder.open(tokenizer));
        TokenizerRecipe read =
                RecipeFile.read(recipe ? path : run.path().resolve("recipe.yaml"), TokenizerRecipe.class, List.of());
        String name = "the random tokens like those of " + tokenizer;
        try (Tokenizer made =
                recipe ? read.tokenizer().build(new Seed(0), Devices.cpu()) : run.tokenizer(Devices.cpu())) {
            if (data == null) {
                return new PlannedTokens(random(made, 0), name, 0, List.of(), List.of(), null);
            }
            try (ImageSet images = ImageSet.open(data)) {
                if (images.size() < 2) {
                    throw new JobException(data + " has only " + images.size() + " image; training needs more");
                }
                int size = read.tokenizer().size();
                Crop crop = read.data().crop();
                PictureSurvey survey = PictureSurvey.of(images, size, crop, observer);
                return new PlannedTokens(
                        random(made, images.classNames().size()),
                        name,
                        images.size(),
                        images.classNames(),
                        PictureSurvey.byClass(images),
                        survey);
            }
        }
    }

    private static TokenFile random(Tokenizer tokenizer, int classes) {
        TokenFile.Builder builder = random(tokenizer.space(), classes)
                .codebook(new Codebook(tokenizer.codebook().detach().clone()));
        tokenizer.accumulation().ifPresent(each -> builder.accumulation(each)
                .noiseSeeds(Tensors.longs(LongStream.range(0, STAND_INS).toArray())));
        return builder.build();
    }

    private static TokenFile.Builder random(TokenSpace space, int classes) {
        long[] shape = space.depth() == 1
                ? new long[] {STAND_INS, space.height(), space.width()}
                : new long[] {STAND_INS, space.depth(), space.height(), space.width()};
        Tensor codes = Tensors.uniform(new Seed(0).generator(), shape)
                .mul(new Scalar((double) space.codes()))
                .floor()
                .clamp_max(new Scalar(space.codes() - 1.0))
                .to(ScalarType.Long);
        TokenFile.Builder builder = TokenFile.of(codes, space.codes());
        if (classes > 0) {
            Tensor labels = torch.arange(new Scalar(STAND_INS))
                    .remainder(new Scalar(classes))
                    .to(ScalarType.Long);
            builder.labels(labels).classes(classes);
        }
        return builder;
    }

    /** @throws JobException if a prior can't take them */
    void check(PriorConfiguration prior) {
        TrainPrior.fitting(name, () -> prior.check(file.space()));
    }

    /** @param held how many of the images are held out */
    TrainingPlan.Data data(int held) {
        return images == 0 ? TrainingPlan.Data.UNKNOWN : new TrainingPlan.Data(images, images - held, classes, byClass);
    }
}
