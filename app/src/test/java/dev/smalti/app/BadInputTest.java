package dev.smalti.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.data.Pictures;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import javax.imageio.ImageIO;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BadInputTest {
    @TempDir
    private static Path folder;

    private static TinyWorld world;
    private static Path images;
    private static Path tokenizer;
    private static Path tokens;
    private static Path model;
    private static Path unconditional;

    @TempDir
    private Path fresh;

    @BeforeAll
    static void trains_a_tokenizer_and_two_priors() {
        world = new TinyWorld(folder);
        tokenizer = world.tokenizer();
        images = folder.resolve("images");
        tokens = world.tokens(tokenizer);
        model = world.prior("prior", tokens);
        unconditional = world.prior("unconditional", tokens, "prior.conditional=false");
    }

    @Test
    void suggests_the_verb_and_the_option_that_were_meant() {
        refused(Command.run("genrate"), "verb genrate", "did you mean generate?");
        refused(Command.run("generate", model, "--out", fresh.resolve("o"), "--cuont", 3), "--cuont");
        refused(Command.run("generate", model, "--out", fresh.resolve("o"), "--temprature", 3), "--temperature?");
        refused(Command.run("generate", model), "--out");
        refused(Command.run("generate", model, "--out", fresh.resolve("o"), "--count", "many"), "--count", "many");
        refused(Command.run("likelihood", model), "--tokens");
        assertThat(Command.run().code()).isEqualTo(2);
        assertThat(Command.run("--help").code()).isZero();
    }

    @Test
    void names_a_folder_of_data_that_is_missing_or_empty() throws IOException {
        Path empty = Files.createDirectories(fresh.resolve("empty"));
        Path missing = fresh.resolve("missing");
        refused(encode(missing), "missing", "does not exist");
        refused(encode(empty), "empty", "no pictures");
        refused(
                Command.run("train-tokenizer", world.tokenizerRecipe(), "--data", empty, "--out", fresh.resolve("run")),
                "no pictures");
        assertThat(fresh.resolve("run")).doesNotExist();
        assertThat(fresh.resolve("t.safetensors")).doesNotExist();
    }

    @Test
    void a_papers_recipe_says_what_its_perceptual_loss_needs_and_trains_without_it_when_told_to() {
        Path recipe = Path.of("..", "recipes", "papers", "unleashing-faces-vqgan.yaml");
        Path run = fresh.resolve("run");
        refused(
                Command.run("train-tokenizer", recipe, "--data", images, "--out", run),
                "torchvision's vgg16-397923af.pth",
                "lpips/weights/v0.1/vgg.pth",
                "--set tokenizer.perceptual=null");
        assertThat(run).doesNotExist();
        Object[] small = Stream.of(
                        "tokenizer.perceptual=null",
                        "tokenizer.size=16",
                        "tokenizer.channels=8",
                        "tokenizer.multipliers=[1, 1]",
                        "tokenizer.attention=[8]",
                        "tokenizer.codebook.dimension=4",
                        "tokenizer.adversarial={start: 0, channels: 8, layers: 1}",
                        "training.steps=1",
                        "training.batch=2")
                .flatMap(each -> Stream.of("--set", each))
                .toArray();
        Object[] words = Stream.concat(
                        Stream.of("train-tokenizer", recipe, "--data", images, "--out", run), Arrays.stream(small))
                .toArray();
        assertThat(Command.run(words).code()).isZero();
        assertThat(run.resolve("recipe.yaml")).exists();
    }

    @Test
    void a_codebook_that_no_machine_has_memory_for_is_refused_before_any_is_taken() {
        Path huge = fresh.resolve("huge.safetensors");
        Scope.free(() -> TensorFile.write(
                huge,
                Map.of("codes", Tensors.longs(0, 1, 2, 3).reshape(2, 1, 2)),
                Map.of("codebook_size", "2000000000")));
        Path run = fresh.resolve("run");
        refused(
                Command.run("train-prior", world.priorRecipe(), "--tokens", huge, "--out", run),
                "huge.safetensors",
                "million parameters",
                "more memory");
        assertThat(run).doesNotExist();
    }

    @Test
    void names_a_truncated_jpeg_or_leaves_it_out_on_request() throws IOException {
        ByteArrayOutputStream jpeg = new ByteArrayOutputStream();
        ImageIO.write(TinyWorld.image("blue", 1).toBufferedImage(), "jpg", jpeg);
        Path data = Files.createDirectories(fresh.resolve("data"));
        Files.write(data.resolve("cut.jpg"), Arrays.copyOf(jpeg.toByteArray(), jpeg.size() * 2 / 3));
        Pictures.writePng(data.resolve("whole.png"), TinyWorld.image("blue", 2));
        refused(encode(data), "cut.jpg");
        assertThat(fresh.resolve("t.safetensors")).doesNotExist();
        Command skipped = Command.run(
                "encode", tokenizer, "--data", data, "--out", fresh.resolve("t.safetensors"), "--skip-bad", "--json");
        assertThat(skipped.code()).as(skipped.err()).isZero();
        assertThat(skipped.json().get("images").asInt()).isEqualTo(1);
        assertThat(skipped.json().get("skipped").asInt()).isEqualTo(1);
    }

    @Test
    void names_a_text_that_is_called_a_picture() throws IOException {
        Path data = Files.createDirectories(fresh.resolve("data"));
        Files.writeString(data.resolve("note.png"), "this is no picture");
        refused(encode(data), "note.png");
    }

    @Test
    void refuses_a_zip_whose_names_lead_out_of_its_folder() throws IOException {
        Path zip = fresh.resolve("evil.zip");
        try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(zip))) {
            out.putNextEntry(new ZipEntry("../evil.png"));
            out.write(1);
            out.closeEntry();
        }
        refused(encode(zip), "evil.zip", "../evil.png");
    }

    @Test
    void refuses_tokens_beyond_the_codebook() {
        Path bad = fresh.resolve("bad.safetensors");
        Scope.free(() -> {
            Tensor codes = Tensors.longs(0, 1, 2, 16).view(1, 2, 2);
            TensorFile.write(bad, Map.of("codes", codes), Map.of("codebook_size", "16"));
        });
        refused(
                Command.run("train-prior", world.priorRecipe(), "--tokens", bad, "--out", fresh.resolve("run")),
                "bad.safetensors",
                "below 16, got 16");
        refused(Command.run("info", bad), "below 16");
        refused(Command.run("likelihood", model, "--tokens", bad), "below 16");
        assertThat(fresh.resolve("run")).doesNotExist();
    }

    @Test
    void names_what_is_wrong_with_a_recipe() throws IOException {
        String good = Files.readString(world.priorRecipe());
        Path wrongType = world.write("wrong.yaml", good.replace("steps: 6", "steps: lots"));
        refused(train(wrongType), "training.steps", "lots");
        Path unknown = world.write("unknown.yaml", good.replace("learning_rate", "lerning_rate"));
        refused(train(unknown), "lerning_rate", "learning_rate");
        refused(train(fresh.resolve("none.yaml")), "none.yaml");
        refused(train(world.priorRecipe(), "--set", "training.stepz=5"), "training.stepz", "steps");
        refused(train(world.tokenizerRecipe()), "unknown key tokenizer", "prior");
        assertThat(fresh.resolve("run")).doesNotExist();
    }

    @Test
    void refuses_a_run_folder_of_another_version_and_what_is_none() throws IOException {
        Path later = Files.createDirectories(fresh.resolve("later"));
        String description = Files.readString(model.resolve("model.json"));
        Files.writeString(later.resolve("model.json"), description.replaceFirst("\"format\" : 1", "\"format\" : 2"));
        refused(generate(later, fresh.resolve("o")), "format 2", "reads 1");
        refused(Command.run("info", later), "format 2");
        refused(generate(tokenizer, fresh.resolve("o")), "tokenizer", "train-prior");
        refused(generate(fresh.resolve("nothing"), fresh.resolve("o")), "nothing");
        refused(generate("no-such-model", fresh.resolve("o")), "no-such-model");
        Files.writeString(later.resolve("model.json"), "{");
        refused(generate(later, fresh.resolve("o")), "model.json");
        assertThat(fresh.resolve("o")).doesNotExist();
    }

    @Test
    void a_damaged_checkpoint_is_refused_by_its_file_and_the_run_is_left_as_it_was() throws IOException {
        refusedToResume(
                "optimizer.safetensors",
                BadInputTest::reshape,
                "exp_avg.pos_emb must have shape [1, 16, 16], got [256]");
        refusedToResume("weights.safetensors", BadInputTest::rename, "missing tok_emb.weight");
        refusedToResume("averaged.safetensors", copy -> Files.write(copy, cut(copy)), "truncated");
        refusedToResume("optimizer.safetensors", Files::delete, "no such file");
        refusedToResume("state.json", Files::delete, "no such file");
        refusedToResume("state.json", copy -> Files.writeString(copy, "{\"format\": 1"), "not valid JSON");
        refusedToResume("state.json", copy -> Files.writeString(copy, "{\"format\": 1}"), "step must be 6");
        refusedToResume("state.json", copy -> Files.writeString(copy, "{\"format\": 7}"), "format 7");
    }

    private interface Damage {
        void to(Path file) throws IOException;
    }

    private void refusedToResume(String file, Damage damage, String words) throws IOException {
        Path copy = copy(unconditional);
        damage.to(copy.resolve("checkpoint-6").resolve(file));
        String recipe = Files.readString(copy.resolve("recipe.yaml"));
        Command resumed = Command.run(
                "train-prior",
                copy.resolve("recipe.yaml"),
                "--tokens",
                tokens,
                "--set",
                "training.steps=8",
                "--out",
                copy,
                "--resume");
        refused(resumed, "checkpoint-6", file, words, "go on from checkpoint-3");
        assertThat(copy.resolve("recipe.yaml")).hasContent(recipe);
    }

    private static byte[] cut(Path file) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        return Arrays.copyOf(bytes, bytes.length / 2);
    }

    private static void reshape(Path file) {
        rewrite(file, UnaryOperator.identity(), tensor -> tensor.dim() > 1 ? tensor.flatten() : tensor);
    }

    private static void rename(Path file) {
        rewrite(file, name -> "x" + name, tensor -> tensor);
    }

    private static void rewrite(Path file, UnaryOperator<String> names, UnaryOperator<Tensor> tensors) {
        Scope.free(() -> {
            Map<String, Tensor> all = new LinkedHashMap<>();
            try (TensorFile open = TensorFile.open(file)) {
                open.tensors().forEach((name, tensor) -> all.put(names.apply(name), tensors.apply(tensor)));
            }
            TensorFile.write(file, all, Map.of());
        });
    }

    private Path copy(Path run) throws IOException {
        Path copy = Files.createTempDirectory(fresh, "copy");
        try (Stream<Path> files = Files.walk(run)) {
            for (Path each : files.filter(Files::isRegularFile).toList()) {
                Path to = copy.resolve(run.relativize(each));
                Files.createDirectories(to.getParent());
                Files.copy(each, to);
            }
        }
        return copy;
    }

    @Test
    void info_tells_what_can_be_read_of_a_log_and_refuses_other_broken_files_by_name() throws IOException {
        Path copy = copy(unconditional);
        byte[] log = Files.readAllBytes(copy.resolve("metrics.jsonl"));
        Files.write(copy.resolve("metrics.jsonl"), new byte[] {(byte) 0xff, (byte) 0xfe, '\n'});
        Files.write(copy.resolve("metrics.jsonl"), log, StandardOpenOption.APPEND);
        JsonNode facts = Command.run("info", copy, "--json").json();
        assertThat(facts.path("training").path("step").asInt()).isEqualTo(6);
        assertThat(facts.path("recipe").path("prior").path("kind").asText()).isEqualTo("absorbing");
        Files.writeString(copy.resolve("provenance.json"), "[1]");
        refused(Command.run("info", copy), "provenance.json", "one JSON object");
        Files.writeString(copy.resolve("steps.json"), "{\"8\": {\"times\": 3}}");
        refused(Command.run("info", copy), "steps.json", "times must be a list");
        Files.writeString(copy.resolve("recipe.yaml"), "prior: [" + "x".repeat(100_000));
        refused(Command.run("info", copy), "recipe.yaml", "not valid YAML");
        Files.writeString(copy.resolve("model.json"), "{\"format\": 1, \"codes\": 16}");
        refused(Command.run("info", copy), "model.json", "kind must be");
    }

    @Test
    void writes_into_no_folder_that_holds_something() throws IOException {
        Path out = Files.createDirectories(fresh.resolve("full"));
        Files.writeString(out.resolve("mine.txt"), "mine");
        refused(generate(model, out), "not empty", "another --out");
        assertThat(out.resolve("mine.txt")).hasContent("mine");
        refused(generate(model, out, "--format", "npz"), "is a folder");
        refused(generate(model, out.resolve("mine.txt")), "is a file");
        refused(
                Command.run("train-prior", world.priorRecipe(), "--tokens", tokens, "--out", out),
                "not empty",
                "--resume");
    }

    @Test
    void suggests_the_class_that_was_meant() {
        refused(generate(model, fresh.resolve("o"), "--label", "Red Strip"), "Red Strip", "did you mean Red Stripe?");
        refused(generate(unconditional, fresh.resolve("o"), "--label", "blue"), "without classes");
        refused(
                generate(model, fresh.resolve("o"), "--count", 1, "--label", "blue", "--label", "Purple"),
                "no class Purple");
        assertThat(fresh.resolve("o")).doesNotExist();
    }

    @Test
    void refuses_sampling_that_the_model_cannot_do() throws IOException {
        Path out = fresh.resolve("o");
        refused(generate(unconditional, out, "--guidance", 2), "guidance needs a model with classes");
        refused(generate(model, out, "--steps", 17), "steps must be at most the 16");
        refused(generate(model, out, "--steps", 0), "--steps");
        refused(generate(model, out, "--temperature", 0), "temperature");
        refused(generate(model, out, "--top-p", 1.5), "top-p");
        refused(generate(model, out, "--guidance", 1, "--guidance-schedule", "sine"), "--guidance-schedule", "sine");
        refused(generate(model, out, "--size", "8x33"), "4 pixels", "16x16", "8x33", "16x32 or 16x36");
        refused(generate(model, out, "--size", "12x12"), "nearest that works is 16x16");
        refused(generate(model, out, "--size", "40000x40000"), "100,000,000 pixels", "40000x40000");
        refused(generate(model, out, "--size", "32x32", "--stride", 5), "stride must be from 1 to 4", "got 5");
        refused(generate(model, out, "--size", "32x32", "--stride", 0), "--stride must be at least 1, got 0");
        refused(generate(model, out, "--stride", 2), "stride needs a size");
        refused(generate(model, out, "--windows", "all"), "all windows");
        refused(generate(model, out, "--windows", "random"), "windows need a size");
        refused(generate(model, out, "--size", "32x32", "--windows", "all", "--stride", 2), "leave it out");
        refused(generate(model, out, "--size", "big"), "HEIGHTxWIDTH");
        refused(generate(model, out, "--device", "gpu"), "device");
        refused(generate(model, out, "--batch", 0), "batch");
        refused(generate(model, out, "--count", 0), "count");
        try (Stream<Path> left = Files.list(fresh)) {
            assertThat(left).isEmpty();
        }
    }

    @Test
    void leaves_nothing_behind_when_the_disk_is_full() throws IOException, InterruptedException {
        Path disk = Files.createDirectories(fresh.resolve("disk"));
        assumeTrue(done("mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", disk.toString()), "needs root and tmpfs");
        try {
            for (Object[] how : new Object[][] {{"out", "png"}, {"out.npz", "npz"}, {"out.safetensors", "tokens"}}) {
                Command full = generate(
                        model, disk.resolve(how[0].toString()), "--count", 1500, "--steps", 1, "--format", how[1]);
                assertThat(full.code()).as(full.err()).isEqualTo(1);
                assertThat(full.err().strip()).hasLineCount(1).contains("the disk is full");
                try (Stream<Path> left = Files.list(disk)) {
                    assertThat(left).isEmpty();
                }
            }
            Path run = disk.resolve("run");
            Command training = Command.run("train-prior", world.priorRecipe(), "--tokens", tokens, "--out", run);
            assertThat(training.code()).as(training.err()).isEqualTo(1);
            assertThat(training.err()).contains("the disk is full").doesNotContain("\tat ");
        } finally {
            assertThat(done("umount", disk.toString())).isTrue();
        }
    }

    private static boolean done(String... command) throws InterruptedException {
        try {
            return new ProcessBuilder(command).start().waitFor() == 0;
        } catch (IOException e) {
            return false;
        }
    }

    private Command encode(Path data) {
        return Command.run("encode", tokenizer, "--data", data, "--out", fresh.resolve("t.safetensors"));
    }

    private Command train(Path recipe, Object... more) {
        return Command.run(
                joined(new Object[] {"train-prior", recipe, "--tokens", tokens, "--out", fresh.resolve("run")}, more));
    }

    private static Command generate(Object model, Path out, Object... more) {
        return Command.run(joined(new Object[] {"generate", model, "--out", out}, more));
    }

    private static Object[] joined(Object[] first, Object[] more) {
        return Stream.concat(Arrays.stream(first), Arrays.stream(more)).toArray();
    }

    /** Exit code 2, nothing on standard output, and one line on standard error that says all these. */
    private static void refused(Command command, String... words) {
        assertThat(command.code()).as(command.err()).isEqualTo(2);
        assertThat(command.out()).isEmpty();
        assertThat(command.err().strip())
                .hasLineCount(1)
                .hasSizeLessThan(1010)
                .startsWith("smalti: ")
                .contains(words);
    }
}
