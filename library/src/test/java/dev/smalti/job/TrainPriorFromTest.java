package dev.smalti.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.prior.Prior;
import dev.smalti.recipe.Provenance;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenFile;
import dev.smalti.train.Checkpoints;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Priors that begin from the weights of another run, looked at after one step of nearly no length. */
class TrainPriorFromTest {
    private static final int WIDTH = 8;
    private static final Offset<Double> NEARLY = within(1e-20); // the step
    private static final String DIT = "prior.network={kind: dit, layers: 1, width: 8, heads: 2}";
    private static final String ANYWHERE =
            "prior.network={kind: dit, layers: 1, width: 8, heads: 2, learnt_positions: false}";
    private static final String VQ_DIFFUSION = "prior.network={kind: vq-diffusion, layers: 1, width: 8, heads: 2}";
    private static final String LLAMA = "prior.network={kind: llama, layers: 1, width: 8, heads: 2}";
    private static final String HALTON = "prior.network={kind: halton, layers: 1, width: 8, heads: 2}";

    @TempDir
    Path folder;

    @BeforeEach
    void write_tokens() throws IOException {
        Files.writeString(folder.resolve("absorbing.yaml"), """
            held_out: 0
            prior:
              kind: absorbing
              network: {layers: 1, width: 8, heads: 2}
            training:
              {steps: 1, batch: 4, learning_rate: 1.0e-30, averaging: 0, precision: fp32, device: cpu, preview_every: 0}
            """);
        write("pets", 7, 2, 3, "cat", "dog", "fish");
        write("farm", 7, 2, 3, "hen", "cat", "fish", "pig");
        write("plain", 7, 2, 3);
    }

    private void write(String name, int codes, int height, int width, String... classes) {
        Scope.free(() -> {
            long[] grids =
                    LongStream.range(0, 8L * height * width).map(i -> i % codes).toArray();
            TokenFile.Builder file = TokenFile.of(Tensors.longs(grids).view(8, height, width), codes);
            if (classes.length > 0) {
                file.classNames(List.of(classes));
                file.labels(Tensors.longs(
                        LongStream.range(0, 8).map(i -> i % classes.length).toArray()));
            }
            try (TokenFile tokens = file.build()) {
                tokens.write(folder.resolve(name + ".safetensors"));
            }
        });
    }

    private void train(String tokens, String out, String from, boolean resume, String... overrides) {
        new TrainPrior(
                        folder.resolve("absorbing.yaml"),
                        List.of(overrides),
                        TrainPrior.Data.tokens(folder.resolve(tokens + ".safetensors"), null),
                        folder.resolve(out),
                        resume,
                        null,
                        from == null ? null : folder.resolve(from).toString())
                .run(List.of(), () -> false);
    }

    private void refused(String message, String tokens, String... overrides) {
        assertThatThrownBy(() -> train(tokens, "refused", "parent", false, overrides))
                .isInstanceOf(JobException.class)
                .hasMessageContaining(message);
        assertThat(folder.resolve("refused").resolve("model.json")).doesNotExist();
    }

    @Test
    void all_of_the_network_begins_as_the_run_was() {
        train("pets", "parent", null, false);
        train("pets", "child", "parent", false, "seed=9", "prior.label_dropping=0.3", "prior.network.dropout=0.1");
        same(tensors("child"), tensors("parent"));
        assertThat(Provenance.read(folder.resolve("child").resolve("provenance.json"))
                        .parents())
                .containsEntry("from", RunFolder.open(folder.resolve("parent")).sha256());
    }

