package dev.smalti.compare;

import dev.smalti.draw.Sampling;
import dev.smalti.model.Model;
import dev.smalti.model.Opening;
import dev.smalti.recipe.ComparePlan;
import dev.smalti.recipe.PriorRecipe;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.recipe.TokenizerRecipe;
import dev.smalti.run.Claim;
import dev.smalti.run.JobException;
import dev.smalti.run.KeptResults;
import dev.smalti.run.Outputs;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.AtomicFile;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Phase;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Stopping;
import dev.smalti.tensor.Stopping.StoppedWorkException;
import dev.smalti.token.TokenFile;
import dev.smalti.token.TokenSpace;
import dev.smalti.tokenizer.Tokenizer;
import dev.smalti.train.Checkpoints;
import dev.smalti.train.TrainingPhases;
import dev.smalti.train.Watcher;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/**
 * Trains several priors by one budget, draws from each in many settings, and shows side by side how near the draws come to real
 * images and what they cost; or several tokenizers, and shows how near what they give back comes to the real images.
 *
 * <p>The folder holds {@code runs/<name>}, as {@code train-prior} writes them, so a run trained elsewhere by the same recipe on the
 * same tokens can be put there; {@code cells/<name>-<key>.json}, a measurement each under a hash of all that it depends on;
 * {@code grids}, {@code plots}, {@code cache}; and {@code plan.yaml} with all defaults, {@code table.csv}, {@code
 * results.json} and {@code index.html}, which are made anew each time. What is there isn't made again: a run that was
 * stopped goes on, and a plan that was changed costs what is new in it. A
 * recipe that was changed under a run is refused.
 *
 * <p>Several processes may work on one folder: each takes priors or tokenizers that no other holds.
 *
 * @param plan YAML file of a {@link ComparePlan}
 * @param overrides changes to it
 * @param out folder, new or of an earlier run
 * @param opening how each is opened to be measured, whatever it is trained in
 */
public record Compare(Path plan, List<String> overrides, Path out, Opening opening) {
    public Compare {
        overrides = List.copyOf(overrides);
    }

    /** Opened as usual. */
    public Compare(Path plan, List<String> overrides, Path out) {
        this(plan, overrides, out, Opening.USUAL);
    }

    /**
     * Does what is left to do.
     *
     * @param observer told of each piece of work
     * @param stop asked often: whether to end the work where it is
     * @return empty if it was stopped; the next run goes on from there
     * @throws JobException if something that the plan names isn't there or doesn't fit, before anything is trained
     * @throws IllegalArgumentException if the machine has no such device, or the device no such precision, before that too
     */
    public Optional<CompareResult> run(Observer observer, BooleanSupplier stop) {
        ComparePlan read = RecipeFile.read(plan, ComparePlan.class, overrides);
        if (Files.exists(out) && !Files.isDirectory(out)) {
            throw new JobException("--out " + out + " is a file, and a folder is to be written: choose another --out");
        }
        opening.precisionOn(opening.place()); // refuses what isn't there
        Path runs = out.resolve("runs");
        List<Compared> all = Stream.concat(
                        read.priors().stream().map(each -> new ComparedRun(read, each, runs, opening.checkpoint())),
                        read.tokenizers().stream()
                                .map(each -> new ComparedTokenizer(read, each, runs, opening.checkpoint())))
                .toList();
        for (ComparePlan.Entry each : read.priors()) {
            requireTokens(read.heldOut(each));
        }
        for (Path folder : List.of(runs, out.resolve("locks"), out.resolve("grids"), out.resolve("plots"))) {
            Outputs.makeFolder("--out", folder);
        }
        try (Claim claim = Claim.waiting(out)) {
            for (String each : List.of("cells", "grids", "plots")) {
                claim.clear(out.resolve(each), Compare::isLeft);
            }
            RecipeFile.write(out.resolve("plan.yaml"), read);
        }
        CompareCells cells = new CompareCells(read, out, opening, observer);
        try {
            return Optional.of(
                    Stopping.value(Stopping.when(stop), () -> new Work(read, all, cells, observer, stop).run()));
        } catch (StoppedWorkException e) {
            return Optional.empty();
        }
    }

