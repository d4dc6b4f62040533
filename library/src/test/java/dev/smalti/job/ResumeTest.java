package dev.smalti.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.metric.lpips.Lpips;
import dev.smalti.metric.lpips.LpipsFiles;
import dev.smalti.metric.lpips.Net;
import dev.smalti.prior.Prior;
import dev.smalti.recipe.Provenance;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.AtomicFile;
import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Phase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenFile;
import dev.smalti.train.BestCheckpoint;
import dev.smalti.train.Checkpoints;
import dev.smalti.train.NotFiniteException;
import dev.smalti.train.Run;
import dev.smalti.train.Watcher;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs that are stopped, killed or go astray. */
class ResumeTest {
    private static final BooleanSupplier NEVER = () -> false;
    private static final List<String> AS_IT_IS = List.of();

    @TempDir
    Path folder;

    @BeforeEach
    void write_recipes_images_and_tokens() throws IOException {
        Files.writeString(folder.resolve("vqgan.yaml"), """
            seed: 3
            data: {flip: true, crop: random, held_out: 0.1}
            tokenizer:
              kind: vqgan
              size: 16
              channels: 8
              multipliers: [1, 2]
              res_blocks: 1
              codebook: {codes: 16, dimension: 4, update: moving_average}
              adversarial: {start: 2, weight: 0.5, channels: 4, layers: 1}
              pixel_likelihood: true
            training:
              {steps: 6, batch: 4, accumulation: 2, learning_rate: 1.0e-3, warm_up: 3, schedule: cosine,
               averaging: 0.9, precision: fp32, device: cpu,
               log_every: 1, checkpoint_every: 100, preview_every: 3, validate_every: 6}
            """);
        Files.writeString(folder.resolve("absorbing.yaml"), """
            seed: 5
            held_out: 0.1
            prior:
              kind: absorbing
              network: {layers: 2, width: 16, heads: 2, dropout: 0.2}
            training:
              {steps: 12, batch: 8, learning_rate: 1.0e-3, warm_up: 4, schedule: cosine, weight_decay: 0.1,
               averaging: 0.9, precision: fp32, device: cpu,
               log_every: 2, checkpoint_every: 4, validate_every: 6}
            """);
        Files.writeString(folder.resolve("features.yaml"), """
            seed: 7
            data: {flip: true, crop: random, held_out: 0.1}
            classifier: {size: 16, channels: 8, multipliers: [1, 2], dropout: 0.2}
            training:
              {steps: 6, batch: 4, accumulation: 2, learning_rate: 1.0e-3, warm_up: 3, schedule: cosine,
               averaging: 0.9, precision: fp32, device: cpu, log_every: 1, checkpoint_every: 100, validate_every: 3}
            """);
        Path images = Files.createDirectory(folder.resolve("images"));
        for (int i = 0; i < 14; i++) {
            byte[] rgb = new byte[3 * 20 * 18];
            for (int j = 0; j < rgb.length; j++) {
                rgb[j] = (byte) (j * (i + 1) / 7 + 40 * i);
            }
            Pictures.writePng(images.resolve("image-" + i + ".png"), new Pixels(20, 18, rgb));
            Path labelled = folder.resolve("labelled").resolve(i % 2 == 0 ? "even" : "odd");
            Pictures.writePng(labelled.resolve("image-" + i + ".png"), new Pixels(20, 18, rgb));
        }
        Scope.free(() -> {
            long[] codes = LongStream.range(0, 40 * 6).map(i -> i * i % 7).toArray();
            long[] labels = LongStream.range(0, 40).map(i -> i % 3).toArray();
            try (TokenFile file = TokenFile.of(Tensors.longs(codes).view(40, 2, 3), 7)
                    .labels(Tensors.longs(labels))
                    .build()) {
                file.write(tokens());
            }
        });
    }

