package dev.smalti.compare;

import dev.smalti.compare.CompareResult.Cell;
import dev.smalti.compare.CompareResult.Measures;
import dev.smalti.compare.CompareResult.Prior;
import dev.smalti.compare.CompareResult.Value;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The measurements of a {@link Compare} as comma-separated values, RFC 4180: a row for each setting of each prior and for
 * each reference, or a row for each tokenizer.
 */
final class CompareTable {
    private static final List<String> SETTINGS = List.of(
            "guidance",
            "guidance_schedule",
            "against",
            "temperature",
            "last_temperature",
            "top_k",
            "top_p",
            "typical",
            "temperatures",
            "reveal",
            "order",
            "order_noise",
            "entropy_bound",
            "extrapolate",
            "trapezoidal",
            "corrector",
            "corrector_sweeps",
            "corrector_places",
            "corrector_when",
            "corrector_kappa",
            "corrector_eta");

    private CompareTable() {}

    static String csv(CompareResult result) {
        List<String> metrics = metrics(result);
        List<Object> head = new ArrayList<>(List.of(
                "prior",
                "kind",
                "parameters",
                "training_steps",
                "training_grids",
                "training_seconds",
                "bits_per_token"));
        head.addAll(List.of("bits_interval", "bits_exact", "bits_own_scale", "steps", "asked_steps"));
        head.addAll(SETTINGS);
        head.addAll(List.of("images", "seconds_per_image", "images_per_second", "passes_per_image"));
        for (String metric : metrics) {
            head.addAll(List.of(metric, metric + "_low", metric + "_high"));
        }
        head.addAll(List.of("machine", "skipped"));
        List<List<Object>> rows = new ArrayList<>();
        rows.add(head);
        for (Prior prior : result.priors()) {
            for (Cell cell : prior.cells()) {
                rows.add(row(prior, cell, metrics));
            }
        }
        for (CompareResult.Reference reference : result.references()) {
            List<Object> row = new ArrayList<>();
            row.add("(" + reference.what() + ")");
            fill(row, 12 + SETTINGS.size());
            row.add(reference.measures().images());
            fill(row, 13 + SETTINGS.size() + 3);
            add(row, reference.measures(), metrics);
            fill(row, head.size());
            rows.add(row);
        }
        return text(rows);
    }

    /** A row for each tokenizer. */
    static String tokenizers(CompareResult result) {
        List<String> metrics = metrics(result);
        List<Object> head = new ArrayList<>(
                List.of("tokenizer", "kind", "grid", "codes", "parameters", "training_steps", "training_images"));
        head.addAll(List.of("training_seconds", "images"));
        for (String metric : metrics) {
            head.addAll(List.of(metric, metric + "_low", metric + "_high"));
        }
        List<List<Object>> rows = new ArrayList<>();
        rows.add(head);
        for (CompareResult.Tokenizer each : result.tokenizers()) {
            List<Object> row = new ArrayList<>(List.of(
                    each.name(),
                    each.kind(),
                    each.grid(),
                    each.codes(),
                    each.parameters(),
                    each.steps(),
                    each.steps() * each.batch()));
            row.add(each.seconds());
            row.add(each.measures().images());
            add(row, each.measures(), metrics);
            rows.add(row);
        }
        return text(rows);
    }

    private static String text(List<List<Object>> rows) {
        return rows.stream()
                .map(row -> row.stream().map(CompareTable::quoted).collect(Collectors.joining(",")))
                .collect(Collectors.joining("\r\n", "", "\r\n"));
    }

    /** All metrics that were measured, in their order. */
    static List<String> metrics(CompareResult result) {
        Set<String> names = new LinkedHashSet<>();
        measures(result).forEach(each -> names.addAll(each.values().keySet()));
        return List.copyOf(names);
    }

    /** Of all settings, tokenizers and references. */
    static Stream<Measures> measures(CompareResult result) {
        Stream<Measures> priors = Stream.concat(
                        result.priors().stream()
                                .flatMap(each -> each.cells().stream())
                                .map(Cell::measures),
                        result.references().stream().map(CompareResult.Reference::measures))
                .filter(Objects::nonNull);
        return Stream.concat(priors, result.tokenizers().stream().map(CompareResult.Tokenizer::measures));
    }

    private static List<Object> row(Prior prior, Cell cell, List<String> metrics) {
        List<Object> row = new ArrayList<>();
        row.add(prior.name());
        row.add(prior.kind());
        row.add(prior.parameters());
        row.add(prior.steps());
        row.add(prior.grids());
        row.add(prior.seconds());
        CompareResult.Bits bits = prior.bits();
        row.add(bits == null ? null : bits.mean());
        row.add(bits == null ? null : bits.interval());
        row.add(bits == null ? null : bits.exact());
        row.add(prior.ownScale());
        row.add(cell.steps());
        row.add(cell.setting().get("steps"));
        SETTINGS.forEach(each -> row.add(cell.setting().get(each)));
        row.add(cell.measures() == null ? null : cell.measures().images());
        row.add(cell.secondsPerImage());
        row.add(cell.secondsPerImage() == null ? null : 1 / cell.secondsPerImage());
        row.add(cell.passes());
        add(row, cell.measures(), metrics);
        row.add(cell.machine());
        row.add(cell.skipped());
        return row;
    }

    private static void add(List<Object> row, Measures measures, List<String> metrics) {
        for (String metric : metrics) {
            Value value = measures == null ? null : measures.values().get(metric);
            row.add(value == null ? null : value.value());
            row.add(value == null ? null : value.low());
            row.add(value == null ? null : value.high());
        }
    }

    private static void fill(List<Object> row, int size) {
        while (row.size() < size) {
            row.add(null);
        }
    }

    private static String quoted(Object value) {
        String text = value == null ? "" : value.toString();
        return text.matches("(?s).*[\",\\r\\n].*") ? '"' + text.replace("\"", "\"\"") + '"' : text;
    }
}
