package dev.smalti.compare;

import dev.smalti.data.ImageSet;
import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.UnsupportedSamplingException;
import dev.smalti.evaluate.Evaluation;
import dev.smalti.evaluate.EvaluationRequest;
import dev.smalti.evaluate.EvaluationResult;
import dev.smalti.evaluate.Fakes;
import dev.smalti.evaluate.ImageFeatures;
import dev.smalti.evaluate.Likelihood;
import dev.smalti.evaluate.LpipsWeights;
import dev.smalti.evaluate.Reconstructions;
import dev.smalti.job.MeasureLikelihood;
import dev.smalti.metric.lpips.Lpips;
import dev.smalti.model.Drawing;
import dev.smalti.model.Model;
import dev.smalti.model.Opening;
import dev.smalti.recipe.ComparePlan;
import dev.smalti.run.Claim;
import dev.smalti.run.Identity;
import dev.smalti.run.JobException;
import dev.smalti.run.KeptResults;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Phase;
import dev.smalti.tensor.Phrase;
import dev.smalti.token.TokenFile;
import dev.smalti.token.TokenSpace;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** Makes the measurements of a {@link Compare}, each only if it isn't kept yet. */
final class CompareCells {
    private static final int BATCH = 64;
    private static final int SHOWN = 32;
    private static final int COLUMNS = 8;

    private final ComparePlan plan;
    private final Path out;
    private final Opening opening;
    private final Observer observer;
    private final KeptResults kept;
    private final String real;
    private final String features;
    private final Map<String, String> lpips; // null without
    private int computed;

    /** @throws JobException if images or features aren't there */
    CompareCells(ComparePlan plan, Path out, Opening opening, Observer observer) {
        this.plan = plan;
        this.out = out;
        this.opening = opening;
        this.observer = observer;
        this.kept = new KeptResults(out.resolve("cells"));
        try (ImageSet images = ImageSet.open(plan.real());
                ImageFeatures compared = ImageFeatures.open(plan.features(), Devices.cpu())) {
            this.real = images.fingerprint();
            this.features = compared.name() + " " + compared.sha256();
        }
        if (plan.train() != null) {
            ImageSet.open(plan.train()).close();
        }
        if (plan.lpips().isEmpty()) {
            this.lpips = null;
        } else {
            try (Lpips network = weights().open(Devices.cpu())) {
                this.lpips = network.facts();
            }
        }
    }

    private LpipsWeights weights() {
        return plan.lpips().isEmpty()
                ? null
                : new LpipsWeights(plan.lpips().get(0), plan.lpips().get(1));
    }

    /** How many measurements were made, and not found. */
    int computed() {
        return computed;
    }

    /**
     * Draws in one setting, measured.
     *
     * @param title of the work
     */
    CompareResult.Cell cell(String name, Map<String, Object> identity, Model model, Sampling sampling, String title) {
        Sampling exact = model.bestSteps(sampling);
        Map<String, Object> depends = images("cell");
        depends.put("model", identity);
        try {
            model.guidingRun(sampling).ifPresent(other -> depends.put("against", other.fingerprint()));
        } catch (JobException e) { // one prior need not have kept the checkpoints of another
            return new CompareResult.Cell(sampling.named(), null, null, null, null, null, e.getMessage());
        }
        depends.put("sampling", exact.named());
        depends.put("seed", plan.seed());
        depends.put("draws", plan.draws());
        Path file = kept.file(name, depends);
        CompareResult.Cell there = kept.find(file, CompareResult.Cell.class).orElse(null);
        if (there != null) {
            return there;
        }
        CompareResult.Cell cell = drawn(model, sampling, title);
        if (cell.skipped() == null) {
            computed++;
            keep(file, cell);
        }
        return cell;
    }

    private void keep(Path file, Object result) {
        try (Claim claim = Claim.waiting(out)) {
            KeptResults.keep(file, result);
        }
    }

