package dev.smalti.compare;

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

import dev.smalti.compare.CompareResult.Measures;
import dev.smalti.compare.CompareResult.Tokenizer;
import dev.smalti.recipe.ComparePlan;
import dev.smalti.tensor.Phrase;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** The page of a {@link Compare} of tokenizers. Its pictures lie beside it, in {@code plots} and {@code grids}. */
final class TokenizersPage {
    private static final Set<String> LESS = Set.of("reconstruction_frechet", "rfid", "lpips");

    private TokenizersPage() {}

    /** @param plots names of the files in {@code plots} */
    static String html(Path file, ComparePlan plan, CompareResult result, List<String> plots) {
        int count = result.tokenizers().size();
        Measures first = result.tokenizers().get(0).measures();
        String lead = Phrase.of(
                        "Each of these learnt to encode images as tokens and to decode them. What comes back of %s images"
                                + " of <b>%s</b> is compared with them. The plan is <b>%s</b>; <a href=\"table.csv\">table.csv</a>"
                                + " and <a href=\"results.json\">results.json</a> have all figures.</p>")
                .with(whole(first.images()), escape(plan.real().toString()), escape(file.toString()));
        String missing = result.missing().isEmpty()
                ? ""
                : "<p class=\"lead\"><b>Not all is here yet:</b> " + escape(String.join(", ", result.missing()))
                        + ".</p>";
        return page(
                count == 1 ? "One tokenizer, measured" : count + " tokenizers, side by side",
                lead + missing,
                section("At a glance", glance(result)),
                section("Plots", division("plots", plots.stream().map(TokenizersPage::plot))),
                section(
                        "Reconstructions",
                        division("grids", result.tokenizers().stream().map(TokenizersPage::shown))),
                section("How it was measured, and what doesn't follow", list(measured(plan, result))));
    }

    private static String glance(CompareResult result) {
        List<String> metrics = CompareTable.metrics(result);
        List<String> head = new ArrayList<>(
                List.of("tokenizer", "tokens", "codes", "parameters", "training steps", "images seen", "training"));
        metrics.forEach(each -> head.add(escape(each.replace('_', ' ')) + (LESS.contains(each) ? " ↓" : " ↑")));
        StringBuilder rows = new StringBuilder(row("th", head));
        for (Tokenizer each : result.tokenizers()) {
            List<String> cells = new ArrayList<>(List.of(
                    escape(each.name()) + " <small>" + escape(each.kind()) + "</small>",
                    each.grid(),
                    whole(each.codes()),
                    Phrase.of("%.2f M").with(each.parameters() / 1e6),
                    whole(each.steps())
                            + (each.checkpoint() == null
                                    ? ""
                                    : " <small>measured at " + whole(each.checkpoint()) + "</small>"),
                    whole(each.steps() * each.batch()),
                    each.seconds() == null ? "–" : time(each.seconds())));
            metrics.forEach(metric -> cells.add(value(each.measures(), metric)));
            rows.append(row("td", cells));
        }
        return table(rows);
    }

    private static String plot(String file) {
        return figure(
                "plots/" + file,
                file.equals(ComparePlots.PSNR)
                        ? "Learning: PSNR of images that were kept out of the training, by its own log."
                        : "How near the set of reconstructions comes to that of the images, against how near each comes to its own.");
    }

    private static String shown(Tokenizer each) {
        String caption = each.taken()
                ? "trained before: " + escape(each.run())
                : Phrase.of(
                                "<a href=\"runs/%1$s/recipe.yaml\">recipe</a>, <a href=\"runs/%1$s/training.png\">curves</a>")
                        .with(escape(each.name()));
        return Phrase.of("<div><h3>%s</h3>%s</div>")
                .with(escape(each.name()), figure(each.shown(), "Each image over what comes back of it; " + caption));
    }

    private static List<String> measured(ComparePlan plan, CompareResult result) {
        List<String> items = new ArrayList<>();
        if (!plan.set().isEmpty()) {
            items.add(
                    "What the recipes of all that were trained share: " + escape(String.join(", ", plan.set())) + ".");
        }
        Measures first = result.tokenizers().get(0).measures();
        items.add(Phrase.of(
                        "Distances are of <b>%s</b> (%s numbers an image) at %d×%d pixels%s; small figures are the ends of 95 %%"
                                + " intervals: of a distance over resamples of the reconstructions, of the others over images.")
                .with(
                        escape(first.features()),
                        whole(first.dimension()),
                        first.size(),
                        first.size(),
                        first.sha256() == null ? "" : ", SHA-256 of their weights " + first.sha256()));
        first.notices()
                .forEach(notice ->
                        items.add(escape(notice.substring(0, 1).toUpperCase(Locale.ROOT) + notice.substring(1)) + "."));
        items.add("All this is for one seed of one training each: how much another would change is in no interval.");
        items.add(
                "More tokens or more codes give more back and leave a prior more to learn: what a tokenizer is worth shows in draws.");
        items.add(Html.origin(plan.seed()));
        return items;
    }
}
