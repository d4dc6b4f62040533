package dev.smalti.recipe;

import dev.smalti.draw.Corrector;
import dev.smalti.draw.Extrapolation;
import dev.smalti.draw.Filters;
import dev.smalti.draw.GuidanceSchedule;
import dev.smalti.draw.GuidingModel;
import dev.smalti.draw.Order;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.Temperatures;
import dev.smalti.draw.Unmasking;
import dev.smalti.tensor.Phrase;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.stream.Stream;

/**
 * The plan of {@code compare}: which priors, how they are trained, how they are drawn from, and what the draws are compared
 * with; or which tokenizers, how they are trained, and whose reconstructions are measured. Paths are relative to the working
 * directory.
 *
 * @param seed seed of all draws and estimates; any; 0 if left out
 * @param tokens token file on which every prior is trained that has none of its own; none if left out
 * @param tokenizer run folder of their tokenizer; the one that the token file names if left out
 * @param heldOut token file whose bits are measured, and which the tokenizer decodes to show what it costs; none if left out
 * @param real images that draws are compared with; of tokenizers those that they give back
 * @param train images of the training, whose distance to the real ones no prior is expected to fall below, and on which
 *     tokenizers are trained; none if left out
 * @param features what images are compared by, as {@code evaluate} takes them; {@code pixels}, a file or a folder; averaged
 *     pixels if left out
 * @param lpips two files with the weights of LPIPS, of the network and of the distance, as {@code evaluate} takes them, for
 *     tokenizers; none if left out
 * @param size side to which all images are brought before they are compared, 0 for that of the draws; 0, or a power of two
 *     and at least 8; 0 if left out
 * @param draws images that are drawn in each setting; at least 2; 1000 if left out
 * @param grids how many of the held-out grids are measured, evenly spread, 0 for all; at least 0; 0 if left out
 * @param repeats estimates of the bits of each held-out grid that are averaged; at least 1; 1 if left out
 * @param resamples resamples of the draws, for the interval of a Fréchet distance, 0 for none; 0, or at least 2; as
 *     {@code evaluate} has it if left out
 * @param neighbours k of precision, recall, density and coverage, 0 for the usual one of each; at least 0; 0 if left out
 * @param set changes to the recipe of all that is trained, the budget that they share; each {@code key=value}; none if left
 *     out
 * @param priors those to compare, at least one unless there are tokenizers; none if left out
 * @param tokenizers those to compare instead of priors; none if left out
 * @param sweeps the settings, for every prior that has no sweeps of its own; one draw as trained if left out
 */
