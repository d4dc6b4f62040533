package dev.smalti.testing;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.data.ImageSet;
import dev.smalti.data.NumpyFile;
import dev.smalti.job.EncodeImages;
import dev.smalti.job.GenerateImages;
import dev.smalti.job.TrainPrior;
import dev.smalti.job.TrainTokenizer;
import dev.smalti.run.TokenOutput;
import dev.smalti.tensor.Observer;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * That a tokenizer and a prior together recover a world of images which is known exactly, through the jobs that users call. It
 * takes minutes, so give such a test a tag of its own.
 */
public abstract class KnownImagesContract {

    @TempDir
    Path folder;

    protected abstract Path tokenizerRecipe();

    protected abstract Path priorRecipe();

    /** The total variation to the truth that it must stay below: that of independent cells is 0.68, of perfect draws 0.07. */
    protected abstract double mostDistance();

    /** Grids of each image that the prior learns from. */
    protected int noises() {
        return 1;
    }

    @Test
    void images_of_a_tiles_world_come_back_with_their_distribution() {
        assertThat(distance()).as("total variation").isLessThan(mostDistance());
    }

    /** The total variation of 10,000 images, seed 3, to the truth, the mean over classes. */
    private double distance() {
        TilesWorld world = new TilesWorld();
        Random random = new Random(7);
        Path data = folder.resolve("tiles.npz");
        try (NumpyFile.Writer writer = NumpyFile.writer(data, 20_000, 16, 16)) {
            for (int i = 0; i < 20_000; i++) {
                writer.add(world.draw(i % KnownJoint.CLASSES, random), i % KnownJoint.CLASSES);
            }
            writer.finish();
        }
        Path tokenizer = folder.resolve("tokenizer");
        Path tokens = folder.resolve("tokens.safetensors");
        Path prior = folder.resolve("prior");
        new TrainTokenizer(tokenizerRecipe(), List.of(), data, tokenizer, false, false).run(List.of(), () -> false);
        EncodeImages.Result encoded = new EncodeImages(
                        tokenizer.toString(), data, TokenOutput.Target.file(tokens), 64, false, true, noises(), "cpu")
                .run(Observer.NONE);
        new TrainPrior(priorRecipe(), List.of(), tokens, prior, false, null).run(List.of(), () -> false);
        Path drawn = folder.resolve("drawn");
        new GenerateImages(
                        prior.toString(),
                        "cpu",
                        GenerateImages.Request.of(10_000, List.of(), 3),
                        GenerateImages.Output.png(drawn))
                .run(Observer.NONE);
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
        System.out.printf(
                Locale.ROOT,
                "tiles world, %s: %s, total variation %.3f%n",
                priorRecipe().getFileName(),
                encoded.measures(),
                distance);
        return distance;
    }
}
