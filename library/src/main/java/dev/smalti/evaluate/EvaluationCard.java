package dev.smalti.evaluate;

import dev.smalti.evaluate.EvaluationResult.Compared;
import dev.smalti.evaluate.EvaluationResult.Draw;
import dev.smalti.evaluate.EvaluationResult.Value;
import dev.smalti.tensor.Phrase;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** An {@link EvaluationResult} for people: what was measured, and beside it what the numbers depend on. */
public final class EvaluationCard {
    private final EvaluationResult result;

    public EvaluationCard(EvaluationResult result) {
        this.result = result;
    }

    private record Line(String name, String text) {}

    /** A line for each fact, for a terminal. */
    public String text() {
        List<String> lines = new ArrayList<>();
        facts().forEach(line -> lines.add(line.name() + ": " + line.text()));
        result.values().forEach((name, value) -> {
            String interval = interval(value);
            String spread = value.deviation() == null
                    ? ""
                    : Phrase.of(", deviation %s over parts").with(deviation(value));
            lines.add(named(name, value) + ": " + number(value.value()) + spread
                    + (interval.isEmpty() ? "" : ", 95 %: " + interval + " (" + value.from() + ")"));
        });
        result.notices().forEach(each -> lines.add("note: " + each));
        return String.join(System.lineSeparator(), lines);
    }

    /** A page with a table of the numbers. */
    public String markdown() {
        StringBuilder page = new StringBuilder("# Evaluation\n\n");
        page.append("| metric | value | 95 % interval, from | deviation over parts |\n|---|---|---|---|\n");
        result.values()
                .forEach((name, value) -> page.append(Phrase.of("| %s | %s | %s | %s |\n")
                        .with(
                                named(name, value),
                                number(value.value()),
                                value.interval() == null ? "" : interval(value) + ", " + value.from(),
                                value.deviation() == null ? "" : deviation(value))));
        page.append('\n');
        facts().forEach(line -> page.append(Phrase.of("- **%s**: %s\n").with(line.name(), plain(line.text()))));
        if (!result.notices().isEmpty()) {
            page.append("\nTo be known:\n\n");
            result.notices()
                    .forEach(each -> page.append("- ").append(plain(each)).append('\n'));
        }
        return page.toString();
    }

    private List<Line> facts() {
        List<Line> lines = new ArrayList<>();
        lines.add(new Line(
                "real",
                text(result.real())
                        + (result.split() == null ? ", split not stated" : ", split " + result.split())
                        + (result.cached() ? ", features from the cache" : "")));
        lines.add(new Line("fake", fake()));
        if (result.draw() != null) {
            lines.add(new Line("sampler", text(result.draw())));
        }
        lines.add(new Line("size", Phrase.of("%1$dx%1$d, %2$s").with(result.side(), result.resize())));
        lines.add(new Line(
                "features",
                Phrase.of("%s, %d numbers%s")
                        .with(
                                result.features(),
                                result.dimension(),
                                result.sha256() == null ? ", no weights" : ", SHA-256 " + result.sha256())));
        if (result.lpips() != null) {
            lines.add(new Line("lpips", result.lpips().toString()));
        }
        lines.add(new Line("seed", Phrase.of("%d; %.1f s in all").with(result.seed(), result.seconds())));
        return lines;
    }

    private String fake() {
        Compared fake = result.fake();
        String by = Phrase.of("by %s, weights %s").with(fake.path(), fake.fingerprint());
        return switch (result.kind()) {
            case IMAGES -> text(fake);
            case MODEL -> Phrase.of("%,d images drawn %s").with(fake.images(), by);
            case TOKENS -> Phrase.of("%,d images decoded %s").with(fake.images(), by);
            case TOKENIZER -> Phrase.of("%,d reconstructions %s").with(fake.images(), by);
        };
    }

    private static String text(Compared set) {
        return Phrase.of("%,d images of %s, %,d of another size").with(set.images(), set.path(), set.resized());
    }

    private static String text(Draw draw) {
        StringBuilder text = new StringBuilder();
        for (Map.Entry<String, Object> each : draw.sampler().entrySet()) {
            text.append(each.getKey().replace('_', ' '))
                    .append(' ')
                    .append(each.getValue())
                    .append(", ");
        }
        text.append("classes ").append(draw.labels().isEmpty() ? "all, evenly" : String.join(", ", draw.labels()));
        if (!draw.overrides().isEmpty()) {
            text.append(", set ").append(String.join(" ", draw.overrides()));
        }
        text.append(Phrase.of(", step %d of the training, %s")
                .with(draw.checkpoint(), draw.precision().name().toLowerCase(Locale.ROOT)));
        return text.append(Phrase.of("; %.3g forward passes an image, drawn in %.1f s")
                        .with(draw.cost().passes(), draw.seconds()))
                .toString();
    }

    /** {@code precision (k = 3)} */
    private static String named(String name, Value value) {
        return value.neighbours() == null ? name : Phrase.of("%s (k = %d)").with(name, value.neighbours());
    }

    private static String interval(Value value) {
        return value.interval() == null
                ? ""
                : number(value.interval().low()) + " to "
                        + number(value.interval().high());
    }

    private static String deviation(Value value) {
        return String.format(Locale.ROOT, "%.4g", value.deviation());
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.6g", value);
    }

    /** Names of files may have what Markdown takes for a mark. */
    private static String plain(String text) {
        return text.replaceAll("([\\\\`*_\\[\\]<>|#])", "\\\\$1");
    }
}