    @Test
    void a_tokenizer_stopped_after_step_3_becomes_what_it_would_have_been() {
        Path whole = folder.resolve("whole");
        Path halved = folder.resolve("halved");
        assertThat(tokenizer(whole, false, AS_IT_IS).run(List.of(), NEVER).complete())
                .isTrue();

        Run half = tokenizer(halved, false, AS_IT_IS).run(List.of(), after(3));
        assertThat(half.step()).isEqualTo(3);
        assertThat(half.complete()).isFalse();
        Run rest = tokenizer(halved, true, AS_IT_IS).run(List.of(), NEVER);
        assertThat(rest.begun()).isEqualTo(3);
        assertThat(rest.step()).isEqualTo(6);

        assertSameCheckpoints(whole, halved, 6);
        assertThat(steps(halved, "autoencoder.loss")).containsExactly(1L, 2L, 3L, 4L, 5L, 6L);
        assertThat(losses(halved, "autoencoder.loss")).isEqualTo(losses(whole, "autoencoder.loss"));
        assertThat(losses(halved, "discriminator.loss")).isEqualTo(losses(whole, "discriminator.loss"));
    }

    /** It joins at step 2. */
    @Test
    void a_tokenizer_is_judged_by_what_comes_back_once_its_discriminator_has_joined() {
        Path out = folder.resolve("out");
        tokenizer(out, false, List.of("training.keep_best=true", "training.validate_every=1"))
                .run(List.of(), NEVER);
        List<Double> distortions = losses(out, "held_out.distortion");
        assertThat(distortions).hasSize(6).allMatch(each -> each > 0);
        double least = Collections.min(distortions.subList(2, 6));
        assertThat(BestCheckpoint.of(out))
                .contains(new BestCheckpoint(distortions.lastIndexOf(least) + 1, "distortion", least));
        assertThat(Checkpoints.best(out)).isPresent();
    }

    @Test
    void a_classifier_stopped_after_step_3_becomes_what_it_would_have_been() {
        Path whole = folder.resolve("whole");
        Path halved = folder.resolve("halved");
        features(whole, false).run(List.of(), NEVER);

        assertThat(features(halved, false).run(List.of(), after(3)).step()).isEqualTo(3);
        Run rest = features(halved, true).run(List.of(), NEVER);
        assertThat(rest.begun()).isEqualTo(3);
        assertSameCheckpoints(whole, halved, 6);
        assertThat(losses(halved, "classifier.loss")).isEqualTo(losses(whole, "classifier.loss"));
        assertThat(losses(halved, "held_out.accuracy"))
                .hasSize(2)
                .allMatch(share -> share >= 0 && share <= 1)
                .isEqualTo(losses(whole, "held_out.accuracy"));
    }

    @Test
    void a_tokenizer_with_a_perceptual_loss_goes_on_the_same_and_names_its_files() {
        Path backbone = LpipsFiles.backbone(Net.ALEX, folder);
        Path linear = LpipsFiles.linear(Net.ALEX, folder);
        List<String> lpips = List.of(
                "tokenizer.size=32",
                "tokenizer.perceptual={kind: lpips, net: alex, backbone: '%s', linear: '%s'}"
                        .formatted(backbone, linear));
        Path whole = folder.resolve("whole");
        Path halved = folder.resolve("halved");
        tokenizer(whole, false, lpips).run(List.of(), NEVER);
        tokenizer(halved, false, lpips).run(List.of(), after(3));
        assertThat(tokenizer(halved, true, lpips).run(List.of(), NEVER).begun()).isEqualTo(3);

        assertSameCheckpoints(whole, halved, 6);
        assertThat(losses(halved, "autoencoder.perceptual"))
                .hasSize(6)
                .allMatch(distance -> distance > 0)
                .isEqualTo(losses(whole, "autoencoder.perceptual"));
        assertThat(Provenance.read(whole.resolve("provenance.json")).parents())
                .isEqualTo(Lpips.fingerprints(Net.ALEX, backbone, linear));
    }

