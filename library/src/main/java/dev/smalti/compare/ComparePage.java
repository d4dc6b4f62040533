package dev.smalti.compare;

import static dev.smalti.compare.Html.digits;
import static dev.smalti.compare.Html.division;
import static dev.smalti.compare.Html.escape;
import static dev.smalti.compare.Html.figure;
import static dev.smalti.compare.Html.list;
import static dev.smalti.compare.Html.page;
import static dev.smalti.compare.Html.row;
import static dev.smalti.compare.Html.section;
import static dev.smalti.compare.Html.table;
import static dev.smalti.compare.Html.time;
import static dev.smalti.compare.Html.value;
import static dev.smalti.compare.Html.whole;

import dev.smalti.compare.CompareResult.Bits;
import dev.smalti.compare.CompareResult.Cell;
import dev.smalti.compare.CompareResult.Measures;
import dev.smalti.compare.CompareResult.Prior;
import dev.smalti.recipe.ComparePlan;
import dev.smalti.tensor.Phrase;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** The page of a {@link Compare}. Its pictures lie beside it, in {@code plots} and {@code grids}. */
final class ComparePage {
    private static final Set<String> DISTANCES = Set.of("frechet", "kernel", "fid", "sfid", "kid");

    private final ComparePlan plan;
    private final CompareResult result;
    private final String quality;

    private ComparePage(ComparePlan plan, CompareResult result) {
        this.plan = plan;
        this.result = result;
        this.quality = ComparePlots.quality(result);
    }

    /** @param plots names of the files in {@code plots} */
    static String html(Path file, ComparePlan plan, CompareResult result, List<String> plots) {
        return new ComparePage(plan, result).html(file, plots);
    }

    private String html(Path file, List<String> plots) {
        int priors = result.priors().size();
        String title = priors == 1 ? "One prior, measured" : priors + " priors, side by side";
        String missing = result.missing().isEmpty()
                ? ""
                : Phrase.of("<p class=\"lead\"><b>Not all is here yet:</b> %s.")
                                .with(escape(String.join(", ", result.missing())))
                        + "</p>";
        return page(
                title,
                lead(file) + "</p>" + missing,
                section("At a glance", glance()),
                section("Plots", division("plots", plots.stream().map(ComparePage::plot))),
                section("All settings", settings()),
                section(
                        "Draws",
                        "<p class=\"lead\">The first 32 of each prior as trained, by one seed; nobody picked them.</p>"
                                + division("grids", result.priors().stream().map(ComparePage::grid))),
                section("What follows from this, and what doesn't", list(follows())),
                section("How it was measured", list(measured())));
    }

    private String lead(Path file) {
        String names = result.priors().stream().map(Prior::name).collect(Collectors.joining(", "));
        return Phrase.of(
                        "Each of these learnt to draw grids of tokens: %s. Each then drew %s images a setting, which were compared with "
                                + "%s real ones of <b>%s</b>. The plan is <b>%s</b>; <a href=\"table.csv\">table.csv</a> and <a "
                                + "href=\"results.json\">results.json</a> have all figures.")
                .with(
                        escape(names),
                        whole(plan.draws()),
                        reals(),
                        escape(plan.real().toString()),
                        escape(file.toString()));
    }

    private String reals() {
        return CompareTable.measures(result)
                .findFirst()
                .map(each -> whole(each.real()))
                .orElse("the");
    }

    /** The best setting of each prior. */
    private String glance() {
        List<String> metrics = CompareTable.metrics(result);
        boolean some = metrics.contains("precision");
        StringBuilder rows = new StringBuilder();
        rows.append(row(
                "th",
                List.of(
                        "prior",
                        "parameters",
                        "training steps",
                        "grids seen",
                        "training",
                        "last loss",
                        "bits per token",
                        "best " + Objects.requireNonNullElse(quality, "quality") + " ↓",
                        "in setting",
                        some ? "precision ↑" : "",
                        some ? "recall ↑" : "",
                        "ms an image",
                        "passes an image")));
        double least = result.priors().stream()
                .map(this::best)
                .flatMap(Optional::stream)
                .mapToDouble(each -> each.measures().value(quality))
                .min()
                .orElse(Double.NaN);
        for (Prior prior : result.priors()) {
            Optional<Cell> best = best(prior);
            List<String> cells = new ArrayList<>(List.of(
                    escape(prior.name())
                            + (prior.name().equals(prior.kind()) ? "" : " <small>" + escape(prior.kind()) + "</small>"),
                    Phrase.of("%.2f M").with(prior.parameters() / 1e6),
                    whole(prior.steps())
                            + (prior.checkpoint() == null
                                    ? ""
                                    : " <small>measured at " + whole(prior.checkpoint()) + "</small>"),
                    whole(prior.grids()),
                    prior.seconds() == null ? "–" : time(prior.seconds()),
                    prior.loss() == null ? "–" : digits(prior.loss()),
                    bits(prior)));
            if (best.isPresent()) {
                Cell cell = best.get();
                String distance = value(cell.measures(), quality);
                cells.add(cell.measures().value(quality) == least ? "<b>" + distance + "</b>" : distance);
                cells.add(escape(cell.text()));
                cells.add(some ? value(cell.measures(), "precision") : "");
                cells.add(some ? value(cell.measures(), "recall") : "");
                cells.add(digits(1000 * cell.secondsPerImage()));
                cells.add(digits(cell.passes()));
            }
            rows.append(row("td", cells));
        }
        return table(rows) + "<p class=\"lead\"><small>The best setting is that of the least "
                + escape(String.valueOf(quality))
                + " among those that were tried, which flatters those that were tried in many. "
                + "* bits of tokens of its own, on another scale; ≤ a bound from above; ± the 95 % interval over grids. "
                + "Losses of different methods are not comparable.</small></p>";
    }

