package dev.smalti.run;

import dev.smalti.network.ClassTable;
import dev.smalti.network.LearntNetwork;
import dev.smalti.network.Parameters;
import dev.smalti.prior.Prior;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.recipe.PriorRecipe;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.recipe.TokenizerRecipe;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.token.TokenFile;
import dev.smalti.token.TokenSpace;
import dev.smalti.tokenizer.Tokenizer;
import dev.smalti.tokenizer.TokenizerConfiguration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Training that begins from the averaged weights of another run, whose network is the same.
 *
 * @param run whose weights they are
 */
public record Beginning(RunFolder run) {
    private static final Logger LOG = LoggerFactory.getLogger(Beginning.class);
    private static final String TOKENIZER = "tokenizer.";
    private static final String PRIOR = "prior.";
    private static final String NETWORK = "prior.network.";
    private static final String STEPS = "prior.steps";
    private static final Set<String> UNTOLD =
            Set.of("dropout", "attention_dropout", "deviation"); // of a trained network
    private static final int SHOWN = 4;

    /** Of a network, where its weights were trained with another value. */
    private record Difference(String key, Object own, Object theirs) {
        String text() {
            return Phrase.of("%s is %s, and %s there").with(key, own, theirs);
        }
    }

    /**
     * Copies a tokenizer's weights into one that is to be trained further, which may be for images of another size.
     *
     * @throws JobException naming the keys of its recipe by which the networks differ, or the tensors
     */
    public void of(Tokenizer tokenizer, TokenizerConfiguration configuration) {
        run.require("tokenizer", "train-tokenizer");
        requireNetwork(configuration);
        Scope.free(() -> {
            Map<String, Tensor> weights = run.weights();
            Map<String, Tensor> own = tokenizer.parameters().all();
            weights.keySet().removeIf(name -> configuration.beginsAnew(name) && !own.containsKey(name));
            own.forEach((name, tensor) -> {
                if (configuration.beginsAnew(name)) {
                    weights.putIfAbsent(name, tensor);
                }
            });
            load(tokenizer.parameters(), weights);
        });
    }

    /**
     * Looks, where this very run goes on, whether its tokens stay what they were.
     *
     * @throws JobException naming the keys of its recipe by which images would have other codes
     */
    public void requireSameTokens(TokenizerConfiguration configuration) {
        requireNetwork(configuration);
    }

    private void requireNetwork(TokenizerConfiguration configuration) {
        TokenizerRecipe theirs = run.recipe(TokenizerRecipe.class);
        Map<String, Object> there = RecipeFile.values(theirs);
        theirs.tokenizer().resized(configuration.size()).forEach((key, value) -> there.put(TOKENIZER + key, value));
        TokenizerRecipe own = new TokenizerRecipe(null, null, configuration, theirs.training());
        String size = theirs.tokenizer().size() == configuration.size()
                ? ""
                : Phrase.of(" at size %d").with(configuration.size());
        requireSame(
                differences(TOKENIZER, RecipeFile.values(own), there).stream()
                        .filter(each -> !configuration.mayDiffer(each.key().substring(TOKENIZER.length())))
                        .toList(),
                size);
    }

    /** @return of the keys that begin so */
    private static List<Difference> differences(String prefix, Map<String, Object> own, Map<String, Object> there) {
        Set<String> keys = new TreeSet<>(own.keySet());
        keys.addAll(there.keySet());
        return keys.stream()
                .filter(key -> key.startsWith(prefix) && !Objects.equals(own.get(key), there.get(key)))
                .map(key -> new Difference(key, own.get(key), there.get(key)))
                .toList();
    }

    private void requireSame(List<Difference> differences, String where) {
        if (differences.isEmpty()) {
            return;
        }
        List<Difference> kinds = differences.stream()
                .filter(each -> each.key().endsWith(".kind"))
                .toList();
        List<Difference> shown = kinds.isEmpty() ? differences : kinds; // the rest follows from them
        List<String> ways = shown.stream()
                .limit(SHOWN)
                .map(each -> Phrase.of("%s to %s, got %s").with(each.key(), each.theirs(), each.own()))
                .toList();
        throw new JobException(Phrase.of(
                        "training goes on with the weights of the same network, and that of %s is another%s: set %s%s")
                .with(run.path(), where, String.join("; ", ways), shown.size() > SHOWN ? "; …" : ""));
    }

    /**
     * Copies a prior's weights into one that is to be trained further, which may be of other classes: those of names that both know keep
     * what was learnt of them, as does no class; others begin as the mean of the classes of the run, or where it has none as no class.
     * What the tokens bring is taken of these again ({@link Prior#prepare}).
     *
     * @param tokens that it will be trained on
     * @param name what messages call them
     * @throws JobException naming what differs in the tokens, in the recipe, in the classes, or in the tensors
     */
    public void of(Prior prior, PriorConfiguration configuration, TokenFile tokens, String name) {
        run.require("prior", "train-prior");
        LearntNetwork network = configuration.network();
        requireNetwork(configuration);
        requireSpace(prior.space(), network, name);
        requireTime(prior.space(), configuration);
        warnOfTokens(tokens, name);
        Scope.free(() -> {
            Map<String, Tensor> weights = run.weights();
            RunFolder.Description there = run.description();
            List<String> names = prior.classes() == 0 ? List.of() : tokens.classNames();
            ClassRows rows = ClassRows.of(there.classes(), there.classNames(), prior.classes(), names);
            if (!rows.same()) {
                ClassTable table = network == null ? null : network.classTable();
                exchange(weights, prior.parameters(), rows, table);
            }
            load(prior.parameters(), weights);
            if (!rows.same()) {
                LOG.info("{} knows {} classes: {}", run.path(), there.classes(), rows.text());
            }
        });
        prior.prepare(tokens);
    }