    @Test
    void classes_of_a_name_that_is_known_keep_their_rows_and_new_ones_begin_at_the_mean() {
        train("pets", "parent", null, false);
        train("farm", "child", "parent", false);
        double[][] before = rows("parent", "cls_emb.weight", 3);
        double[][] after = rows("child", "cls_emb.weight", 4);
        double[] mean = new double[WIDTH];
        Arrays.setAll(mean, i -> (before[0][i] + before[1][i] + before[2][i]) / 3);
        close(after[0], mean);
        assertThat(after[1]).as("cat").containsExactly(before[0], NEARLY);
        assertThat(after[2]).as("fish").containsExactly(before[2], NEARLY);
        close(after[3], mean);
        assertThat(after[4]).as("no class").containsExactly(before[3], NEARLY);
        Map<String, double[]> rest = tensors("parent");
        rest.remove("cls_emb.weight");
        same(tensors("child"), rest);
    }

    @Test
    void every_network_exchanges_its_classes() {
        exchange("dit", "label_embed.weight", DIT);
        exchange("vq-diffusion", "blocks.0.ln2.emb.weight", VQ_DIFFUSION);
        exchange("llama", "classes.weight", LLAMA);
        exchange("halton", "cls_emb.weight", HALTON);
    }

    @Test
    void every_method_exchanges_its_classes() {
        String network = "network: {layers: 1, width: 8, heads: 2}";
        for (String kind : List.of("autoregressive", "maskgit", "d3pm", "vqdiffusion")) {
            exchange(kind, "cls_emb.weight", "prior={kind: " + kind + ", " + network + "}");
        }
        String dit = DIT.replace("prior.network=", "network: ");
        exchange("sedd", "label_embed.weight", "prior={kind: sedd, " + dit + "}");
        exchange("lcmd", "teacher.label_embed.weight", "prior={kind: lcmd, embedding: {dimension: 4}, " + dit + "}");
    }

    /** Trains and begins anew with other classes, of which the second was the first. */
    private void exchange(String name, String table, String prior) {
        train("pets", name, null, false, prior);
        train("farm", name + "-farm", name, false, prior);
        double[][] before = rows(name, table, 3);
        double[][] after = rows(name + "-farm", table, 4);
        assertThat(after[1]).as(name).containsExactly(before[0], NEARLY);
        assertThat(after[4]).as(name).containsExactly(before[3], NEARLY);
    }

    @Test
    void a_prior_without_classes_says_what_the_run_said_without_a_class() {
        for (String network : List.of("prior.network.deviation=0.5", DIT, LLAMA, HALTON)) {
            String name = Integer.toHexString(network.hashCode());
            train("pets", name, null, false, network, "training.learning_rate=0.1", "training.steps=3");
            train("plain", name + "-plain", name, false, network);
            train("pets", name + "-again", name + "-plain", false, network);
            double[] with = logits(name, 3L);
            close(logits(name + "-plain", null), with);
            for (long label = 0; label <= 3; label++) {
                close(logits(name + "-again", label), with);
            }
        }
    }

    @Test
    void a_network_of_other_layers_with_classes_is_refused() {
        train("pets", "parent", null, false, VQ_DIFFUSION);
        refused("knows 3 classes, and the prior would have 0", "plain", VQ_DIFFUSION);
        refused("set prior.conditional so that both have classes or neither", "plain", VQ_DIFFUSION);
    }

    @Test
    void grids_may_be_of_another_size_where_no_places_are_learnt() {
        write("turned", 7, 3, 2, "cat", "dog", "fish");
        train("pets", "anywhere", null, false, ANYWHERE);
        train("turned", "turned", "anywhere", false, ANYWHERE);
        same(tensors("turned"), tensors("anywhere"));

        train("pets", "parent", null, false);
        refused("has grids of 2x3, and", "turned");
        refused("of 3x2: take tokens of that grid", "turned");
    }