    @Test
    void a_tokenizer_goes_on_the_same_with_a_perceptual_loss_by_features() {
        Path run = folder.resolve("features");
        features(run, false).run(List.of(), NEVER);
        List<String> perceptual =
                List.of("tokenizer.perceptual={kind: features, run: '%s', weight: 0.5}".formatted(run));
        Path whole = folder.resolve("whole");
        Path halved = folder.resolve("halved");
        tokenizer(whole, false, perceptual).run(List.of(), NEVER);
        tokenizer(halved, false, perceptual).run(List.of(), after(3));
        assertThat(tokenizer(halved, true, perceptual).run(List.of(), NEVER).begun())
                .isEqualTo(3);

        assertSameCheckpoints(whole, halved, 6);
        assertThat(losses(whole, "autoencoder.perceptual")).hasSize(6).allMatch(distance -> distance > 0);
        assertThat(Provenance.read(whole.resolve("provenance.json")).parents())
                .isEqualTo(Map.of("features", RunFolder.open(run).sha256()));
    }

    @Test
    void a_tokenizer_whose_perceptual_loss_lacks_its_files_is_refused_before_anything_is_written() {
        Path out = folder.resolve("out");
        List<String> lpips = List.of("tokenizer.perceptual={kind: lpips, backbone: none.pth, linear: none.pth}");
        assertThatThrownBy(() -> tokenizer(out, false, lpips).run(List.of(), NEVER))
                .isInstanceOf(BadFileException.class)
                .hasMessageContaining("none.pth: there is no such file");
        List<String> features = List.of("tokenizer.perceptual={kind: features, run: none}");
        assertThatThrownBy(() -> tokenizer(out, false, features).run(List.of(), NEVER))
                .isInstanceOf(JobException.class)
                .hasMessageContaining("none is not a run folder");
        assertThat(out).doesNotExist();
    }

    @Test
    void a_prior_stopped_after_step_5_becomes_what_it_would_have_been() {
        Path whole = folder.resolve("whole");
        Path halved = folder.resolve("halved");
        prior(whole, false, AS_IT_IS).run(List.of(), NEVER);

        assertThat(prior(halved, false, AS_IT_IS).run(List.of(), after(5)).step())
                .isEqualTo(5);
        assertThat(Checkpoints.latest(halved).orElseThrow()).hasFileName("checkpoint-5");
        prior(halved, true, AS_IT_IS).run(List.of(), NEVER);

        assertSameCheckpoints(whole, halved, 12);
        assertThat(steps(halved, "prior.loss")).containsExactly(2L, 4L, 6L, 8L, 10L, 12L);
    }

    @Test
    void a_student_stopped_after_step_5_becomes_what_it_would_have_been_and_names_its_teacher() {
        Path teacher = folder.resolve("teacher");
        prior(teacher, false, AS_IT_IS).run(List.of(), NEVER);
        Path whole = folder.resolve("whole");
        Path halved = folder.resolve("halved");
        student(whole, false, teacher).run(List.of(), NEVER);
        assertThat(student(halved, false, teacher).run(List.of(), after(5)).step())
                .isEqualTo(5);
        student(halved, true, teacher).run(List.of(), NEVER);

        assertSameCheckpoints(whole, halved, 12);
        assertThat(losses(whole, "prior.loss")).hasSize(6).isEqualTo(losses(halved, "prior.loss"));
        assertThat(losses(whole, "auxiliary.loss")).hasSize(6);
        assertThat(Provenance.read(whole.resolve("provenance.json")).parents())
                .containsEntry("teacher", RunFolder.open(teacher).sha256());
        try (Prior drawn = RunFolder.open(whole).prior(Devices.cpu(), List.of())) {
            assertThat(drawn.parameters().all().get("tok_emb.weight").size(0)).isEqualTo(7 + 3);
        }
    }