    private void requireNetwork(PriorConfiguration configuration) {
        PriorRecipe theirs = run.recipe(PriorRecipe.class);
        PriorRecipe own = new PriorRecipe(null, null, null, configuration, theirs.training(), null);
        List<Difference> all = differences(PRIOR, RecipeFile.values(own), RecipeFile.values(theirs));
        requireSame(all.stream().filter(Beginning::ofNetwork).toList(), "");
        if (!all.isEmpty()) {
            LOG.info(
                    "{} was trained otherwise: {}",
                    run.path(),
                    String.join("; ", all.stream().map(Difference::text).toList()));
        }
    }

    private static boolean ofNetwork(Difference difference) {
        String key = difference.key();
        return key.equals("prior.kind") || key.startsWith(NETWORK) && !UNTOLD.contains(key.substring(NETWORK.length()));
    }

    /** Left out, steps are as many as places, and a network that is told the step would be told another share of noise by the same number. */
    private void requireTime(TokenSpace own, PriorConfiguration configuration) {
        PriorRecipe recipe = new PriorRecipe(
                null, null, null, configuration, run.recipe(PriorRecipe.class).training(), null);
        Map<String, Object> values = RecipeFile.values(recipe);
        long places = run.description().space().length();
        if (values.containsKey(STEPS) && values.get(STEPS) == null && own.length() != places) {
            throw new JobException(Phrase.of(
                            "%s was trained in as many steps as it has places, %d, and the tokens have %d: set %s to %d, so that times"
                                    + " mean what they did")
                    .with(run.path(), places, own.length(), STEPS, places));
        }
    }

    private void requireSpace(TokenSpace own, LearntNetwork network, String name) {
        TokenSpace theirs = run.description().space();
        if (own.codes() != theirs.codes() || own.depth() != theirs.depth()) {
            throw new JobException(Phrase.of("--from begins with a prior of the same tokens: %s has %s, and %s has %s")
                    .with(run.path(), theirs.text(), name, own.text()));
        }
        boolean places = network == null || network.learnsPlaces();
        if (places && (own.height() != theirs.height() || own.width() != theirs.width())) {
            throw new JobException(Phrase.of(
                            "--from begins with a prior of the same grid where its network has learnt its places: %s has"
                                    + " grids of %s, and %s of %s: take tokens of that grid, or a run whose network learns"
                                    + " none (dit with learnt_positions: false, vq-diffusion with positions: sinusoidal, llamagen)")
                    .with(run.path(), theirs.grid(), name, own.grid()));
        }
    }

    private void warnOfTokens(TokenFile tokens, String name) {
        String theirs = run.description().tokenizer();
        String own = tokens.tokenizer().orElse(null);
        if (theirs != null && own != null && !own.equals(theirs)) {
            LOG.warn(
                    "{} learnt the tokens of tokenizer {}, and {} was made by {}, whose codes may mean something else: the"
                            + " more its codebook was trained since, the less of the prior holds",
                    run.path(),
                    theirs,
                    name,
                    own);
        }
    }

    /** Makes tables of the prior's classes of those of the run's. */
    private void exchange(Map<String, Tensor> weights, Parameters own, ClassRows rows, ClassTable table) {
        if (table == null) {
            throw unable(rows, "its method doesn't say where it keeps them");
        }
        Pattern pattern = Pattern.compile("(.*\\.)?" + table.tables());
        if (rows.theirs() > 0 && rows.own() == 0 && !table.always()) {
            requireSum(table, rows);
            each(weights, pattern, (prefix, of) -> {
                weights.merge(prefix + table.sum(), of.select(0, rows.theirs()), Tensor::add);
                return null;
            });
        } else if (rows.theirs() == 0 && !table.always()) {
            requireSum(table, rows);
            own.all().forEach((name, tensor) -> {
                if (pattern.matcher(name).matches()) {
                    weights.put(name, torch.zeros_like(tensor.detach()));
                }
            });
        } else {
            each(weights, pattern, (prefix, of) -> rows.of(of));
        }
    }

    private static void each(Map<String, Tensor> weights, Pattern pattern, BiFunction<String, Tensor, Tensor> change) {
        for (String name : new ArrayList<>(weights.keySet())) {
            Matcher match = pattern.matcher(name);
            if (match.matches()) {
                String prefix = match.group(1) == null ? "" : match.group(1);
                Tensor changed = change.apply(prefix, weights.remove(name));
                if (changed != null) {
                    weights.put(name, changed);
                }
            }
        }
    }

    private void requireSum(ClassTable table, ClassRows rows) {
        if (table.sum() == null) {
            throw unable(rows, "its network has other layers with classes than without");
        }
    }

    private JobException unable(ClassRows rows, String why) {
        return new JobException(
                Phrase.of("%s knows %d classes, and the prior would have %d, which can't begin from it, since %s: set"
                                + " prior.conditional so that both have classes or neither, or leave --from out")
                        .with(run.path(), rows.theirs(), rows.own(), why));
    }

    private void load(Parameters parameters, Map<String, Tensor> weights) {
        try {
            parameters.load(weights);
        } catch (IllegalArgumentException e) {
            throw new JobException(run.checkpoint() + ": " + e.getMessage(), e);
        }
    }
}
