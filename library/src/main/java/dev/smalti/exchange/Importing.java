package dev.smalti.exchange;

import dev.smalti.exchange.PublishedKind.Asked;
import dev.smalti.network.Blueprint;
import dev.smalti.prior.Prior;
import dev.smalti.recipe.Nearest;
import dev.smalti.recipe.PriorRecipe;
import dev.smalti.recipe.Provenance;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.recipe.TokenizerRecipe;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Excerpt;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Stopping;
import dev.smalti.tensor.WeightArchive;
import dev.smalti.token.TokenSpace;
import dev.smalti.tokenizer.Tokenizer;
import dev.smalti.train.TrainingConfiguration;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** A file of published weights whose kind was recognised and whose names are all accounted for; then a run folder. */
public final class Importing implements AutoCloseable {
    private static final Seed SEED = new Seed(0); // of weights that others take the place of
    private static final int SHOWN = 6;
    private static final Pattern COUNT =
            Pattern.compile("(.*\\.)?(Lt_count|uses)"); // of ours, what whole numbers may be
    private static final long FURTHER = 20_000; // steps, for who trains what was imported further

    private final WeightArchive file;
    private final PublishedKinds.Found found;
    private final Record recipe;
    private final RunFolder.Description description;
    private final Map<String, long[]> shapes; // of ours
    private final Map<String, Origin> origins; // of ours
    private final Map<String, Integer> leftOut; // how many tensors of theirs, by reason
    private final String hint; // null without one

    private Importing(
            WeightArchive file,
            PublishedKinds.Found found,
            Translation translation,
            Network network,
            RunFolder tokenizer) {
        this.file = file;
        this.found = found;
        this.recipe = network.recipe();
        this.description = network.description();
        this.shapes = network.shapes();
        this.origins = new LinkedHashMap<>();
        shapes.keySet().forEach(ours -> origins.put(ours, translation.origins().apply(ours)));
        this.leftOut = account(translation, file.path());
        this.hint = tokenizer == null ? null : hint(description.space(), tokenizer);
    }

    /** What of ours computes the same. */
    private record Network(Record recipe, RunFolder.Description description, Map<String, long[]> shapes) {}

    /**
     * Opens a file and finds out what it is; no number of it is read yet.
     *
     * @param kind null for the one that its names say
     * @param tokenizer of a prior's tokens; null if it is to draw tokens and no images
     * @param overrides changes to the recipe that its shapes say, such as {@code prior.network.heads=8}
     * @throws BadFileException naming what is missing, foreign, or of another shape
     * @throws IllegalArgumentException if there is no such kind
     * @throws JobException if the tokenizer, or the names of classes, don't fit
     */
    public static Importing open(Path path, String kind, Asked asked, RunFolder tokenizer, List<String> overrides) {
        WeightArchive file = WeightArchive.open(path);
        try {
            PublishedKinds.Found found = PublishedKinds.find(file, kind);
            return of(file, found, asked, tokenizer, overrides);
        } catch (RuntimeException | Error e) {
            file.close();
            throw e;
        }
    }

    private static Importing of(
            WeightArchive file, PublishedKinds.Found found, Asked asked, RunFolder tokenizer, List<String> overrides) {
        Path path = file.path();
        Asked told = tokenizer == null
                ? asked
                : new Asked(
                        asked.size(),
                        asked.classNames(),
                        tokenizer.description().codes());
        String name = path + ", as " + found.kind().title() + ",";
        try {
            Translation translation = found.kind().translate(found.weights(), told);
            Network network = translation.subject() instanceof Subject.OfPrior prior
                    ? ofPrior(prior, name, asked, tokenizer, overrides)
                    : ofTokenizer((Subject.OfTokenizer) translation.subject(), name, asked, tokenizer, overrides);
            return new Importing(file, found, translation, network, tokenizer);
        } catch (BadFileException e) {
            throw e;
        } catch (IllegalArgumentException e) { // of a configuration with what the shapes say
            throw new BadFileException(
                    path, "can't be computed here as " + found.kind().title() + ": " + e.getMessage(), e);
        } catch (ArithmeticException | IndexOutOfBoundsException e) {
            throw new BadFileException(
                    path, "has shapes that " + found.kind().title() + " can't have: " + e.getMessage(), e);
        }
    }

    private static Network ofTokenizer(
            Subject.OfTokenizer subject, String name, Asked asked, RunFolder tokenizer, List<String> overrides) {
        if (tokenizer != null || !asked.classNames().isEmpty()) {
            throw new JobException(name + " is a tokenizer, and "
                    + (tokenizer == null ? "--classes is" : "--tokenizer is") + " for a prior: leave it out");
        }
        TokenizerRecipe made = RecipeFile.changed(
                new TokenizerRecipe(null, null, subject.configuration(), further(4, 1.8e-5)),
                name,
                TokenizerRecipe.class,
                overrides);
        TokenSpace[] space = new TokenSpace[1];
        Map<String, long[]> shapes = shapes(name, device -> {
            try (Tokenizer sketch = made.tokenizer().build(SEED, device)) {
                space[0] = sketch.space();
                return sketch.parameters().blueprint();
            }
        });
        return new Network(made, RunFolder.Description.tokenizer(space[0]), shapes);
    }