    @Test
    void a_student_goes_on_with_the_teacher_that_it_was_begun_with_alone() {
        Path teacher = folder.resolve("teacher");
        Path other = folder.resolve("other");
        prior(teacher, false, AS_IT_IS).run(List.of(), NEVER);
        prior(other, false, List.of("seed=6")).run(List.of(), NEVER);
        Path out = folder.resolve("out");
        student(out, false, teacher).run(List.of(), after(5));
        assertThatThrownBy(() -> student(out, true, other).run(List.of(), NEVER))
                .isInstanceOf(JobException.class)
                .hasMessageContainingAll(
                        out + " was begun with the teacher of weights "
                                + RunFolder.open(teacher).sha256(),
                        "has " + other + " of weights " + RunFolder.open(other).sha256());
        assertThatThrownBy(() -> prior(out, true, List.of("prior.masks=3")).run(List.of(), NEVER))
                .isInstanceOf(JobException.class)
                .hasMessageContaining("and --resume has none");
        Path plain = folder.resolve("plain");
        prior(plain, false, List.of("prior.masks=3")).run(List.of(), after(5));
        assertThatThrownBy(() -> student(plain, true, teacher).run(List.of(), NEVER))
                .isInstanceOf(JobException.class)
                .hasMessageContaining(plain + " was begun with no teacher");
        assertThat(student(out, true, teacher).run(List.of(), NEVER).begun()).isEqualTo(5);
    }

    private TrainPrior student(Path out, boolean resume, Path teacher) {
        List<String> overrides =
                List.of("prior.masks=3", "distillation={steps: 2, guidance: 1, jeffreys: 0.2, auxiliary_rate: 2}");
        return new TrainPrior(
                folder.resolve("absorbing.yaml"),
                overrides,
                TrainPrior.Data.tokens(tokens(), null),
                out,
                resume,
                teacher.toString());
    }

    @Test
    void a_prior_stopped_in_any_of_its_held_out_measures_logs_what_it_would_have_logged() throws IOException {
        Path whole = folder.resolve("whole");
        prior(whole, false, AS_IT_IS).run(List.of(), NEVER);
        for (int measure = 1; measure <= 2; measure++) {
            Path halved = folder.resolve("halved-" + measure);
            StoppingIn stopping = new StoppingIn("held-out measure", measure);

            Run half = prior(halved, false, AS_IT_IS).run(List.of(stopping), stopping);
            assertThat(half.step()).isEqualTo(6 * measure);
            assertThat(steps(halved, "held_out.bits_per_token")).hasSize(measure - 1);
            assertThat(Checkpoints.latest(halved).orElseThrow()).hasFileName("checkpoint-" + 6 * measure);
            prior(halved, true, AS_IT_IS).run(List.of(), NEVER);

            assertSameCheckpoints(whole, halved, 12);
            assertThat(withoutTimes(halved)).isEqualTo(withoutTimes(whole));
        }
    }

    @Test
    void a_tokenizer_stopped_in_its_preview_draws_it_when_it_goes_on() throws IOException {
        Path whole = folder.resolve("whole");
        Path halved = folder.resolve("halved");
        tokenizer(whole, false, AS_IT_IS).run(List.of(), NEVER);
        StoppingIn stopping = new StoppingIn("preview", 2);

        assertThat(tokenizer(halved, false, AS_IT_IS)
                        .run(List.of(stopping), stopping)
                        .step())
                .isEqualTo(6);
        assertThat(halved.resolve("preview-3.png")).hasSameBinaryContentAs(whole.resolve("preview-3.png"));
        assertThat(halved.resolve("preview-6.png")).doesNotExist();
        tokenizer(halved, true, AS_IT_IS).run(List.of(), NEVER);

        assertThat(halved.resolve("preview-6.png")).hasSameBinaryContentAs(whole.resolve("preview-6.png"));
        assertThat(withoutTimes(halved)).isEqualTo(withoutTimes(whole));
    }

    @Test
    void a_run_keeps_to_the_held_out_grids_that_it_began_with() {
        Path out = folder.resolve("out");
        prior(out, false, List.of("training.steps=6", "training.held_out_items=3", "held_out=0.2"))
                .run(List.of(), NEVER);
        prior(out, true, List.of("training.steps=12", "training.held_out_items=2", "held_out=0.2"))
                .run(List.of(), NEVER);
        assertThat(losses(out, "held_out.items")).containsExactly(3.0, 3.0);
    }