    private Optional<Cell> best(Prior prior) {
        return prior.cells().stream()
                .filter(each -> each.measures() != null
                        && Double.isFinite(each.measures().value(quality)))
                .min(Comparator.comparingDouble(each -> each.measures().value(quality)));
    }

    private String bits(Prior prior) {
        Bits bits = prior.bits();
        if (bits == null) {
            return "–";
        }
        return Phrase.of("%s%s%s%s")
                .with(
                        bits.exact() ? "" : "≤ ",
                        String.format(Locale.ROOT, "%.3f", bits.mean()),
                        bits.interval() == null ? "" : String.format(Locale.ROOT, " ± %.3f", bits.interval()),
                        prior.ownScale() ? " *" : "");
    }

    private static String plot(String file) {
        String caption =
                switch (file) {
                    case ComparePlots.STEPS ->
                        "Quality against steps; both axes are logarithmic. Lines join settings that differ in"
                                + " steps alone, single points are other settings.";
                    case ComparePlots.SECONDS ->
                        "Quality against the time that drawing an image takes. A point lower left is better"
                                + " and faster.";
                    case ComparePlots.VARIETY ->
                        "A point a setting: how many draws look real, against how much of what is real is" + " drawn.";
                    default ->
                        "Learning: bits per token of grids that were kept out of the training, by its own log. Dashed curves are of"
                                + " other tokens, whose bits are on a scale of their own; bounds of different methods are differently tight.";
                };
        return figure("plots/" + file, caption);
    }

    private static String grid(Prior prior) {
        String run = escape(prior.run());
        String caption = prior.taken()
                ? "trained before: " + run
                : Phrase.of(
                                "<a href=\"runs/%1$s/recipe.yaml\">recipe</a>, <a href=\"runs/%1$s/training.png\">curves</a>")
                        .with(escape(prior.name()));
        return Phrase.of("<div><h3>%s</h3>%s</div>").with(escape(prior.name()), figure(prior.grid(), caption));
    }

    private String settings() {
        List<String> metrics = CompareTable.metrics(result);
        List<String> head = new ArrayList<>(List.of("prior", "setting", "steps"));
        metrics.forEach(each -> head.add(escape(each) + (DISTANCES.contains(each) ? " ↓" : " ↑")));
        head.addAll(List.of("ms an image", "images/s", "passes an image"));
        StringBuilder rows = new StringBuilder(row("th", head));
        for (CompareResult.Reference each : result.references()) {
            List<String> cells =
                    new ArrayList<>(List.of(escape(each.title()), "<small>" + escape(each.what()) + "</small>", ""));
            metrics.forEach(metric -> cells.add(value(each.measures(), metric)));
            rows.append(row("td", cells).replaceFirst("<tr>", "<tr class=\"reference\">"));
        }
        for (Prior prior : result.priors()) {
            boolean first = true;
            for (Cell cell : prior.cells()) {
                String row = cell.skipped() != null ? skipped(prior, cell, head.size()) : setting(prior, cell, metrics);
                rows.append(first ? row.replaceFirst("<tr>", "<tr class=\"first\">") : row);
                first = false;
            }
        }
        return table(rows);
    }

    private static String setting(Prior prior, Cell cell, List<String> metrics) {
        List<String> cells = new ArrayList<>(List.of(escape(prior.name()), escape(cell.text()), whole(cell.steps())));
        metrics.forEach(each -> cells.add(value(cell.measures(), each)));
        cells.add(digits(1000 * cell.secondsPerImage()));
        cells.add(digits(1 / cell.secondsPerImage()));
        cells.add(digits(cell.passes()));
        return row("td", cells);
    }

    private static String skipped(Prior prior, Cell cell, int columns) {
        return Phrase.of("<tr><td>%s</td><td>%s</td><td class=\"skipped\" colspan=\"%d\">left out: %s</td></tr>\n")
                .with(escape(prior.name()), escape(cell.text()), columns - 2, escape(cell.skipped()));
    }

