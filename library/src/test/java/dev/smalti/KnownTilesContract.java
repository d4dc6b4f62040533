package dev.smalti;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.data.ImageSet;
import dev.smalti.data.NumpyFile;
import dev.smalti.data.Pixels;
import dev.smalti.job.EncodeImages;
import dev.smalti.job.GenerateImages;
import dev.smalti.job.TrainPrior;
import dev.smalti.job.TrainTokenizer;
import dev.smalti.run.TokenOutput;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;

/** Tokenizer and prior together recover a world of images that is known exactly, through the jobs that users call. */
abstract class KnownTilesContract {
    private static final Path RECIPES = Path.of("..", "recipes", "toy");

    @TempDir
    Path folder;

    /**
     * The total variation of 10,000 images, seed 3, to the truth, the mean over classes.
     *
     * @param noises grids of each image that the prior learns from
     */
    final double distance(String tokenizerRecipe, int noises, String priorRecipe) {
        TilesWorld world = new TilesWorld();
        Random random = new Random(7);
        List<Pixels> images = new ArrayList<>();
        int[] labels = new int[20_000];
        for (int i = 0; i < labels.length; i++) {
            labels[i] = i % KnownJoint.CLASSES;
            images.add(world.draw(labels[i], random));
        }
        Path data = folder.resolve("tiles.npz");
        NumpyFile.writeNpz(data, images, labels);
        Path tokenizer = folder.resolve("tokenizer");
        Path tokens = folder.resolve("tokens.safetensors");
        Path prior = folder.resolve("prior");
        new TrainTokenizer(RECIPES.resolve(tokenizerRecipe + ".yaml"), List.of(), data, tokenizer, false, false)
                .run(List.of(), () -> false);
        EncodeImages.Result encoded = new EncodeImages(
                        tokenizer.toString(), data, TokenOutput.Target.file(tokens), 64, false, true, noises, "cpu")
                .run(total -> {}, done -> {});
        new TrainPrior(RECIPES.resolve(priorRecipe + ".yaml"), List.of(), tokens, prior, false, null)
                .run(List.of(), () -> false);
        Path drawn = folder.resolve("drawn");
        new GenerateImages(
                        prior.toString(),
                        "cpu",
                        GenerateImages.Request.of(10_000, List.of(), 3),
                        GenerateImages.Output.png(drawn))
                .run(done -> {});
        double distance = 0;
        try (ImageSet set = ImageSet.open(drawn)) {
            assertThat(set.size()).isEqualTo(10_000);
            assertThat(set.classNames()).containsExactly("0", "1");
            long[][] counts = new long[KnownJoint.CLASSES][KnownJoint.STATES];
            for (int i = 0; i < set.size(); i++) {
                counts[set.label(i)][world.read(set.read(i))]++;
            }
            for (int label = 0; label < KnownJoint.CLASSES; label++) {
                distance += world.joint().totalVariation(label, counts[label]) / KnownJoint.CLASSES;
            }
        }
        System.out.printf("tiles world, %s: %s, total variation %.3f%n", priorRecipe, encoded.measures(), distance);
        return distance;
    }
}