    @Test
    void a_run_that_does_not_say_how_many_it_measured_measures_all() throws IOException {
        Path out = folder.resolve("out");
        prior(out, false, List.of("training.steps=6", "held_out=0.2")).run(List.of(), NEVER);
        Path log = out.resolve("metrics.jsonl");
        Files.writeString(log, Files.readString(log).replace(",\"held_out.items\":8", ""));
        prior(out, true, List.of("training.held_out_items=2", "held_out=0.2")).run(List.of(), NEVER);
        assertThat(losses(out, "held_out.items")).containsExactly(8.0);
    }

    @Test
    void a_run_stopped_in_the_middle_of_lines_of_its_log_writes_what_it_would_have_written() throws IOException {
        List<String> often = List.of("training.log_every=5", "training.checkpoint_every=3");
        Path whole = folder.resolve("whole");
        prior(whole, false, often).run(List.of(), NEVER);
        Path halved = folder.resolve("halved");
        prior(halved, false, often).run(List.of(), after(4));
        prior(halved, true, often).run(List.of(), after(3));
        assertThatThrownBy(() -> prior(halved, true, often).run(List.of(killAfter(11)), NEVER))
                .isInstanceOf(Killed.class);
        prior(halved, true, often).run(List.of(), NEVER);
        assertThat(withoutTimes(halved)).hasSize(5).isEqualTo(withoutTimes(whole));
        assertSameCheckpoints(whole, halved, 12);
    }

    @Test
    void goes_on_from_a_checkpoint_of_a_version_that_kept_no_half_lines() throws IOException {
        Path out = folder.resolve("out");
        prior(out, false, AS_IT_IS).run(List.of(), after(5));
        Path state = out.resolve("checkpoint-5/state.json");
        ObjectNode old = (ObjectNode) new ObjectMapper().readTree(Files.readString(state));
        assertThat(old.remove("since_last_line")).as("what a line is made of").isNotNull();
        Files.writeString(state, old.toString());
        assertThat(prior(out, true, AS_IT_IS).run(List.of(), NEVER).begun()).isEqualTo(5);
        assertThat(steps(out, "prior.loss")).containsExactly(2L, 4L, 6L, 8L, 10L, 12L);
    }

    @Test
    void a_run_folder_is_trained_in_by_one_at_a_time_and_read_by_many() {
        Path out = folder.resolve("out");
        List<String> refusals = new ArrayList<>();
        Watcher second = new Watcher() {
            @Override
            public void stepped(Run run) {
                if (run.step() == 5) {
                    for (TrainPrior each : List.of(prior(out, true, AS_IT_IS), prior(out, false, AS_IT_IS))) {
                        assertThatThrownBy(() -> each.run(List.of(), NEVER))
                                .isInstanceOfSatisfying(JobException.class, e -> refusals.add(e.getMessage()));
                    }
                    RunFolder.open(out).prior(Devices.cpu(), AS_IT_IS).close();
                }
            }
        };
        assertThat(prior(out, false, AS_IT_IS).run(List.of(second), NEVER).complete())
                .isTrue();
        assertThat(refusals).hasSize(2).allMatch(each -> each.startsWith(out + " is being worked on by this process"));
        assertThat(out).isDirectoryNotContaining("glob:**.lock");
        assertThat(steps(out, "prior.loss")).containsExactly(2L, 4L, 6L, 8L, 10L, 12L);
    }