    /** Whether a name is that of something that only a killed process can have left. */
    private static boolean isLeft(String name) {
        return AtomicFile.isPart(name) || name.matches("drawn-.*\\.partial\\.npz");
    }

    private static void requireTokens(Path file) {
        if (file != null) {
            TokenFile.read(file).close();
        }
    }

    /** What is left to do, and what is done. */
    private final class Work {
        private final ComparePlan plan;
        private final List<Compared> all;
        private final CompareCells cells;
        private final Observer observer;
        private final BooleanSupplier stop;
        private final Map<Integer, CompareResult.Prior> priors = new TreeMap<>();
        private final Map<Integer, CompareResult.Tokenizer> tokenizers = new TreeMap<>();
        private final Map<String, CompareResult.Reference> references = new LinkedHashMap<>();

        Work(ComparePlan plan, List<Compared> all, CompareCells cells, Observer observer, BooleanSupplier stop) {
            this.plan = plan;
            this.all = all;
            this.cells = cells;
            this.observer = observer;
            this.stop = stop;
        }

        CompareResult run() {
            List<Integer> pending = new ArrayList<>();
            for (int i = 0; i < all.size(); i++) {
                pending.add(i);
            }
            CompareResult result = null;
            Set<String> others = new LinkedHashSet<>();
            boolean more = true;
            while (more) {
                more = false;
                for (Iterator<Integer> each = pending.iterator(); each.hasNext(); ) {
                    int number = each.next();
                    Path lock = out.resolve("locks").resolve(all.get(number).name());
                    try (Claim claim = Claim.of(out, lock)) {
                        measure(number);
                    } catch (Claim.HeldException e) {
                        others.add(e.getMessage());
                        continue;
                    }
                    each.remove();
                    more = true;
                    result = result(pending);
                    observer.see(Phase.of("writing"));
                    report(plan, result);
                }
            }
            if (result == null) {
                throw new JobException(Phrase.of(
                                "%s has no %s that another process isn't at work on (%s): wait for it, and run this again")
                        .with(out, kind(), String.join("; ", others)));
            }
            return result;
        }

        private String kind() {
            return plan.tokenizers().isEmpty() ? "prior" : "tokenizer";
        }

        private CompareResult result(List<Integer> pending) {
            return new CompareResult(
                    out,
                    out.resolve("index.html"),
                    List.copyOf(priors.values()),
                    List.copyOf(tokenizers.values()),
                    List.copyOf(references.values()),
                    pending.stream().map(i -> all.get(i).name()).toList(),
                    cells.computed());
        }

        private void measure(int number) {
            Compared row = all.get(number);
            String title = Phrase.of("%s (%s %d of %d)").with(row.name(), kind(), number + 1, all.size());
            boolean trained = row.train(watching(title, observer), stop);
            Stopping.check();
            if (!trained) {
                throw new IllegalStateException(row.folder() + " is not trained to its end");
            }
            if (row instanceof ComparedRun run) {
                priors.put(number, prior(run, title));
            } else {
                tokenizers.put(number, tokenizer((ComparedTokenizer) row, title));
            }
        }

        private CompareResult.Tokenizer tokenizer(ComparedTokenizer row, String title) {
            RunFolder folder = RunFolder.open(row.folder()).at(opening.checkpoint());
            TokenizerRecipe recipe = row.recipe();
            TrainingHistory history = TrainingHistory.of(row.folder(), TrainingHistory.PSNR);
            String shown = cells.shown(row.name(), folder, title);
            CompareResult.Measures measures = cells.reconstructions(row.name(), folder, title);
            long steps = steps(row);
            long used = Checkpoints.step(folder.checkpoint());
            try (Tokenizer open = folder.tokenizer(Devices.cpu())) {
                return new CompareResult.Tokenizer(
                        row.name(),
                        RecipeFile.kind(recipe.tokenizer()),
                        row.folder().toString(),
                        row.taken(),
                        open.space().grid(),
                        open.space().codes(),
                        open.parameters().count(),
                        steps,
                        used == steps ? null : used,
                        recipe.training().batch(),
                        history.seconds(),
                        history.heldOut(),
                        shown,
                        measures);
            }
        }