    @Test
    void another_network_method_or_vocabulary_is_refused_by_name() {
        train("pets", "parent", null, false);
        refused("set prior.network.heads to 2, got 4", "pets", "prior.network.heads=4");
        refused("set prior.network.kind to transformer, got dit", "pets", DIT);
        refused(
                "set prior.kind to absorbing, got maskgit",
                "pets",
                "prior={kind: maskgit, network: {layers: 1, width: 8, heads: 2}}");
        refused("tok_emb.weight must have shape [9, 8], got [8, 8]", "pets", "prior.masks=2");
        write("more", 9, 2, 3, "cat", "dog", "fish");
        refused("2x3 tokens of 7 codes, and", "more");
        assertThatThrownBy(() -> new TrainPrior(
                        folder.resolve("absorbing.yaml"), List.of(), null, folder, false, "teacher", "run"))
                .isInstanceOf(JobException.class)
                .hasMessageContaining("leave --from out");
    }

    @Test
    void goes_on_without_being_told_again_and_does_not_begin_again() {
        train("pets", "parent", null, false);
        String[] learning = {"training.learning_rate=0.01", "training.warm_up=0"};
        train("pets", "child", "parent", false, learning);
        double[] once = tensors("child").get("head.weight");
        train("pets", "child", null, true, "training.steps=2");
        close(tensors("child").get("head.weight"), once);
        assertThat(Checkpoints.latest(folder.resolve("child")).map(Checkpoints::step))
                .hasValue(2L);
        train("pets", "other", null, false, "seed=3");
        assertThatThrownBy(() -> train("pets", "child", "other", true, "training.steps=3"))
                .isInstanceOf(JobException.class)
                .hasMessageContaining("began with the weights");
    }

    @Test
    void a_run_that_was_stopped_before_its_first_checkpoint_is_told_again() throws IOException {
        train("pets", "parent", null, false);
        train("pets", "child", "parent", false);
        Path only = Checkpoints.latest(folder.resolve("child")).orElseThrow();
        try (Stream<Path> files = Files.list(only)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(only);
        assertThatThrownBy(() -> train("pets", "child", null, true))
                .isInstanceOf(JobException.class)
                .hasMessageContaining("--from has none: give what it began with");
        train("pets", "child", "parent", true);
        same(tensors("child"), tensors("parent"));
    }

    /** Of one grid of masks. */
    private double[] logits(String run, Long label) {
        return Scope.value(() -> {
            try (Prior prior = RunFolder.open(folder.resolve(run)).prior(Devices.cpu(), List.of())) {
                Tensor masks = Tensors.longs(7, 7, 7, 1, 7, 7).view(1, 6);
                Tensor time = Tensors.floats(0.7f);
                return Tensors.toDoubles(
                        prior.denoiser().logits(masks, time, label == null ? null : Tensors.longs(label), null));
            }
        });
    }

    private static void close(double[] ours, double[] theirs) {
        assertThat(ours).hasSameSizeAs(theirs);
        for (int i = 0; i < ours.length; i++) {
            assertThat(ours[i]).isCloseTo(theirs[i], within(1e-5 * Math.max(1, Math.abs(theirs[i]))));
        }
    }

    /** Every tensor of {@code theirs}. */
    private static void same(Map<String, double[]> ours, Map<String, double[]> theirs) {
        assertThat(theirs).isNotEmpty();
        theirs.forEach((name, values) -> assertThat(ours.get(name)).as(name).containsExactly(values, NEARLY));
    }

    /** Of each class, and of none. */
    private double[][] rows(String run, String table, int classes) {
        double[] all = tensors(run).get(table);
        int width = all.length / (classes + 1);
        double[][] rows = new double[classes + 1][];
        Arrays.setAll(rows, i -> Arrays.copyOfRange(all, i * width, (i + 1) * width));
        return rows;
    }

    private Map<String, double[]> tensors(String run) {
        Map<String, double[]> all = new TreeMap<>();
        Path file = Checkpoints.weights(Checkpoints.latest(folder.resolve(run)).orElseThrow());
        Scope.free(() -> {
            try (TensorFile tensors = TensorFile.open(file)) {
                tensors.names().forEach(name -> all.put(name, Tensors.toDoubles(tensors.tensor(name))));
            }
        });
        return all;
    }
}
