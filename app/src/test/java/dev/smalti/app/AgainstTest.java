package dev.smalti.app;

import static dev.smalti.app.Command.done;
import static dev.smalti.app.Command.refused;
import static dev.smalti.app.Command.with;
import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.draw.GuidanceSettings;
import dev.smalti.draw.GuidingModel;
import dev.smalti.draw.Sampling;
import dev.smalti.job.GenerateImages;
import dev.smalti.job.GenerateImages.Format;
import dev.smalti.job.GenerateImages.Output;
import dev.smalti.job.GenerateImages.Request;
import dev.smalti.run.JobException;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Phase;
import dev.smalti.train.Checkpoints;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.locks.LockSupport;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Draws that are guided away from another model: a prior with the checkpoints of steps 3 and 6, and others beside it. */
@Tag("learning") // trains three priors
class AgainstTest {
    @TempDir
    private static Path folder;

    private static TinyWorld world;
    private static Path tokens;
    private static Path prior;
    private static Path small;

    @TempDir
    private Path fresh;

    @BeforeAll
    static void trains_them() {
        world = new TinyWorld(folder);
        tokens = world.tokens(world.tokenizer());
        prior = world.prior("prior", tokens, "training.learning_rate=0.02");
        small = world.prior("small", tokens, "prior.network.width=8", "prior.conditional=false");
    }

    @Test
    void an_earlier_checkpoint_of_the_same_run_guides_and_costs_another_pass() {
        JsonNode plain = drawn("plain");
        JsonNode guided = drawn("guided", "--guidance", 3, "--against-checkpoint", 3);
        assertThat(guided.get("forward_passes_per_image").asDouble())
                .isEqualTo(2 * plain.get("forward_passes_per_image").asDouble());
        assertThat(guided.get("against").asText()).isEqualTo("step 3");
        assertThat(plain.get("against").isNull()).isTrue();
        assertThat(bytes("guided")).isNotEqualTo(bytes("plain"));
        drawn("named", "--guidance", 3, "--against", prior, "--against-checkpoint", 3);
        assertThat(bytes("named")).isEqualTo(bytes("guided"));
        drawn("apart", "--guidance", 3, "--against-checkpoint", 3, "--batch", 2);
        assertThat(bytes("apart")).isEqualTo(bytes("guided"));
    }

    /** One without classes too, on a larger canvas, in an edit and of an unconditional model. */
    @Test
    void another_run_guides_wherever_images_are_drawn() throws IOException {
        drawn("wide", "--guidance", 1, "--against", small, "--size", "16x24", "--stride", 2);
        drawn("random", "--guidance", 1, "--against", small, "--size", "16x24", "--windows", "random");
        done(
                "generate",
                small,
                "--out",
                fresh.resolve("unconditional"),
                "--count",
                2,
                "--guidance",
                1,
                "--guidance-schedule",
                "linear",
                "--guidance-power",
                2,
                "--against-checkpoint",
                3);
        Path image = folder.resolve("images/blue/0.png");
        done(
                "edit",
                prior,
                "--image",
                image,
                "--mask",
                "0,0,8,16",
                "--out",
                fresh.resolve("edited"),
                "--guidance",
                1,
                "--against",
                small);
        JsonNode sampler = done(
                        "evaluate",
                        "--real",
                        folder.resolve("images"),
                        "--fake",
                        prior,
                        "--count",
                        4,
                        "--metrics",
                        "frechet",
                        "--guidance",
                        1,
                        "--against-checkpoint",
                        3)
                .get("draw")
                .get("sampler");
        assertThat(sampler.get("against").asText()).isEqualTo("step 3");
        assertThat(sampler.has("negative")).isFalse();
    }