public record ComparePlan(
        Long seed,
        Path tokens,
        Path tokenizer,
        Path heldOut,
        Path real,
        Path train,
        String features,
        List<Path> lpips,
        Integer size,
        Integer draws,
        Integer grids,
        Integer repeats,
        Integer resamples,
        Integer neighbours,
        List<String> set,
        List<Entry> priors,
        List<TokenizerEntry> tokenizers,
        List<Sweep> sweeps) {
    /** The most settings of a prior, each of which draws and measures {@code draws} images. */
    public static final int MOST_SETTINGS = 1000;

    private static final String NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,63}";

    public ComparePlan {
        seed = seed == null ? 0 : seed;
        size = size == null ? 0 : size;
        draws = draws == null ? 1000 : draws;
        grids = grids == null ? 0 : grids;
        repeats = repeats == null ? 1 : repeats;
        neighbours = neighbours == null ? 0 : neighbours;
        set = set == null ? List.of() : List.copyOf(set);
        sweeps = sweeps == null ? List.of(Sweep.NONE) : List.copyOf(sweeps);
        Objects.requireNonNull(real, "real");
        lpips = lpips == null ? List.of() : List.copyOf(lpips);
        priors = priors == null ? List.of() : List.copyOf(priors);
        tokenizers = tokenizers == null ? List.of() : List.copyOf(tokenizers);
        if (size != 0 && (size < 8 || Integer.bitCount(size) != 1)) {
            throw new IllegalArgumentException("size must be a power of two, at least 8, got " + size);
        }
        if (grids < 0) {
            throw new IllegalArgumentException("grids must be at least 1, or 0 for all, got " + grids);
        }
        if (draws < 2 || repeats < 1) {
            throw new IllegalArgumentException(
                    "draws must be at least 2 and repeats at least 1, got " + draws + " and " + repeats);
        }
        if (resamples != null && (resamples < 0 || resamples == 1)) {
            throw new IllegalArgumentException("resamples must be 0 for no interval, or at least 2, got " + resamples);
        }
        if (neighbours < 0) {
            throw new IllegalArgumentException(
                    "neighbours must be at least 1, or 0 for the usual ones, got " + neighbours);
        }
        if (priors.isEmpty() && tokenizers.isEmpty()) {
            throw new IllegalArgumentException(
                    "priors must have at least one, such as {name: absorbing, recipe: recipes/fruits/absorbing.yaml},"
                            + " or tokenizers");
        }
        if (!priors.isEmpty() && !tokenizers.isEmpty()) {
            throw new IllegalArgumentException(
                    "a plan is of priors or of tokenizers, which different figures compare, and"
                            + " has both: give each a plan of its own");
        }
        if (!lpips.isEmpty() && (lpips.size() != 2 || tokenizers.isEmpty())) {
            throw new IllegalArgumentException(
                    "lpips must be two files, for tokenizers, whose reconstructions are pairs; got " + lpips);
        }
        check(priors, tokens != null);
        check(tokenizers, train, size);
        if (!tokenizers.isEmpty()) {
            refuseOfPriors(tokens, tokenizer, heldOut, sweeps);
        }
        checkCount(sweeps);
    }

    /** Counts settings before they are made. */
    private static void checkCount(List<Sweep> sweeps) {
        long count = sweeps.stream().mapToLong(Sweep::count).sum();
        if (count > MOST_SETTINGS) {
            throw new IllegalArgumentException(
                    Phrase.of("sweeps must come to at most %,d settings of a prior, got %,d: list fewer values")
                            .with(MOST_SETTINGS, count));
        }
    }

    private static void check(List<TokenizerEntry> tokenizers, Path train, int size) {
        Set<String> names = new HashSet<>();
        for (TokenizerEntry each : tokenizers) {
            checkOwn("tokenizers", each.name(), names);
            if (each.recipe() != null && train == null) {
                throw new IllegalArgumentException("train is missing, the images on which " + each.name()
                        + " is to be trained: give the plan some");
            }
        }
        if (!tokenizers.isEmpty() && size != 0) {
            throw new IllegalArgumentException(
                    "size is of draws, and reconstructions have that of their tokenizer: leave it out, got " + size);
        }
    }

    /** What a plan of tokenizers would read and not use. */
    private static void refuseOfPriors(Path tokens, Path tokenizer, Path heldOut, List<Sweep> sweeps) {
        List<String> given = new ArrayList<>();
        if (tokens != null) {
            given.add("tokens");
        }
        if (tokenizer != null) {
            given.add("tokenizer");
        }
        if (heldOut != null) {
            given.add("held_out");
        }
        if (!sweeps.equals(List.of(Sweep.NONE))) {
            given.add("sweeps");
        }
        if (!given.isEmpty()) {
            throw new IllegalArgumentException(
                    String.join(", ", given)
                            + (given.size() == 1 ? " is" : " are")
                            + " of priors, and this plan is of tokenizers, which train on train and give back real: leave out what isn't used");
        }
    }

    private static void checkOwn(String all, String name, Set<String> names) {
        if (!names.add(name.toLowerCase(Locale.ROOT))) { // folders of some systems know no capitals
            throw new IllegalArgumentException(
                    all + " must have names of their own, and two are called " + name + ": rename one");
        }
    }

    private static void checkName(String name) {
        if (!name.matches(NAME)) {
            throw new IllegalArgumentException(
                    "name must be letters, digits, dots, underscores and hyphens, at most 64, got " + name);
        }
    }

    private static void check(List<Entry> priors, boolean tokens) {
        Set<String> names = new HashSet<>();
        for (Entry each : priors) {
            checkOwn("priors", each.name(), names);
            if (each.recipe() != null && each.tokens() == null && !tokens) {
                throw new IllegalArgumentException("tokens are missing, on which " + each.name()
                        + " is to be trained: give the plan tokens, or this prior its own");
            }
        }
    }

    /**
     * A prior.
     *
     * @param name name of its run folder and in tables; letters, digits, dots, underscores and hyphens, at most 64
     * @param recipe recipe to train it by, needed unless there is a {@code run}; none if left out
     * @param run one that is trained already, instead of a recipe; a run folder of {@code train-prior}, or the name of a
     *     bundled model; none if left out
     * @param tokens token file of its own; the plan's if left out
     * @param tokenizer run folder of the tokenizer of its own tokens; the plan's, or with its own tokens the one that they
     *     name, if left out
     * @param heldOut held-out tokens of its own, whose bits are on another scale; the plan's, or none with its own tokens,
     *     if left out
     * @param set further changes to its recipe; each {@code key=value}; none if left out
     * @param sweeps settings of its own; the plan's if left out
     */
    public record Entry(
            String name,
            Path recipe,
            String run,
            Path tokens,
            Path tokenizer,
            Path heldOut,
            List<String> set,
            List<Sweep> sweeps) {
        public Entry {
            Objects.requireNonNull(name, "name");
            set = set == null ? List.of() : List.copyOf(set);
            sweeps = sweeps == null ? null : List.copyOf(sweeps);
            checkCount(sweeps == null ? List.of() : sweeps);
            checkName(name);
            if ((recipe == null) == (run == null)) {
                throw new IllegalArgumentException(name
                        + " must have either a recipe, by which it is trained, or a run," + " which is taken as it is");
            }
            if (run != null && (tokens != null || tokenizer != null || !set.isEmpty())) {
                throw new IllegalArgumentException(name + " is a run, which is taken as it is: leave tokens, tokenizer"
                        + " and set out, or give a recipe");
            }
        }
    }

    /**
     * A tokenizer.
     *
     * @param name name of its run folder and in tables; letters, digits, dots, underscores and hyphens, at most 64
     * @param recipe recipe to train it by, needed unless there is a {@code run}; none if left out
     * @param run one that is trained already, instead of a recipe; a run folder of {@code train-tokenizer}; none if left out
     * @param set further changes to its recipe; each {@code key=value}; none if left out
     */
    public record TokenizerEntry(String name, Path recipe, String run, List<String> set) {
        public TokenizerEntry {
            Objects.requireNonNull(name, "name");
            set = set == null ? List.of() : List.copyOf(set);
            checkName(name);
            if ((recipe == null) == (run == null)) {
                throw new IllegalArgumentException(
                        name + " must have either a recipe, by which it is trained, or a run, which is taken as it is");
            }
            if (run != null && !set.isEmpty()) {
                throw new IllegalArgumentException(
                        name + " is a run, which is taken as it is: leave set out, or give a recipe");
            }
        }
    }

    /**
     * What draws codes anew.
     *
     * @param kind which corrector
     * @param sweeps calls of the network, by {@code gibbs} only; at least 1; as {@code generate} has it if
     *     left out
     * @param places places at once, by {@code gibbs} only; at least 1; as {@code generate} has it if left out
     * @param when when it acts, by {@code gibbs} only; as {@code generate} has it if left out
     * @param kappa κ, by {@code psi} only; [0, 1]; as {@code generate} has it if left out
     * @param eta η, by {@code remask_cap}, {@code remask_rescale} and {@code remask_loop} only; [0, 1]; as {@code generate} has it if
     *     left out
     */
    public record CorrectorEntry(
            Corrector.Kind kind, Integer sweeps, Integer places, Corrector.When when, Double kappa, Double eta) {
        public CorrectorEntry {
            Objects.requireNonNull(kind, "kind");
            Corrector.of(kind, sweeps, places, when, kappa, eta); // refuses what is none
        }

        Corrector corrector() {
            return Corrector.of(kind, sweeps, places, when, kappa, eta);
        }
    }

    /**
     * Settings of a draw: the product of these lists, 1,000 at most. What is left out stays as
     * {@code generate} has it.
     *
     * @param steps numbers of steps; each at least 1; as {@code generate} has it if left out
     * @param guidance weights of guidance; each at least 0; as {@code generate} has it if left out
     * @param guidanceSchedule how the weight changes over the steps; as {@code generate} has it if left out
     * @param against earlier checkpoints of the prior's own run, by their steps, each of which guidance leads away from instead of no
     *     class; each at least 1; as {@code generate} has it if left out. A prior without such a checkpoint is skipped there: {@code
     *     training.keep} says how many are kept
     * @param temperature temperatures; each above 0; as {@code generate} has it if left out
     * @param lastTemperature temperatures of the last step, to which the first goes in equal steps; each above 0; as
     *     {@code generate} has it if left out
     * @param topK numbers of likeliest codes that are drawn from; each at least 1; as {@code generate} has it if left out
     * @param topP probabilities of the likeliest codes that are drawn from; each in (0, 1]; as {@code generate} has it if
     *     left out
     * @param typical probabilities of the codes of nearly mean surprise that are drawn from; each in (0, 1]; as
     *     {@code generate} has it if left out
     * @param reveal whether masked places are revealed by coins or counts; as the prior does if left out
     * @param order orders in which masked places are revealed; that of the prior if left out
     * @param entropyBound nats by which the entropies of the places of a step may exceed the greatest; each at least 0; none if left
     *     out
     * @param extrapolate λ by which guesses are extrapolated from those of the step before; each above 0; none if left out
     * @param trapezoidal θ of trapezoidal steps; each in (0, 1); none if left out
     * @param corrector what draws codes anew; nothing if left out
     * @param temperatures lists of temperatures that are spread over the steps, instead of {@code temperature} and
     *     {@code last_temperature}; each above 0; as {@code generate} has it if left out
     */
    public record Sweep(
            List<Integer> steps,
            List<Double> guidance,
            List<GuidanceSchedule> guidanceSchedule,
            List<Integer> against,
            List<Double> temperature,
            List<Double> lastTemperature,
            List<Integer> topK,
            List<Double> topP,
            List<Double> typical,
            List<Unmasking.Reveal> reveal,
            List<Order> order,
            List<Double> entropyBound,
            List<Double> extrapolate,
            List<Double> trapezoidal,
            List<CorrectorEntry> corrector,
            List<List<Double>> temperatures) {
        static final Sweep NONE = new Sweep(
                null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null);

        public Sweep(
                List<Integer> steps,
                List<Double> guidance,
                List<GuidanceSchedule> guidanceSchedule,
                List<Integer> against,
                List<Double> temperature,
                List<Double> lastTemperature,
                List<Integer> topK,
                List<Double> topP,
                List<Double> typical,
                List<Unmasking.Reveal> reveal,
                List<Order> order,
                List<Double> entropyBound,
                List<Double> extrapolate,
                List<Double> trapezoidal,
                List<CorrectorEntry> corrector,
                List<List<Double>> temperatures) {
            this.steps = steps;
            this.guidance = guidance;
            this.guidanceSchedule = guidanceSchedule;
            this.against = against;
            this.temperature = temperature;
            this.lastTemperature = lastTemperature;
            this.topK = topK;
            this.topP = topP;
            this.typical = typical;
            this.reveal = reveal;
            this.order = order;
            this.entropyBound = entropyBound;
            this.extrapolate = extrapolate;
            this.trapezoidal = trapezoidal;
            this.corrector = corrector;
            this.temperatures = temperatures;
            if (lists().stream().anyMatch(List::isEmpty)) {
                throw new IllegalArgumentException("a list of settings must have at least one, got []: leave its"
                        + " key out for the usual setting");
            }
            long count = count();
            if (count > MOST_SETTINGS) {
                throw new IllegalArgumentException(
                        Phrase.of("a sweep must have at most %,d settings, and its lists multiply to %s:")
                                        .with(
                                                MOST_SETTINGS,
                                                count == Long.MAX_VALUE
                                                        ? "far more"
                                                        : Phrase.of("%,d").with(count))
                                + " list fewer values");
            }
            if (extrapolate != null && trapezoidal != null) {
                throw new IllegalArgumentException(
                        "extrapolate and trapezoidal are two ways to look ahead: give each a sweep of its own");
            }
            if (against != null && (guidance == null || guidance.stream().anyMatch(each -> each == 0))) {
                throw new IllegalArgumentException("against acts through guidance: list guidance above 0 beside it");
            }
            if (temperatures != null && (temperature != null || lastTemperature != null)) {
                throw new IllegalArgumentException("temperatures are of all steps, and so are temperature and"
                        + " last_temperature: give a sweep of their own");
            }
            atLeastOne("steps", steps);
            atLeastOne("against", against);
            atLeastOne("top_k", topK);
            settings(); // refuses others
        }

        private List<List<?>> lists() {
            return Stream.<List<?>>of(
                            steps,
                            guidance,
                            guidanceSchedule,
                            against,
                            temperature,
                            lastTemperature,
                            topK,
                            topP,
                            typical,
                            reveal,
                            order,
                            entropyBound,
                            extrapolate,
                            trapezoidal,
                            corrector,
                            temperatures)
                    .filter(Objects::nonNull)
                    .<List<?>>map(each -> each)
                    .toList();
        }

        /** How many {@link #settings} there are. */
        long count() {
            return lists().stream()
                    .mapToLong(List::size)
                    .reduce(1, (a, b) -> a > Long.MAX_VALUE / b ? Long.MAX_VALUE : a * b);
        }

        private static void atLeastOne(String key, List<? extends Number> values) {
            if (values != null && values.stream().anyMatch(each -> each.longValue() < 1)) {
                throw new IllegalArgumentException(key + " must be at least 1, got " + values);
            }
        }

        /** All combinations, in the order of the lists. */
        public List<Sampling> settings() {
            List<Sampling> all = List.of(Sampling.USUAL);
            all = product(all, guidance, (from, each) -> from.guidance((double) each));
            all = product(
                    all,
                    guidanceSchedule,
                    (from, each) -> from.guidance(from.guidance().schedule(each)));
            all = product(
                    all, against, (from, each) -> from.guidance(from.guidance().guiding(GuidingModel.step(each))));
            all = product(all, temperature, Sampling::temperature);
            all = product(all, lastTemperature, Sampling::lastTemperature);
            all = product(all, topK, (from, each) -> from.filters(with(from.filters(), each, null, null)));
            all = product(all, topP, (from, each) -> from.filters(with(from.filters(), null, each, null)));
            all = product(all, typical, (from, each) -> from.filters(with(from.filters(), null, null, each)));
            all = product(
                    all, reveal, (from, each) -> from.unmasking(from.unmasking().reveal(each)));
            all = product(all, order, Sampling::order);
            all = product(
                    all,
                    entropyBound,
                    (from, each) -> from.unmasking(from.unmasking().bound(each)));
            all = product(all, extrapolate, (from, each) -> from.extrapolation(new Extrapolation.Multistep(each)));
            all = product(all, trapezoidal, (from, each) -> from.extrapolation(new Extrapolation.Trapezoidal(each)));
            all = product(all, corrector, (from, each) -> from.corrector(each.corrector()));
            all = product(all, temperatures, (from, each) -> from.temperatures(new Temperatures(each)));
            return product(all, steps, (from, each) -> from.steps((int) each));
        }

        private static <T> List<Sampling> product(
                List<Sampling> all, List<T> values, BiFunction<Sampling, T, Sampling> change) {
            if (values == null) {
                return all;
            }
            return all.stream()
                    .flatMap(from -> values.stream().map(each -> change.apply(from, each)))
                    .toList();
        }

        private static Filters with(Filters from, Integer topK, Double topP, Double typical) {
            return new Filters(
                    topK == null ? from.topK() : topK,
                    topP == null ? from.topP() : topP,
                    typical == null ? from.typical() : typical);
        }
    }

    /** The settings of a prior's draws, each once. */
    public List<Sampling> settings(Entry prior) {
        LinkedHashSet<Sampling> all = new LinkedHashSet<>();
        (prior.sweeps() == null ? sweeps : prior.sweeps()).forEach(sweep -> all.addAll(sweep.settings()));
        return List.copyOf(all);
    }

    /** Token file of a prior that is trained. */
    public Path tokens(Entry prior) {
        return prior.tokens() == null ? tokens : prior.tokens();
    }

    /** Run folder of the tokenizer of these; null for the one that the file names. */
    public Path tokenizer(Entry prior) {
        return prior.tokenizer() != null || prior.tokens() != null ? prior.tokenizer() : tokenizer;
    }

    /** Held-out tokens of a prior; null for none. */
    public Path heldOut(Entry prior) {
        return prior.heldOut() != null || prior.tokens() != null ? prior.heldOut() : heldOut;
    }

    /** All changes to the recipe of a prior, in their order. */
    public List<String> overrides(Entry prior) {
        return Stream.concat(set.stream(), prior.set().stream()).toList();
    }

    /** All changes to the recipe of a tokenizer, in their order. */
    public List<String> overrides(TokenizerEntry tokenizer) {
        return Stream.concat(set.stream(), tokenizer.set().stream()).toList();
    }
}