    @Test
    void begins_in_a_folder_with_nothing_but_what_a_killed_process_left() throws IOException {
        Path out = Files.createDirectory(folder.resolve("out"));
        Files.writeString(out.resolve(".smalti-inside-00000000-0000-4000-8000-000000000000.lock"), "process 1");
        Files.writeString(AtomicFile.of(out.resolve("model.json")).path(), "{");
        prior(out, false, AS_IT_IS).run(List.of(), after(1));
        assertThat(out)
                .isDirectoryNotContaining(each -> each.getFileName().toString().startsWith("."));
        Path half = Files.createDirectory(out.resolve("checkpoint-3.partial"));
        Path tokenizer = Files.createDirectory(out.resolve("tokenizer.partial"));
        prior(out, true, AS_IT_IS).run(List.of(), after(1));
        assertThat(half).doesNotExist();
        assertThat(tokenizer).doesNotExist();
    }

    @Test
    void a_prior_killed_after_step_7_goes_on_from_step_4_and_logs_each_step_once() throws IOException {
        Path whole = folder.resolve("whole");
        Path killed = folder.resolve("killed");
        prior(whole, false, AS_IT_IS).run(List.of(), NEVER);

        assertThatThrownBy(() -> prior(killed, false, AS_IT_IS).run(List.of(killAfter(7)), NEVER))
                .isInstanceOf(Killed.class);
        assertThat(steps(killed, "prior.loss")).containsExactly(2L, 4L, 6L);
        // in the middle of a line, and of the next checkpoint
        Files.writeString(killed.resolve("metrics.jsonl"), "{\"step\":7,\"prior.lo", StandardOpenOption.APPEND);
        Path partial = Files.createDirectory(killed.resolve("checkpoint-8.partial"));
        Files.writeString(partial.resolve("weights.safetensors"), "half of it");
        assertThat(Checkpoints.latest(killed).orElseThrow()).hasFileName("checkpoint-4");

        Run rest = prior(killed, true, AS_IT_IS).run(List.of(), NEVER);
        assertThat(rest.begun()).isEqualTo(4);
        assertSameCheckpoints(whole, killed, 12);
        assertThat(steps(killed, "prior.loss")).containsExactly(2L, 4L, 6L, 8L, 10L, 12L);
        assertThat(losses(killed, "prior.loss")).isEqualTo(losses(whole, "prior.loss"));
        assertThat(partial).doesNotExist();
    }

    @Test
    void a_complete_run_stays_as_it_is_when_resumed() {
        Path out = folder.resolve("out");
        prior(out, false, AS_IT_IS).run(List.of(), NEVER);
        List<Long> before = steps(out, "prior.loss");
        Run again = prior(out, true, AS_IT_IS).run(List.of(), NEVER);
        assertThat(again.step()).isEqualTo(12);
        assertThat(again.begun()).isEqualTo(12);
        assertThat(steps(out, "prior.loss")).isEqualTo(before);
    }

    @Test
    void keeps_the_newest_two_checkpoints() throws IOException {
        Path out = folder.resolve("out");
        prior(out, false, AS_IT_IS).run(List.of(), NEVER);
        try (Stream<Path> entries = Files.list(out)) {
            assertThat(entries.map(each -> each.getFileName().toString()).filter(each -> each.startsWith("checkpoint")))
                    .containsExactlyInAnyOrder("checkpoint-8", "checkpoint-12");
        }
    }

    @Test
    void a_run_that_goes_astray_stops_and_names_its_last_good_checkpoint() {
        Path out = folder.resolve("out");
        List<String> wild = List.of("training.learning_rate=1e30", "training.warm_up=0", "training.checkpoint_every=1");
        assertThatThrownBy(() -> prior(out, false, wild).run(List.of(), NEVER))
                .isInstanceOf(IllegalStateException.class)
                .hasCauseInstanceOf(NotFiniteException.class)
                .hasMessageContaining("became NaN in step 2")
                .hasMessageContaining("The last good checkpoint is " + out.resolve("checkpoint-1"))
                .hasMessageContaining("--resume")
                .hasMessageContaining("training.learning_rate");
    }