    @Test
    void an_interrupted_draw_goes_on_only_away_from_the_same_weights() throws IOException {
        Path out = fresh.resolve("o.safetensors");
        Path other = folder.resolve("other");
        world.prior("other", tokens, "prior.network.width=8");
        GuidingModel against = new GuidingModel(other.toString(), null);
        GenerateImages job = new GenerateImages(
                prior.toString(),
                "auto",
                new Request(
                        6,
                        List.of(),
                        0,
                        Sampling.USUAL.guidance(GuidanceSettings.NONE.weight(1).guiding(against)),
                        null),
                new Output(out, Format.TOKENS, null, true),
                2);
        assertThatThrownBy(() -> job.run(AgainstTest::stopAfter4)).isInstanceOf(CancellationException.class);
        Path weights = Checkpoints.weights(other.resolve("checkpoint-6"));
        byte[] before = Files.readAllBytes(weights);
        Files.copy(Checkpoints.weights(other.resolve("checkpoint-3")), weights, REPLACE_EXISTING);
        assertThatThrownBy(() -> job.run(Observer.NONE))
                .isInstanceOf(JobException.class)
                .hasMessageContaining("holds tokens of another request (other: against)");
        Files.write(weights, before);
        job.run(Observer.NONE);
        assertThat(out).isRegularFile();
    }

    private static void stopAfter4(Phase phase) {
        if (phase.done() > 4) {
            throw new CancellationException("stopped");
        }
    }

    @Test
    void refuses_what_cannot_guide() throws IOException {
        Object[] generate = {"generate", prior, "--count", 1, "--out", fresh.resolve("o"), "--guidance", 1};
        refused(with(generate, "--against", prior), "the very weights", "another checkpoint");
        refused(with(generate, "--against-checkpoint", 4), "checkpoint", "4");
        refused(with(generate, "--against", fresh.resolve("none")), "none");
        refused(with(generate, "--against", folder.resolve("tokenizer")), "holds a tokenizer, and a prior is needed");
        refused(with(generate, "--against", small, "--negative", "blue"), "--negative and --against");
        refused(with(generate, "--guidance-power", 2), "--guidance-power bends a schedule that rises");
        Path maskgit = world.write(
                "maskgit.yaml", Files.readString(world.priorRecipe()).replace("kind: absorbing", "kind: maskgit"));
        done("train-prior", maskgit, "--tokens", tokens, "--out", fresh.resolve("maskgit"));
        refused(with(generate, "--against", fresh.resolve("maskgit")), "MaskGIT", "absorbing diffusion in 16 steps");
        Object[] plain = {"generate", prior, "--count", 1, "--out", fresh.resolve("o")};
        refused(with(plain, "--against", small), "--against acts through guidance");
        assertThat(fresh.resolve("o")).doesNotExist();
    }

    @Test
    void a_comparison_sweeps_over_checkpoints_and_skips_what_a_prior_has_not_kept() throws IOException {
        Path plan = world.write("against.yaml", """
                real: %s
                draws: 4
                resamples: 2
                priors: [{name: tiny, run: %s}]
                sweeps: [{steps: [2], guidance: [1], against: [3, 4]}]
                """.formatted(folder.resolve("images"), prior));
        JsonNode cells = done("compare", plan, "--out", fresh.resolve("out"))
                .get("priors")
                .get(0)
                .get("cells");
        assertThat(cells).hasSize(2);
        assertThat(cells.get(0).get("setting").get("against").asText()).isEqualTo("step 3");
        assertThat(cells.get(0).get("measures").get("images").asInt()).isEqualTo(4);
        assertThat(cells.get(1).get("skipped").asText()).contains("4");
        assertThat(Files.readString(fresh.resolve("out/table.csv"))).contains("step 3");
        assertThat(Files.readString(fresh.resolve("out/index.html"))).contains("against step 3");
    }

    @Test
    void keeps_no_weights_of_it_when_the_model_is_closed() {
        drawn("first", "--guidance", 1, "--against", small);
        long before = heldAfterCollection();
        drawn("second", "--guidance", 1, "--against", small);
        assertThat(heldAfterCollection()).isLessThanOrEqualTo(before);
    }

    /** What is left when nothing more is freed: a thread of its own frees what the collector has found. */
    private static long heldAfterCollection() {
        long held = Long.MAX_VALUE;
        for (int quiet = 0; quiet < 5; ) {
            System.gc();
            LockSupport.parkNanos(20_000_000);
            long now = Pointer.totalCount();
            quiet = now < held ? 0 : quiet + 1;
            held = Math.min(held, now);
        }
        return held;
    }

    private JsonNode drawn(String name, Object... options) {
        Object[] command = {
            "generate", prior, "--out", fresh.resolve(name), "--format", "tokens", "--count", 5, "--precision", "fp32"
        };
        return done(with(command, options));
    }

    private byte[] bytes(String name) {
        try {
            return Files.readAllBytes(fresh.resolve(name));
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}
