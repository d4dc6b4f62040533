package dev.smalti.run;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.metric.classifier.Classifier;
import dev.smalti.network.Blueprint;
import dev.smalti.network.Parameters;
import dev.smalti.prior.Prior;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.recipe.FeaturesRecipe;
import dev.smalti.recipe.PriorRecipe;
import dev.smalti.recipe.Provenance;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.recipe.TokenizerRecipe;
import dev.smalti.tensor.AtomicFile;
import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.Excerpt;
import dev.smalti.tensor.JsonFile;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Stopping;
import dev.smalti.tensor.TensorBytes;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.WeightFile;
import dev.smalti.token.TokenSpace;
import dev.smalti.tokenizer.Tokenizer;
import dev.smalti.tokenizer.TokenizerConfiguration;
import dev.smalti.train.Checkpoints;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The folder of a run: {@code recipe.yaml}, {@code provenance.json}, {@code model.json}, {@code metrics.jsonl},
 * {@code checkpoint-<step>/}, {@code best.json} where the best of these is kept, previews and plots; a prior's also has the
 * {@code tokenizer/} of its tokens, a run folder again, with only what decoding needs.
 */
public final class RunFolder {
    private static final int FORMAT = 1;
    private static final Seed SEED = new Seed(0); // of weights that others take the place of
    private static final Pattern HALF = Pattern.compile("checkpoint-\\d+\\.partial|tokenizer\\.partial");
    private static final ObjectMapper JSON =
            new ObjectMapper().configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false);

    /** The most places of a grid that a model is trained on: 512 × 512, far beyond what attention can look at. */
    public static final int MOST_PLACES = 1 << 18;

    /** The most codes at each of them. */
    public static final int MOST_CODES_A_PLACE = 1 << 10;

    private final Path path;
    private final Description description;
    private final Path checkpoint; // null: the usual one, whenever it is asked for

    /**
     * What {@code model.json} says.
     *
     * @param kind {@code tokenizer}, {@code prior} or {@code features}
     * @param codes K of the tokens; 0 for features
     * @param height of the grid of tokens; of the images for features
     * @param width the same
     * @param depth codes at each place; 1 where the file doesn't say
     * @param classes 0 without classes
     * @param tokenizer fingerprint of the tokenizer whose tokens these are; null if unknown, and of a tokenizer whose tokens are its own
     * @param occurring the classes that training had a grid of, ascending; null if it had of all, or isn't known to have had
     *     not
     */
    public record Description(
            int format,
            String kind,
            int codes,
            int height,
            int width,
            Integer depth,
            int classes,
            List<String> classNames,
            String tokenizer,
            @JsonInclude(JsonInclude.Include.NON_NULL) List<Integer> occurring) {
        public Description {
            check(kind, classes, classNames);
            depth = depth == null ? 1 : depth;
            classNames = classNames == null
                    ? List.of()
                    : classNames.stream().map(Description::composed).toList();
            occurring = occurring == null ? null : List.copyOf(occurring);
            check(occurring, classes);
            if (!kind.equals("features")) {
                check(new TokenSpace(codes, height, width, depth));
            }
        }

        private static void check(String kind, int classes, List<String> classNames) {
            if (kind == null || kind.isBlank()) {
                throw new IllegalArgumentException("kind must be tokenizer, prior or features, and is missing");
            }
            boolean named = classNames != null && !classNames.isEmpty();
            if (classes < 0
                    || named
                            && (classNames.size() != classes
                                    || classNames.stream().anyMatch(Objects::isNull))) {
                throw new IllegalArgumentException("classNames must be a name for each of the classes or none, got "
                        + (named ? classNames.size() : 0) + " for " + classes);
            }
        }

        private static void check(List<Integer> occurring, int classes) {
            int before = -1;
            for (int each : occurring == null ? List.<Integer>of() : occurring) {
                if (each <= before || each >= classes) {
                    throw new IllegalArgumentException(
                            Phrase.of("occurring must be classes from 0 to %d, ascending, got %d behind %d")
                                    .with(classes - 1, each, before));
                }
                before = each;
            }
        }

        /** With letters as sets of images have them, whatever form an earlier version wrote. */
        public static String composed(String name) {
            return Normalizer.normalize(name, Normalizer.Form.NFC);
        }

        /** Tables of positions, and what is drawn, take memory by the places of a grid. */
        private static void check(TokenSpace space) {
            if (space.length() > MOST_PLACES || space.depth() > MOST_CODES_A_PLACE) {
                throw new IllegalArgumentException(
                        Phrase.of("the grid of tokens must have at most %,d places of at most %,d codes, got %s")
                                .with(MOST_PLACES, MOST_CODES_A_PLACE, space.grid()));
            }
        }

        public static Description tokenizer(TokenSpace space) {
            return tokenizer(space, null);
        }

        /** Of a tokenizer that was trained further without its codes changing. @param tokens fingerprint of the one that they are of; or null */
        public static Description tokenizer(TokenSpace space, String tokens) {
            return of("tokenizer", space, 0, null, tokens);
        }

        public static Description prior(TokenSpace space, int classes, List<String> classNames, String tokenizer) {
            return of("prior", space, classes, classNames, tokenizer);
        }

        /** The same of a prior that learns from grids of these classes alone. */
        public Description occurring(int[] found) {
            List<Integer> some =
                    found.length == classes ? null : IntStream.of(found).boxed().toList();
            return new Description(format, kind, codes, height, width, depth, classes, classNames, tokenizer, some);
        }

        /** Whether a run of {@code other} goes on with this one's, which may be of a version that didn't note classes. */
        private boolean continues(Description other) {
            return other.equals(this)
                    || other.equals(new Description(
                            format, kind, codes, height, width, depth, classes, classNames, tokenizer, null));
        }

        public static Description features(int size, List<String> classNames) {
            return new Description(FORMAT, "features", 0, size, size, 1, classNames.size(), classNames, null, null);
        }

        private static Description of(
                String kind, TokenSpace space, int classes, List<String> classNames, String tokenizer) {
            return new Description(
                    FORMAT,
                    kind,
                    space.codes(),
                    space.height(),
                    space.width(),
                    space.depth(),
                    classes,
                    classNames,
                    tokenizer,
                    null);
        }

        public TokenSpace space() {
            return new TokenSpace(codes, height, width, depth);
        }
    }

    private RunFolder(Path path, Description description, Path checkpoint) {
        this.path = path;
        this.description = description;
        this.checkpoint = checkpoint;
    }

    /**
     * Opens a run folder, or a bundled model by its name: one under {@code models} of {@code -Dsmalti.home} (or of the working
     * folder), else one on the class path, such as the artifact {@code smalti-model-fruits-64}, which is unpacked once into the
     * user's cache.
     *
     * @throws JobException if it is none, or of another version
     */
    public static RunFolder open(String pathOrName) {
        Path path = Path.of(pathOrName);
        if (!Files.exists(path) && pathOrName.matches("[A-Za-z0-9][A-Za-z0-9._-]*")) {
            for (Path home : homes()) {
                Path bundled = home.resolve("models").resolve(pathOrName);
                if (Files.isDirectory(bundled)) {
                    return open(bundled);
                }
            }
            return ModelJars.folder(pathOrName)
                    .map(RunFolder::open)
                    .orElseThrow(() -> new JobException(
                            "there is no run folder and no bundled model named " + pathOrName + wayOut()));
        }
        return open(path);
    }

    /** What can be opened by name, or what must be set for that. */
    private static String wayOut() {
        List<String> bundled = bundled();
        return bundled.isEmpty()
                ? Phrase.of(
                                        "; no model is bundled here: set -Dsmalti.home to Smalti's folder, which has a folder models (it is %s), or add a")
                                .with(System.getProperty("smalti.home", "not set"))
                        + " model's jar, such as smalti-model-fruits-64, to the class path"
                : "; bundled are: " + String.join(", ", bundled);
    }

    /** The names of the models that ship with the installation, and of those on the class path. */
    public static List<String> bundled() {
        Stream<String> installed = homes().stream()
                .map(home -> home.resolve("models"))
                .filter(Files::isDirectory)
                .flatMap(models -> {
                    try (Stream<Path> entries = Files.list(models)) {
                        return entries
                                .filter(entry -> Files.exists(entry.resolve("model.json")))
                                .map(entry -> entry.getFileName().toString())
                                .toList()
                                .stream();
                    } catch (IOException e) {
                        return Stream.empty();
                    }
                });
        return Stream.concat(installed, ModelJars.names().stream())
                .sorted()
                .distinct()
                .toList();
    }

    private static List<Path> homes() {
        String home = System.getProperty("smalti.home");
        return home == null ? List.of(Path.of("")) : List.of(Path.of(home));
    }

    /** {@link #open(String)} of a path. */
    public static RunFolder open(Path path) {
        Path file = path.resolve("model.json");
        if (!Files.isDirectory(path)) {
            throw new JobException(path + " is not a run folder: "
                    + (Files.exists(path) ? "it is a file" : "there is nothing of that name")
                    + "; give the --out of a training");
        }
        if (!Files.exists(file)) {
            throw new JobException(
                    path + " is not a run folder: it has no model.json" + "; give the --out of a training");
        }
        try {
            JsonNode tree = JsonFile.read(file);
            if (tree.path("format").asInt() != FORMAT) {
                throw new JobException(
                        file + " has format " + Excerpt.of(tree.path("format").asText("0"))
                                + ", and this version reads " + FORMAT + ": use the version that wrote it");
            }
            Description description = JsonFile.convert(file, tree, JSON.constructType(Description.class), JSON);
            return new RunFolder(path, description, null);
        } catch (BadFileException e) {
            throw new JobException(e.getMessage() + "; give a folder as a training writes it", e);
        }
    }

    /**
     * Claims a run folder that is about to be written into, and deletes what a killed process was in the middle of there.
     *
     * @throws JobException if another process has it, naming that
     */
    public static Claim claim(Path path) {
        Claim claim = Claim.inside(path);
        try {
            if (Files.exists(path.resolve("model.json")) || Outputs.empty(path)) {
                claim.clear(
                        path,
                        name -> AtomicFile.isPart(name) || HALF.matcher(name).matches());
            }
            return claim;
        } catch (IOException e) {
            claim.close();
            throw Outputs.failure(path, e);
        }
    }

    /**
     * Makes the folder of a new run, or opens that of one to be continued.
     *
     * @throws JobException if a new run's folder is there already, or a run to be continued is of another kind
     */
    public static RunFolder prepare(Path path, Description description, boolean resume) {
        try {
            if (Files.exists(path) && !Files.isDirectory(path)) {
                throw new JobException(path + " is a file; --out must be a new folder");
            }
            boolean filled = Files.isDirectory(path) && !Outputs.empty(path);
            if (filled && !resume) {
                throw new JobException(
                        path + " is not empty: --resume continues the run in it, or choose another --out");
            }
            if (filled && Files.exists(path.resolve("model.json"))) {
                RunFolder there = open(path);
                if (!description.continues(there.description)) {
                    throw new JobException(path + " holds another model (" + there.description + ") than the one to be "
                            + "continued (" + description + "): use its own recipe and data, or another --out");
                }
                return there;
            }
            Files.createDirectories(path);
            try (AtomicFile beside = AtomicFile.of(path.resolve("model.json"))) {
                JSON.writerWithDefaultPrettyPrinter().writeValue(beside.path().toFile(), description);
                beside.commit();
            }
            return new RunFolder(path, description, null);
        } catch (IOException e) {
            throw new IllegalStateException("run folder " + path + " cannot be made: " + e, e);
        }
    }

    public Path path() {
        return path;
    }

    public Description description() {
        return description;
    }

    public boolean isTokenizer() {
        return description.kind().equals("tokenizer");
    }

    public boolean isPrior() {
        return description.kind().equals("prior");
    }

    public boolean isFeatures() {
        return description.kind().equals("features");
    }

    /** The classifier of this run, with its averaged weights, which don't learn any more. */
    public Classifier classifier(Device device) {
        require("features", "train-features");
        return FeaturesRecipe.open(path, checkpoint(), device);
    }

    /** SHA-256 of the file with the weights that are used, in hexadecimal. */
    public String sha256() {
        return WeightFile.sha256(weightsFile(), "train the run further, with --resume");
    }

    /** The tokenizer of this run, with its averaged weights. */
    public Tokenizer tokenizer(Device device) {
        require("tokenizer", "train-tokenizer");
        TokenizerConfiguration recipe = recipe(TokenizerRecipe.class).tokenizer();
        requireFitting(nowhere -> {
            try (Tokenizer sketch = recipe.build(SEED, nowhere)) {
                return sketch.parameters().blueprint();
            }
        });
        Tokenizer tokenizer = recipe.build(SEED, device);
        try {
            load(tokenizer.parameters());
            return tokenizer;
        } catch (RuntimeException e) {
            tokenizer.close();
            throw e;
        }
    }

    /**
     * The prior of this run, with its averaged weights and changes to its recipe.
     *
     * @throws JobException if the weights do not fit the prior that the recipe says then
     */
    public Prior prior(Device device, List<String> overrides) {
        require("prior", "train-prior");
        PriorConfiguration recipe = RecipeFile.read(path.resolve("recipe.yaml"), PriorRecipe.class, overrides)
                .prior();
        requireFitting(nowhere -> {
            try (Prior sketch = recipe.build(description.space(), description.classes(), SEED, nowhere)) {
                return sketch.parameters().blueprint();
            }
        });
        Prior prior = recipe.build(description.space(), description.classes(), SEED, device);
        try {
            load(prior.parameters());
            return prior;
        } catch (RuntimeException e) {
            prior.close();
            throw e;
        }
    }

    /** Its recipe, of the type that goes with its {@linkplain Description#kind kind}. */
    public <T> T recipe(Class<T> type) {
        return RecipeFile.read(path.resolve("recipe.yaml"), type, List.of());
    }

    void require(String kind, String verb) {
        if (!description.kind().equals(kind)) {
            throw new JobException(Phrase.of("%s holds %s, and %s needed: give the --out of %s")
                    .with(
                            path,
                            isFeatures() ? "features" : "a " + description.kind(),
                            kind.equals("features") ? "features are" : "a " + kind + " is",
                            verb));
        }
    }

    /** Before a network takes memory by what the recipe and the description say: whether the weights are of it. */
    private void requireFitting(Function<Device, Blueprint> sketch) {
        Path file = weightsFile();
        Map<String, long[]> given = new LinkedHashMap<>();
        try (TensorFile weights = TensorFile.open(file)) {
            weights.shapes().forEach((name, shape) -> {
                if (used(name)) {
                    given.put(name, shape);
                }
            });
        }
        Optional<Blueprint> network = Blueprint.sketch(sketch);
        try {
            network.ifPresent(each -> each.check(given));
        } catch (IllegalArgumentException e) {
            throw new JobException(
                    Phrase.of("%s: %s; the network is that of %s and %s")
                            .with(file, e.getMessage(), path.resolve("recipe.yaml"), path.resolve("model.json")),
                    e);
        }
    }

    /** What training alone needs beside the network has a slash in its names. */
    private static boolean used(String tensor) {
        return !tensor.contains("/");
    }

    private void load(Parameters parameters) {
        Scope.free(() -> {
            try {
                parameters.load(weights());
            } catch (IllegalArgumentException e) {
                throw new JobException(weightsFile() + ": " + e.getMessage(), e);
            }
        });
    }

    /** All tensors of the network by name: the averaged weights where there are any, else the weights; in float32. */
    public Map<String, Tensor> weights() {
        Map<String, Tensor> weights = new LinkedHashMap<>();
        try (TensorFile file = TensorFile.open(weightsFile())) {
            for (String name : file.names()) {
                if (used(name)) {
                    Tensor tensor = file.tensor(name);
                    weights.put(name, tensor.is_floating_point() ? tensor.to(ScalarType.Float) : tensor);
                }
            }
        }
        return weights;
    }

    private Path weightsFile() {
        return Checkpoints.weights(checkpoint());
    }

    /** Whose weights are used: the one that was {@linkplain #at chosen}, else the {@linkplain Checkpoints#usual usual} one. */
    public Path checkpoint() {
        return checkpoint == null ? Checkpoints.usual(path).orElseThrow(this::untrained) : checkpoint;
    }

    private JobException untrained() {
        return new JobException(path + " has no checkpoint yet: train it further, with --resume");
    }

    /**
     * The same run, of which everything is of one checkpoint from now on, though others be written. A tokenizer inside keeps
     * its own.
     *
     * @param which {@code auto} for the best where one is marked and else the newest, {@code best}, {@code last}, or a step
     * @throws JobException listing the checkpoints that are there if this one isn't
     */
    public RunFolder at(String which) {
        if (Checkpoints.latest(path).isEmpty()) {
            throw untrained();
        }
        try {
            return new RunFolder(path, description, Checkpoints.chosen(path, which));
        } catch (IllegalArgumentException e) {
            throw new JobException(e.getMessage(), e);
        }
    }

    /** The same tokenizer at the checkpoint of that {@link #fingerprint}, the usual one first; empty if there is none. */
    public Optional<RunFolder> withFingerprint(String fingerprint) {
        List<String> all = new ArrayList<>();
        all.add("auto");
        Checkpoints.steps(path).forEach(step -> all.add(Long.toString(step)));
        return all.stream()
                .map(this::at)
                .filter(each -> each.fingerprint().equals(fingerprint))
                .findFirst();
    }

    /**
     * By which tokens are known to be this tokenizer's: {@link #weightsFingerprint}, or, where it was trained further without its codes
     * changing, that of the tokenizer that it began from. Of other models {@link #weightsFingerprint}.
     */
    public String fingerprint() {
        boolean others = isTokenizer() && description.tokenizer() != null;
        return others ? description.tokenizer() : weightsFingerprint();
    }

    /**
     * SHA-256 over the names and the bfloat16 values of the weights, as 16 hexadecimal digits; so a copy that was stored in half the
     * size counts as the same model, and so does a tokenizer of which a part was trained that neither codes nor images depend on.
     */
    public String weightsFingerprint() {
        Predicate<String> apart = apart();
        return Scope.value(() -> {
            try {
                MessageDigest digest = MessageDigest.getInstance("SHA-256");
                Map<String, Tensor> counted = new TreeMap<>(weights());
                counted.keySet().removeIf(apart);
                counted.forEach((name, tensor) -> {
                    Stopping.check();
                    digest.update(name.getBytes(StandardCharsets.UTF_8));
                    if (tensor.is_floating_point()) {
                        Tensor bits = tensor.to(ScalarType.BFloat16)
                                .view(ScalarType.Short)
                                .contiguous();
                        TensorBytes.of(bits).forEach(digest::update);
                    }
                });
                if (isTokenizer()) {
                    digest.update(
                            recipe(TokenizerRecipe.class).tokenizer().choosing().getBytes(StandardCharsets.UTF_8));
                }
                return HexFormat.of().formatHex(digest.digest()).substring(0, 16);
            } catch (NoSuchAlgorithmException e) {
                throw new IllegalStateException(e);
            }
        });
    }

    /** The tensors that were trained alone, on what the tokens are of. */
    private Predicate<String> apart() {
        if (!isTokenizer()) {
            return name -> false;
        }
        TokenizerConfiguration recipe = recipe(TokenizerRecipe.class).tokenizer();
        return name -> recipe.keepsTokens() && recipe.beginsAnew(name);
    }

    /** The run folder of the tokenizer that decodes this prior's tokens; null if it isn't there. */
    public RunFolder tokenizerFolder() {
        Path inside = path.resolve("tokenizer");
        return Files.exists(inside.resolve("model.json")) ? open(inside) : null;
    }

    /**
     * Writes the run folder of a model that was not trained here, whole or not at all.
     *
     * @param recipe a {@link TokenizerRecipe} or a {@link PriorRecipe}
     * @param weights of all tensors of its network, by name
     * @param tokenizer of a prior's tokens; null for none
     */
    public static void write(
            Path out,
            Description description,
            Record recipe,
            Provenance provenance,
            Map<String, Tensor> weights,
            RunFolder tokenizer) {
        try (AtomicFile beside = AtomicFile.of(out)) {
            Path folder = beside.path();
            Path checkpoint = folder.resolve("checkpoint-0");
            Files.createDirectories(checkpoint);
            JSON.writerWithDefaultPrettyPrinter()
                    .writeValue(folder.resolve("model.json").toFile(), description);
            RecipeFile.write(folder.resolve("recipe.yaml"), recipe);
            provenance.write(folder.resolve("provenance.json"));
            TensorFile.write(checkpoint.resolve("averaged.safetensors"), weights, Map.of("format", "smalti"));
            if (tokenizer != null) {
                tokenizer.fill(folder.resolve("tokenizer"), ScalarType.Float);
            }
            beside.commit();
        } catch (IOException e) {
            throw new UncheckedIOException("run folder " + out + " cannot be written: " + e, e);
        }
    }

    /**
     * Copies what generating or decoding needs to {@code target}, of a prior with its tokenizer: no optimizer, no
     * discriminator, no pictures. The copy is whole or not there.
     */
    public void copyModel(Path target, ScalarType dtype) {
        try (AtomicFile beside = AtomicFile.of(target)) {
            fill(beside.path(), dtype);
            beside.commit();
        } catch (IOException e) {
            throw new UncheckedIOException("model " + path + " cannot be copied to " + target + ": " + e, e);
        }
    }

    private void fill(Path target, ScalarType dtype) throws IOException {
        Path checkpoint = target.resolve(checkpoint().getFileName());
        Files.createDirectories(checkpoint);
        for (String name : List.of("recipe.yaml", "provenance.json", "model.json", "steps.json")) {
            if (Files.exists(path.resolve(name))) {
                Files.copy(path.resolve(name), target.resolve(name));
            }
        }
        Scope.free(() -> {
            Map<String, Tensor> weights = new LinkedHashMap<>();
            weights()
                    .forEach((name, tensor) ->
                            weights.put(name, tensor.is_floating_point() ? tensor.to(dtype) : tensor));
            TensorFile.write(checkpoint.resolve("averaged.safetensors"), weights, Map.of("format", "smalti"));
        });
        RunFolder inside = tokenizerFolder();
        if (inside != null) {
            inside.fill(target.resolve("tokenizer"), dtype);
        }
    }
}