    private CompareResult.Cell drawn(Model model, Sampling sampling, String title) {
        Fakes fakes = new Fakes.Drawn(model, name(model), plan.draws(), List.of(), sampling);
        try {
            EvaluationResult result = evaluated(fakes, side(model), title);
            Drawing.Cost cost = result.draw().cost();
            return new CompareResult.Cell(
                    sampling.named(),
                    cost.steps(),
                    cost.seconds() / plan.draws(),
                    cost.passes(),
                    machine(model),
                    CompareResult.Measures.of(result),
                    null);
        } catch (UnsupportedSamplingException e) {
            return new CompareResult.Cell(sampling.named(), null, null, null, null, null, e.getMessage());
        }
    }

    private static String name(Model model) {
        return model.folder().path().toString();
    }

    /** Of the images of a model, in pixels; the shorter one. */
    private static int side(Model model) {
        TokenSpace space = model.prior().space();
        return Math.min(space.height(), space.width()) * model.patch();
    }

    /** What a time was taken on. */
    private static String machine(Model model) {
        return Phrase.of("%s, %d cores, %s, %s")
                .with(
                        model.device().is_cuda() ? "GPU" : System.getProperty("os.arch"),
                        Runtime.getRuntime().availableProcessors(),
                        model.precision().name().toLowerCase(Locale.ROOT),
                        "OMP_NUM_THREADS="
                                + Optional.ofNullable(System.getenv("OMP_NUM_THREADS"))
                                        .orElse("all"));
    }

    /**
     * Held-out tokens, decoded and compared as draws are: what the tokenizer costs, and no prior gains.
     *
     * @param of the prior whose own they are; null for those of the plan
     */
    CompareResult.Reference tokenizer(Model model, Path heldOut, String of, String title) {
        String tokenizer = model.folder().tokenizerFolder().weightsFingerprint();
        Map<String, Object> depends = images("tokenizer");
        depends.put("tokenizer", tokenizer);
        depends.put("tokens", fingerprint(heldOut));
        depends.put("draws", plan.draws());
        String what = "the images of " + heldOut + " by tokenizer " + tokenizer;
        Fakes fakes = new Fakes.Decoded(model, heldOut, plan.draws());
        return reference("tokenizer", of, what, depends, fakes, side(model), title);
    }

    private static String fingerprint(Path tokens) {
        try (TokenFile file = TokenFile.read(tokens)) {
            return file.fingerprint();
        }
    }

    /** Images of the training, as many as are drawn: how far images are from the real ones that are as real. */
    CompareResult.Reference train(int side) {
        Map<String, Object> depends = images("train");
        try (ImageSet images = ImageSet.open(plan.train())) {
            depends.put("train", images.fingerprint());
        }
        depends.put("draws", plan.draws());
        depends.put("side", side);
        Fakes fakes = new Fakes.Stored(plan.train(), plan.draws());
        return reference("train", null, "images of " + plan.train(), depends, fakes, side, "training images");
    }

    private CompareResult.Reference reference(
            String name, String of, String what, Map<String, Object> depends, Fakes fakes, int side, String title) {
        return new CompareResult.Reference(name, of, what, measures(name, depends, fakes, side, title));
    }

    private CompareResult.Measures measures(
            String name, Map<String, Object> depends, Fakes fakes, int side, String title) {
        Path file = kept.file(name, depends);
        CompareResult.Measures there =
                kept.find(file, CompareResult.Measures.class).orElse(null);
        if (there == null) {
            there = CompareResult.Measures.of(evaluated(fakes, side, title));
            computed++;
            keep(file, there);
        }
        return there;
    }

    /** What comes back of the real images. */
    CompareResult.Measures reconstructions(String name, RunFolder tokenizer, String title) {
        Map<String, Object> depends = images("reconstructions");
        depends.put("tokenizer", tokenizer.weightsFingerprint());
        depends.put("seed", plan.seed());
        if (lpips != null) {
            depends.put("lpips", lpips);
        }
        putPrecision(depends);
        return measures(name, depends, new Fakes.Reconstructed(tokenizer, opening.precision()), 0, title);
    }

    /** Of a tokenizer, where one is asked for. */
    private void putPrecision(Map<String, Object> depends) {
        if (!opening.precision().equals(Opening.AUTO)) {
            depends.put("precision", opening.precision());
        }
    }