    private List<String> follows() {
        List<String> items = new ArrayList<>();
        long trained = result.priors().stream().filter(each -> !each.taken()).count();
        if (trained > 0) {
            items.add(Phrase.of(
                                    "All this is for one budget (%s steps of training), one seed and one set of images. With more training the order")
                            .with(span(result.priors().stream()
                                    .filter(each -> !each.taken())
                                    .map(Prior::steps)
                                    .toList()))
                    + " may well be another: some methods learn from every token at every step, and lead early.");
        }
        items.add(
                "Two settings differ where their intervals lie apart. An interval is over resamples of the draws of one trained model; how"
                        + " much another seed of the training would change is not in it.");
        CompareTable.measures(result).findFirst().ifPresent(each -> {
            items.add(Phrase.of(
                                    "Distances are of <b>%s</b> (%s numbers an image). They compare with others of the same features, size and number of")
                            .with(escape(each.features()), whole(each.dimension()))
                    + " images, and with nothing else: not with figures of papers, unless these are the features of the FID and the"
                    + " numbers of images are theirs.");
            each.notices()
                    .forEach(notice -> items.add(
                            escape(notice.substring(0, 1).toUpperCase(Locale.ROOT) + notice.substring(1)) + "."));
        });
        if (!result.references().isEmpty()) {
            items.add(
                    "<i>tokenizer</i> is what images lose when they go through tokens and back: a prior that were perfect would be about"
                            + " there, and what it lies above that is its own.");
        }
        if (result.references().stream().anyMatch(each -> each.name().equals("train"))) {
            items.add(
                    "<i>train</i> is the distance between real images of two sets: the floor of the metric at this number of images.");
        }
        if (result.priors().stream().anyMatch(Prior::ownScale)) {
            items.add(
                    "A prior with an asterisk was trained on tokens of its own, by a tokenizer of its own: its bits say nothing beside the"
                            + " others', and its images carry its tokenizer's losses.");
        }
        String stepped = result.priors().stream()
                .filter(each -> each.bits() != null
                        && Objects.requireNonNullElse(each.bits().steps(), 0) > 0)
                .map(each ->
                        Phrase.of("%s of %,d").with(each.name(), each.bits().steps()))
                .collect(Collectors.joining(", "));
        if (!stepped.isEmpty()) {
            items.add("Bounds on bits are of continuous time, but of so many steps: " + escape(stepped) + ".");
        }
        items.add(
                "Bits per token of different methods are bounds that are differently tight: they tell learning from not learning, not always"
                        + " the better from the good. Draws are what a prior is for.");
        items.add(
                "Time is of drawing tokens alone, in batches of 64, on a machine that may have had other work. Forward passes don't"
                        + " depend on that, but one of a long grid and one of a single token count alike.");
        return items;
    }

    private List<String> measured() {
        List<String> items = new ArrayList<>();
        items.add(Phrase.of("Every setting draws %s images by the seed %d, of all classes evenly.")
                .with(whole(plan.draws()), plan.seed()));
        if (!plan.set().isEmpty()) {
            items.add(Phrase.of("What the recipes of all that were trained share: %s.")
                    .with(escape(String.join(", ", plan.set()))));
        }
        CompareTable.measures(result)
                .findFirst()
                .ifPresent(each -> items.add(Phrase.of(
                                "Images are compared at %1$d×%1$d pixels; the"
                                        + " intervals of %2$s are 1.96 standard deviations over %3$d resamples of the draws.%4$s")
                        .with(
                                each.size(),
                                escape(String.valueOf(quality)),
                                each.resamples(),
                                each.sha256() == null
                                        ? ""
                                        : " SHA-256 of the features' weights: " + each.sha256() + ".")));
        CompareTable.measures(result)
                .findFirst()
                .map(ComparePage::neighbours)
                .filter(each -> !each.isEmpty())
                .ifPresent(items::add);
        Set<String> machines = result.priors().stream()
                .flatMap(each -> each.cells().stream())
                .map(Cell::machine)
                .filter(Objects::nonNull)
                .collect(Collectors.toCollection(TreeSet::new));
        items.add("Drawn on: " + escape(String.join("; ", machines)) + ".");
        for (Prior prior : result.priors()) {
            if (prior.taken()) {
                items.add(escape(prior.name() + " was trained before, as " + prior.run() + " says."));
            }
        }
        items.add(Html.origin(plan.seed()));
        return items;
    }

    /** {@code Neighbours, k: precision 3, density 5.}; empty where nothing was measured by them. */
    private static String neighbours(Measures measures) {
        String each = measures.values().entrySet().stream()
                .filter(value -> value.getValue().neighbours() != null)
                .map(value -> value.getKey() + " " + value.getValue().neighbours())
                .collect(Collectors.joining(", "));
        return each.isEmpty() ? "" : "Balls reach to the k-th neighbour, k: " + each + ".";
    }

    private static String span(Collection<Long> values) {
        long least = values.stream().min(Comparator.naturalOrder()).orElse(0L);
        long most = values.stream().max(Comparator.naturalOrder()).orElse(0L);
        return least == most ? whole(least) : whole(least) + " to " + whole(most);
    }
}