        private CompareResult.Prior prior(ComparedRun run, String title) {
            ComparePlan.Entry entry = run.entry();
            try (Model model = Model.open(run.folder().toString(), opening)) {
                if (plan.train() != null && !references.containsKey("train")) {
                    int side = model.prior().space().height() * model.patch();
                    references.put("train", cells.train(side));
                }
                Map<String, Object> identity = identity(run, model);
                Path heldOut = plan.heldOut(entry);
                CompareResult.Bits bits = null;
                if (heldOut != null) {
                    bits = cells.bits(entry.name(), identity, model, heldOut, title);
                    String of = heldOut.equals(plan.heldOut()) ? null : entry.name();
                    CompareResult.Reference reference = cells.tokenizer(model, heldOut, of, title);
                    references.putIfAbsent(reference.what(), reference);
                }
                String grid = cells.grid(entry.name(), identity, model, title);
                List<CompareResult.Cell> measured = new ArrayList<>();
                List<Sampling> settings = plan.settings(entry);
                for (Sampling setting : settings) {
                    String which = Phrase.of("%s, setting %d of %d").with(title, measured.size() + 1, settings.size());
                    measured.add(cells.cell(entry.name(), identity, model, setting, which));
                }
                return Compare.prior(plan, run, model, bits, grid, measured);
            }
        }
    }

    /** What the draws of a run depend on, by name. */
    private static Map<String, Object> identity(ComparedRun run, Model model) {
        Map<String, Object> identity = new LinkedHashMap<>();
        identity.put("prior", model.folder().fingerprint());
        identity.put("tokenizer", model.folder().tokenizerFolder().weightsFingerprint());
        identity.put("precision", model.precision().name());
        identity.put("recipe", RecipeFile.tree(run.recipe()).get("prior"));
        return identity;
    }

    /** All that were taken, whichever checkpoint is opened. */
    private static long steps(Compared row) {
        return Checkpoints.latest(row.folder()).map(Checkpoints::step).orElseThrow();
    }

    private static CompareResult.Prior prior(
            ComparePlan read,
            ComparedRun run,
            Model model,
            CompareResult.Bits bits,
            String grid,
            List<CompareResult.Cell> cells) {
        PriorRecipe recipe = run.recipe();
        TrainingHistory history = TrainingHistory.of(run.folder(), TrainingHistory.BITS);
        long steps = steps(run);
        return new CompareResult.Prior(
                run.entry().name(),
                RecipeFile.kind(recipe.prior()),
                run.folder().toString(),
                run.taken(),
                model.prior().parameters().count(),
                steps,
                model.step() == steps ? null : model.step(),
                recipe.training().batch(),
                history.seconds(),
                history.loss(),
                ownScale(read, run, model),
                bits,
                history.heldOut(),
                grid,
                cells);
    }

    /** Whether bits are of other tokens than those of the plan. */
    private static boolean ownScale(ComparePlan read, ComparedRun run, Model model) {
        if (run.entry().tokens() != null || run.entry().heldOut() != null) {
            return true;
        }
        if (read.tokens() == null) {
            return false;
        }
        try (TokenFile tokens = TokenFile.read(read.tokens())) {
            TokenSpace own = model.prior().space();
            String known = model.folder().description().tokenizer();
            return !own.equals(tokens.space())
                    || known != null && !tokens.tokenizer().map(known::equals).orElse(true);
        }
    }

    private static Watcher watching(String title, Observer observer) {
        return new TrainingPhases(phase -> observer.see(phase.in(title)));
    }

    private void report(ComparePlan read, CompareResult result) {
        try (Claim claim = Claim.waiting(out)) { // so that what lies there is of one process
            KeptResults.keep(out.resolve("results.json"), result.facts());
            List<String> plots = ComparePlots.write(out, result);
            boolean priors = result.tokenizers().isEmpty();
            write(out.resolve("table.csv"), priors ? CompareTable.csv(result) : CompareTable.tokenizers(result));
            write(
                    out.resolve("index.html"),
                    priors
                            ? ComparePage.html(plan, read, result, plots)
                            : TokenizersPage.html(plan, read, result, plots));
        }
    }

    private static void write(Path file, String text) {
        try (AtomicFile beside = AtomicFile.of(file)) {
            Files.writeString(beside.path(), text);
            beside.commit();
        } catch (IOException e) {
            throw Outputs.failure(file, e);
        }
    }
}