    @Test
    void a_run_that_goes_astray_before_its_first_checkpoint_says_so() {
        Path out = folder.resolve("out");
        List<String> wild = List.of("training.learning_rate=1e30", "training.warm_up=0");
        assertThatThrownBy(() -> prior(out, false, wild).run(List.of(), NEVER))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("There is no checkpoint yet");
        assertThat(Checkpoints.latest(out)).isEmpty();
    }

    @Test
    void a_prior_whose_blocks_are_computed_again_becomes_the_same_and_goes_on_without() {
        Path kept = folder.resolve("kept");
        Path again = folder.resolve("again");
        prior(kept, false, AS_IT_IS).run(List.of(), NEVER);
        prior(again, false, List.of("training.recompute=true")).run(List.of(), after(5));
        prior(again, true, AS_IT_IS).run(List.of(), NEVER);
        assertSameCheckpoints(kept, again, 12);
    }

    @Test
    void trains_without_a_limit_on_the_gradient() {
        Path out = folder.resolve("out");
        assertThat(prior(out, false, List.of("training.clip=0"))
                        .run(List.of(), NEVER)
                        .complete())
                .isTrue();
    }

    private TrainTokenizer tokenizer(Path out, boolean resume, List<String> overrides) {
        return new TrainTokenizer(
                folder.resolve("vqgan.yaml"), overrides, folder.resolve("images"), out, resume, false);
    }

    private TrainFeatures features(Path out, boolean resume) {
        return new TrainFeatures(
                folder.resolve("features.yaml"), AS_IT_IS, folder.resolve("labelled"), out, resume, false);
    }

    private TrainPrior prior(Path out, boolean resume, List<String> overrides) {
        return new TrainPrior(folder.resolve("absorbing.yaml"), overrides, tokens(), out, resume, null);
    }

    private Path tokens() {
        return folder.resolve("tokens.safetensors");
    }

    /** Asked once before each step: stops before the one that follows so many. */
    private static BooleanSupplier after(int steps) {
        int[] asked = {0};
        return () -> asked[0]++ == steps;
    }

    private static final class Killed extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    private static Watcher killAfter(long step) {
        return new Watcher() {
            @Override
            public void stepped(Run run) {
                if (run.step() == step) {
                    throw new Killed();
                }
            }
        };
    }

    /** Stops as soon as a phase of that name is seen for the n-th time. */
    private static final class StoppingIn implements Watcher, BooleanSupplier {
        private final String name;
        private final int time;
        private int seen;

        StoppingIn(String name, int time) {
            this.name = name;
            this.time = time;
        }

        @Override
        public void seen(Phase phase) {
            seen += phase.name().equals(name) && phase.done() == 0 ? 1 : 0;
        }

        @Override
        public boolean getAsBoolean() {
            return seen >= time;
        }
    }

    private static List<String> withoutTimes(Path run) throws IOException {
        return Files.readAllLines(run.resolve("metrics.jsonl")).stream()
                .map(line -> line.replaceAll("\"(items_per_second|seconds)\":[^,}]*", ""))
                .toList();
    }

    private static void assertSameCheckpoints(Path one, Path other, long step) {
        for (String file :
                List.of("weights.safetensors", "averaged.safetensors", "optimizer.safetensors", "state.json")) {
            assertThat(other.resolve("checkpoint-" + step).resolve(file))
                    .hasSameBinaryContentAs(one.resolve("checkpoint-" + step).resolve(file));
        }
    }

    /** The steps of the lines that have a measure. */
    private static List<Long> steps(Path run, String measure) {
        return lines(run, measure).stream()
                .map(line -> line.path("step").asLong())
                .toList();
    }

    private static List<Double> losses(Path run, String measure) {
        return lines(run, measure).stream()
                .map(line -> line.path(measure).asDouble())
                .toList();
    }

    private static List<JsonNode> lines(Path run, String measure) {
        List<JsonNode> lines = new ArrayList<>();
        try {
            for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
                JsonNode node = new ObjectMapper().readTree(line);
                if (node.has(measure)) {
                    lines.add(node);
                }
            }
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
        return lines;
    }
}