    private static Network ofPrior(
            Subject.OfPrior subject, String name, Asked asked, RunFolder tokenizer, List<String> overrides) {
        int classes = subject.classes();
        checkPlaces(subject.space());
        if (!asked.classNames().isEmpty() && asked.classNames().size() != classes) {
            throw new JobException(
                    Phrase.of("%s has %d classes, and --classes names %d: a line for each, in their order")
                            .with(name, classes, asked.classNames().size()));
        }
        PriorRecipe made = RecipeFile.changed(
                new PriorRecipe(null, null, null, subject.configuration(), further(32, 1e-4), null),
                name,
                PriorRecipe.class,
                overrides);
        Map<String, long[]> shapes = shapes(name, device -> {
            try (Prior sketch = made.prior().build(subject.space(), classes, SEED, device)) {
                return sketch.parameters().blueprint();
            }
        });
        String fingerprint = tokenizer == null ? null : fitting(tokenizer, subject.space(), name);
        return new Network(
                made, RunFolder.Description.prior(subject.space(), classes, asked.classNames(), fingerprint), shapes);
    }

    /** Before a network is laid out by it, which may be for no grid of so many. */
    private static void checkPlaces(TokenSpace space) {
        if (space.length() > RunFolder.MOST_PLACES) {
            throw new IllegalArgumentException(Phrase.of("the grid of tokens must have at most %,d places, got %s")
                    .with(RunFolder.MOST_PLACES, space.grid()));
        }
    }

    /** @return the tokenizer's fingerprint */
    private static String fitting(RunFolder tokenizer, TokenSpace space, String name) {
        TokenSpace other = tokenizer.description().space();
        if (other.codes() != space.codes() || other.depth() != space.depth()) {
            throw new JobException(
                    Phrase.of("%s knows %s codes, and the tokenizer %s has %s: give the one of its tokens")
                            .with(name, space.codes(), tokenizer.path(), other.codes()));
        }
        return tokenizer.fingerprint();
    }

    private static Map<String, long[]> shapes(String name, Function<Device, Blueprint> sketch) {
        return Blueprint.sketch(sketch)
                .orElseThrow(() -> new IllegalStateException(name + " can't be laid out without numbers"))
                .shapes();
    }

    /** How it would be trained further; what an imported model was trained by isn't known here. */
    private static TrainingConfiguration further(int batch, double learningRate) {
        return TrainingConfiguration.of(FURTHER, batch, learningRate, null, null);
    }

    /** Each of their tensors must be taken, or left out for a reason; each of ours must be made of some that are there. */
    private Map<String, Integer> account(Translation translation, Path path) {
        Set<String> wanted = new LinkedHashSet<>();
        origins.values().forEach(origin -> wanted.addAll(origin.names()));
        Set<String> theirs = found.weights().shapes().keySet();
        List<String> missing =
                wanted.stream().filter(name -> !theirs.contains(name)).toList();
        Map<String, Integer> reasons = new TreeMap<>();
        List<String> foreign = new ArrayList<>();
        for (String name : theirs) {
            if (!wanted.contains(name)) {
                Optional<String> reason = translation.leftOut().apply(name);
                reason.ifPresent(why -> reasons.merge(why, 1, Integer::sum));
                if (reason.isEmpty()) {
                    foreign.add(name);
                }
            }
        }
        List<String> clauses = new ArrayList<>();
        if (!missing.isEmpty()) {
            clauses.add(Phrase.of("lacks %d of its tensors: %s").with(missing.size(), listed(missing, foreign)));
        }
        if (!foreign.isEmpty()) {
            clauses.add(Phrase.of("has %d that are unknown: %s").with(foreign.size(), listed(foreign, missing)));
        }
        if (!clauses.isEmpty()) {
            throw new BadFileException(
                    path, Phrase.of("must hold %s, and %s").with(found.kind().title(), String.join("; it ", clauses)));
        }
        return reasons;
    }

    /** Each with the nearest of the others, where one is near. */
    private static String listed(List<String> names, List<String> others) {
        List<String> few = others.stream().limit(1_000).toList();
        return names.stream()
                        .limit(SHOWN)
                        .map(name -> Excerpt.of(name)
                                + Nearest.name(name, few)
                                        .map(near -> " (near it is " + Excerpt.of(near) + ")")
                                        .orElse(""))
                        .collect(Collectors.joining(", "))
                + (names.size() > SHOWN ? ", …" : "");
    }

    /** The kind that was recognised. */
    public PublishedKind kind() {
        return found.kind();
    }

    /** What {@code model.json} will say. */
    public RunFolder.Description description() {
        return description;
    }

