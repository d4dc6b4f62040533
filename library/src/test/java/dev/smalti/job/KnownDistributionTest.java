package dev.smalti.job;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.KnownJoint;
import dev.smalti.TilesWorld;
import dev.smalti.data.ImageSet;
import dev.smalti.data.NumpyFile;
import dev.smalti.data.Pixels;
import dev.smalti.draw.Sampling;
import dev.smalti.prior.Prior;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The toy recipes recover distributions that are known exactly, through the same jobs that users call. */
class KnownDistributionTest {
    private static final Path RECIPES = Path.of("..", "recipes", "toy");

    @TempDir
    Path folder;

    @Test
    void absorbing_diffusion_recovers_a_known_joint_of_tokens() {
        KnownJoint joint = new KnownJoint();
        Path tokens = folder.resolve("tokens.safetensors");
        joint.write(tokens, 50_000, 1);
        Path run = folder.resolve("prior");
        new TrainPrior(RECIPES.resolve("absorbing.yaml"), List.of(), tokens, run, false, null)
                .run(List.of(), () -> false);
        try (Model model = Model.open(run.toString())) {
            for (int label = 0; label < KnownJoint.CLASSES; label++) {
                double distance = joint.totalVariation(label, counts(model, label, 20_000));
                System.out.printf("total variation of class %d, seed 5: %.3f%n", label, distance);
                assertThat(distance)
                        .as("total variation of 20,000 grids of class %d to the truth, seed 5", label)
                        .isLessThan(0.12);
            }
            MeasureLikelihood.Result likelihood =
                    new MeasureLikelihood(tokens, null, 1, 0, false).run(model, total -> {}, done -> {});
            assertThat(likelihood.bitsPerToken().mean())
                    .as("bound on bits per token, above the entropy")
                    .isBetween(joint.bitsPerToken() - 0.03, joint.bitsPerToken() + 0.1);
        }
    }

    private static long[] counts(Model model, int label, int count) {
        long[] counts = new long[KnownJoint.STATES];
        long[] labels = new long[count];
        Arrays.fill(labels, label);
        for (int from = 0; from < count; from += 1000) {
            int begin = from;
            long[] codes = Scope.value(
                    () -> Tensors.toLongs(model.codes(labels, begin, 1000, 5, Sampling.USUAL, Prior.StepWatcher.NONE)));
            for (int i = 0; i < codes.length; i += 4) {
                counts[KnownJoint.state(codes[i], codes[i + 1], codes[i + 2], codes[i + 3])]++;
            }
        }
        return counts;
    }

    @Test
    void images_of_a_tiles_world_come_back_with_their_distribution() {
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
        new TrainTokenizer(RECIPES.resolve("vqgan.yaml"), List.of(), data, tokenizer, false, false)
                .run(List.of(), () -> false);
        EncodeImages.Result encoded = new EncodeImages(tokenizer.toString(), data, tokens, 64, false, true, "cpu")
                .run(total -> {}, done -> {});
        new TrainPrior(RECIPES.resolve("absorbing.yaml"), List.of(), tokens, prior, false, null)
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
        System.out.printf("tiles world: %s, total variation %.3f%n", encoded.measures(), distance);
        assertThat(distance)
                .as("total variation of 10,000 images to the truth, seed 3, mean over classes")
                .isLessThan(0.2);
    }
}
