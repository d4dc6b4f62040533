package dev.smalti.compare;

import dev.smalti.compare.CompareResult.Measures;
import dev.smalti.compare.CompareResult.Value;
import dev.smalti.recipe.Provenance;
import dev.smalti.tensor.Phrase;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What the pages of a {@link Compare} are made of. */
final class Html {
    private static final String PAGE = """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>%1$s</title>
        <style>
        body { font: 16px/1.5 system-ui, sans-serif; max-width: 88rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
        h1, h2, h3 { line-height: 1.2; }
        h2 { margin-top: 3rem; }
        .lead { max-width: 46rem; }
        ul { max-width: 46rem; padding-left: 1.2rem; }
        li { margin: .3rem 0; }
        figure { margin: 0; }
        figcaption { color: #555; margin-top: .4rem; }
        img { max-width: 100%%; height: auto; }
        .wide { overflow-x: auto; background: linear-gradient(to left, #fff 2rem, #fff0) right, linear-gradient(to left, #0003, #0000) right;
          background-size: 4rem 100%%, 1rem 100%%; background-repeat: no-repeat; background-attachment: local, scroll; }
        .plots, .grids { display: grid; gap: 2rem; grid-template-columns: repeat(auto-fill, minmax(min(100%%, 30rem), 1fr)); }
        .grids img { image-rendering: auto; width: 100%%; }
        table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .85rem; }
        th, td { text-align: right; padding: .3rem .5rem; white-space: nowrap; border-bottom: 1px solid #e4e4e4; }
        th { color: #555; font-weight: normal; white-space: normal; vertical-align: bottom; border-bottom: 2px solid #bbb; }
        th:first-child, td:first-child, td.text { text-align: left; }
        td:first-child { position: sticky; left: 0; background: #fff; }
        tr.first td { border-top: 2px solid #bbb; }
        tr.reference td { color: #666; font-style: italic; }
        .best { font-weight: 600; }
        .skipped { color: #777; white-space: normal; text-align: left; min-width: 20rem; }
        small { color: #777; }
        @media (max-width: 90rem) { td small { display: block; line-height: 1.2; } }
        </style>
        </head>
        <body>
        <h1>%1$s</h1>
        <p class="lead">%2$s
        %3$s
        </body>
        </html>
        """;

    private Html() {}

    /** @param lead what stands below the title, from within its paragraph on */
    static String page(String title, String lead, String... sections) {
        return Phrase.of(PAGE).with(title, lead, String.join("", sections));
    }

    static String section(String title, String body) {
        return "<h2>" + title + "</h2>\n" + body + "\n";
    }

    static String division(String kind, Stream<String> parts) {
        return parts.collect(Collectors.joining("\n", "<div class=\"" + kind + "\">\n", "\n</div>"));
    }

    static String figure(String file, String caption) {
        return Phrase.of(
                        "<figure><a href=\"%1$s\"><img loading=\"lazy\" alt=\"%1$s\" src=\"%1$s\"></a><figcaption>%2$s</figcaption></figure>")
                .with(escape(file), caption);
    }

    static String value(Measures measures, String metric) {
        Value value = measures.values().get(metric);
        if (value == null) {
            return "–";
        }
        return value.low() == null
                ? digits(value.value())
                : digits(value.value()) + " <small>" + digits(value.low()) + "–" + digits(value.high()) + "</small>";
    }

    static String digits(double value) {
        if (!Double.isFinite(value)) {
            return "–";
        }
        double size = Math.abs(value);
        return String.format(
                Locale.ROOT, size >= 100 ? "%.0f" : size >= 10 ? "%.1f" : size >= 1 ? "%.2f" : "%.3g", value);
    }

    static String whole(long value) {
        return String.format(Locale.ROOT, "%,d", value);
    }

    static String time(double seconds) {
        return seconds < 60
                ? String.format(Locale.ROOT, "%.1f s", seconds)
                : seconds < 7200
                        ? String.format(Locale.ROOT, "%.0f min", seconds / 60)
                        : String.format(Locale.ROOT, "%.1f h", seconds / 3600);
    }

    static String row(String tag, List<String> cells) {
        return cells.stream()
                .map(each -> "<" + tag + ">" + each + "</" + tag + ">")
                .collect(Collectors.joining("", "<tr>", "</tr>\n"));
    }

    static String table(CharSequence rows) {
        return "<div class=\"wide\"><table>\n" + rows + "</table></div>\n";
    }

    static String list(List<String> items) {
        return items.stream()
                .map(each -> "<li>" + each + "</li>")
                .collect(Collectors.joining("\n", "<ul>\n", "\n</ul>"));
    }

    /** What made the page, and when. */
    static String origin(long seed) {
        Provenance here = Provenance.of(seed, "", "", Map.of());
        return escape(Phrase.of("Smalti %s, libtorch's binding %s, Java %s, %s; page of %s.")
                .with(here.smalti(), here.pytorch(), here.java(), here.os(), here.created()));
    }

    static String escape(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;");
    }
}