    /** How many tensors of the file are not needed, by reason. */
    public Map<String, Integer> leftOut() {
        return leftOut;
    }

    /** What should be looked at though it was imported: a tokenizer that is for images of another size than the prior. */
    public Optional<String> hint() {
        return Optional.ofNullable(hint);
    }

    /** Null where the tokenizer's usual grid is the prior's, or no size of square images has the prior's. */
    private static String hint(TokenSpace space, RunFolder tokenizer) {
        TokenSpace usual = tokenizer.description().space();
        if (space.grid().equals(usual.grid())) {
            return null;
        }
        int size = tokenizer.recipe(TokenizerRecipe.class).tokenizer().size();
        long wanted = (long) size * space.height() / usual.height();
        boolean square = wanted * usual.height() == (long) size * space.height()
                && (long) space.height() * usual.width() == (long) space.width() * usual.height();
        return !square
                ? null
                : Phrase.of(
                                "the tokenizer was imported for %d pixels; import it with --size %d so that encode and likelihood"
                                        + " see images as this prior does")
                        .with(size, wanted);
    }

    /** How many of its tensors are taken, and in what container they lie. */
    public String contents() {
        return Phrase.of("%d tensors of %s").with(shapes.size(), file.container());
    }

    /** How many numbers they hold. */
    public long parameters() {
        return shapes.values().stream()
                .mapToLong(shape -> Arrays.stream(shape).reduce(1, Math::multiplyExact))
                .sum();
    }

    /**
     * Reads the numbers and writes a new run folder, whole or not at all.
     *
     * @param tokenizer that was given to {@link #open}
     */
    public void write(Path out, RunFolder tokenizer) {
        Map<String, String> notes = new LinkedHashMap<>();
        notes.put("imported_kind", found.kind().name());
        notes.put("imported_file", String.valueOf(file.path().getFileName()));
        notes.put("imported_container", file.container());
        leftOut.forEach((reason, count) -> notes.put("left_out_" + reason.replace(' ', '_'), Integer.toString(count)));
        Map<String, String> parents = tokenizer == null ? Map.of() : Map.of("tokenizer", description.tokenizer());
        Provenance provenance = Provenance.of(
                        0, String.valueOf(file.path().getFileName()), "sha256:" + file.sha256(), parents)
                .noting(notes);
        Scope.free(() -> RunFolder.write(out, description, recipe, provenance, weights(), tokenizer));
    }

    private Map<String, Tensor> weights() {
        found.weights()
                .checkHeld(origins.values().stream()
                        .flatMap(origin -> origin.names().stream())
                        .toList());
        Map<String, Tensor> weights = new LinkedHashMap<>();
        shapes.forEach((name, shape) -> {
            Stopping.check();
            Origin origin = origins.get(name);
            Tensor tensor = Scope.keep(() -> {
                Tensor made = made(name, origin);
                return made.scalar_type().intern() == ScalarType.Double ? made.to(ScalarType.Float) : made.contiguous();
            });
            if (!Arrays.equals(Dims.of(tensor), shape)) {
                throw new BadFileException(
                        file.path(),
                        Phrase.of("must have %s of shape %s as %s, has %s")
                                .with(
                                        Excerpt.of(String.join(" and ", origin.names())),
                                        Dims.text(shape),
                                        name,
                                        Dims.text(Dims.of(tensor))));
            }
            boolean finite = Scope.value(() -> tensor.isfinite().all().item_bool());
            if (!finite) {
                throw new BadFileException(
                        file.path(),
                        "must have finite numbers in "
                                + Excerpt.of(origin.names().get(0)));
            }
            weights.put(name, tensor);
        });
        return weights;
    }

    /** Ours of theirs, in the type in which they are stored. */
    private Tensor made(String name, Origin origin) {
        List<Tensor> theirs =
                origin.names().stream().map(found.weights()::tensor).toList();
        boolean numbers = theirs.stream().allMatch(Tensor::is_floating_point);
        if (!numbers && !COUNT.matcher(name).matches()) {
            throw new BadFileException(
                    file.path(),
                    "must have numbers of a floating point type (F64, F32, F16 or BF16) to make " + name + " of, has "
                            + told(origin));
        }
        try {
            return origin.make().apply(theirs);
        } catch (RuntimeException e) { // libtorch's, of shapes that don't go together
            throw new BadFileException(
                    file.path(), "must have tensors of which " + name + " can be made, has " + told(origin), e);
        }
    }

    /** {@code layer.query.weight [64, 32] of F32 and layer.key.weight [64, 64] of F32} */
    private String told(Origin origin) {
        return origin.names().stream()
                .map(each -> Excerpt.brief(each)
                        + " "
                        + Dims.text(found.weights().shape(each))
                        + " of "
                        + found.weights().dtype(each))
                .collect(Collectors.joining(" and "));
    }

    @Override
    public void close() {
        file.close();
    }
}