    /** A picture of some of the real images, each over what comes back of it; its path relative to the folder. */
    String shown(String name, RunFolder tokenizer, String title) {
        Map<String, Object> depends = new LinkedHashMap<>();
        depends.put("tokenizer", tokenizer.weightsFingerprint());
        depends.put("real", real);
        depends.put("shown", SHOWN);
        putPrecision(depends);
        Path file =
                out.resolve("grids").resolve(name + "-" + Identity.of(depends).sha256(16) + ".png");
        if (!Files.exists(file)) {
            observer.see(Phase.of("reconstructions").in(title));
            List<Pixels> pairs =
                    new Reconstructions(tokenizer, opening.device(), opening.precision()).pairs(plan.real(), SHOWN);
            try (Claim claim = Claim.waiting(out)) {
                Pictures.writePng(file, Pictures.grid(pairs, SHOWN / 2, 2));
            }
        }
        return "grids/" + file.getFileName();
    }

    /** Bits per held-out token. */
    CompareResult.Bits bits(String name, Map<String, Object> identity, Model model, Path heldOut, String title) {
        Map<String, Object> depends = new LinkedHashMap<>();
        depends.put("tokens", fingerprint(heldOut));
        depends.put("what", "bits");
        depends.put("model", identity);
        depends.put("repeats", plan.repeats());
        depends.put("seed", plan.seed());
        if (plan.grids() > 0) {
            depends.put("grids", plan.grids());
        }
        Path file = kept.file(name + "-bits", depends);
        CompareResult.Bits there = kept.find(file, CompareResult.Bits.class).orElse(null);
        if (there != null) {
            return there;
        }
        Likelihood.Result result = new MeasureLikelihood(
                        heldOut, null, plan.repeats(), plan.seed(), false, plan.grids())
                .run(model, phase -> observer.see(phase.in(title + ", bits per token")));
        Likelihood.Estimate bits = result.bitsPerToken();
        CompareResult.Bits measured = new CompareResult.Bits(
                bits.mean(),
                Double.isNaN(bits.interval()) ? null : bits.interval(),
                result.exact(),
                result.grids(),
                result.steps());
        computed++;
        keep(file, measured);
        return measured;
    }

    /** A picture of draws as trained; its path relative to the folder. */
    String grid(String name, Map<String, Object> identity, Model model, String title) {
        Map<String, Object> depends = Map.of("model", identity, "seed", plan.seed(), "shown", SHOWN);
        Path file =
                out.resolve("grids").resolve(name + "-" + Identity.of(depends).sha256(16) + ".png");
        if (!Files.exists(file)) {
            long[] labels = model.labels(List.of(), SHOWN, plan.seed());
            List<Pixels> images = new Drawing(model, labels, SHOWN, plan.seed(), Sampling.USUAL)
                    .images(
                            BATCH,
                            observer.counting(Phase.of("grid", "images", SHOWN).in(title)));
            try (Claim claim = Claim.waiting(out)) {
                Pictures.writePng(file, Pictures.grid(images, COLUMNS, 2));
            }
        }
        return "grids/" + file.getFileName();
    }

    /** @param side of the images, in pixels; 0 for that of a tokenizer */
    private EvaluationResult evaluated(Fakes fakes, int side, String title) {
        int size = plan.size() > 0 || side == 0 ? plan.size() : Math.max(8, Integer.highestOneBit(side));
        int resamples = plan.resamples() == null ? -1 : plan.resamples();
        EvaluationRequest request = new EvaluationRequest(
                new EvaluationRequest.Real(plan.real(), null),
                fakes,
                List.of(),
                plan.features(),
                weights(),
                out.resolve("cache"),
                new EvaluationRequest.Settings(
                        size, resamples, plan.neighbours(), plan.seed(), false, opening.device()));
        return Evaluation.of(request, phase -> observer.see(phase.in(title)));
    }

    /** What every comparison of images depends on. */
    private Map<String, Object> images(String what) {
        Map<String, Object> depends = new LinkedHashMap<>();
        depends.put("what", what);
        depends.put("real", real);
        depends.put("reading", ImageSet.READING);
        depends.put("features", features);
        depends.put("size", plan.size());
        if (plan.resamples() != null) {
            depends.put("resamples", plan.resamples());
        }
        if (plan.neighbours() > 0) {
            depends.put("neighbours", plan.neighbours());
        }
        return depends;
    }
}
