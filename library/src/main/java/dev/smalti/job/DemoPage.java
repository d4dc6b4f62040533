package dev.smalti.job;

import dev.smalti.draw.Sampling;
import dev.smalti.model.Model;
import dev.smalti.run.Outputs;
import dev.smalti.tensor.Phrase;
import dev.smalti.token.TokenSpace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** The page of a demo, with the pictures inside it, so that it can be passed on alone. */
final class DemoPage {
    private static final String PAGE = """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Smalti: %1$s</title>
        <style>
        body { font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
        h1, h2, h3 { line-height: 1.2; }
        h2 { margin-top: 3rem; border-top: 1px solid #ddd; padding-top: 1rem; }
        figure { margin: 0 0 2.5rem; }
        figcaption { color: #555; margin-top: .5rem; }
        img { max-width: 100%%; height: auto; }
        .rows { display: flex; gap: .75rem; align-items: stretch; }
        .rows ol { list-style: none; margin: 0; padding: 0; display: flex; flex-direction: column; text-align: right; }
        .rows li { flex: 1; display: flex; align-items: center; justify-content: flex-end; }
        table { border-collapse: collapse; }
        th, td { text-align: left; padding: .2rem 1.5rem .2rem 0; font-weight: normal; }
        th { color: #555; }
        </style>
        </head>
        <body>
        <h1>Images from tokens</h1>
        <p>A prior draws a grid of tokens, and a tokenizer turns it into an image.</p>
        %2$s
        </body>
        </html>
        """;
    private static final String SECTION = """
        <section id="%1$s">
        <h2>%1$s</h2>
        %2$s
        <h3>Settings</h3>
        <table>
        %3$s
        </table>
        <h3>Time</h3>
        <table>
        %4$s
        </table>
        </section>
        """;

    private DemoPage() {}

    /** @param sections one of each model */
    static String html(String name, List<String> sections) {
        return Phrase.of(PAGE).with(escape(name), String.join("\n", sections));
    }

    /** @param classes the rows of {@code classes.png} */
    static String section(
            String name,
            Model model,
            long seed,
            Sampling sampling,
            List<String> classes,
            Map<String, Path> files,
            Map<String, Double> seconds) {
        StringBuilder figures = new StringBuilder();
        figures.append(figure(
                "<h3>Samples</h3>",
                image(files.get("samples")),
                "The first samples of this seed; nobody picked them."));
        if (files.containsKey("classes")) {
            String names = classes.stream()
                    .map(each -> "<li>" + escape(each) + "</li>")
                    .collect(Collectors.joining());
            figures.append(figure(
                    "<h3>Classes</h3>",
                    "<div class=\"rows\"><ol>" + names + "</ol>" + image(files.get("classes")) + "</div>",
                    "A row for each of " + classes.size() + " classes."));
        }
        figures.append(optional(
                files,
                "reveal",
                "<h3>How an image comes to be</h3>",
                "Each step changes some tokens, given those that are there. Grey: still masked."));
        figures.append(
                optional(
                        files,
                        "edit",
                        "<h3>Edits</h3>",
                        "The first sample, what is drawn anew of it, and six ways to draw it; the other pixels stay as they are."));
        figures.append(optional(
                files,
                "strip",
                "<h3>Beyond the edge</h3>",
                "The same sample continued to the right, through windows that overlap by a quarter."));
        figures.append(
                optional(files, "wide", "<h3>Wide canvases</h3>", "Four times as wide as any image in training."));
        Map<String, String> times = new LinkedHashMap<>();
        seconds.forEach((what, time) -> times.put(what, String.format(Locale.ROOT, "%.1f s", time)));
        double all = seconds.values().stream().mapToDouble(Double::doubleValue).sum();
        times.put("together", String.format(Locale.ROOT, "%.1f s", all));
        return Phrase.of(SECTION)
                .with(escape(name), figures, table(settings(name, model, seed, sampling.named())), table(times));
    }

    private static Map<String, String> settings(String name, Model model, long seed, Map<String, Object> sampling) {
        TokenSpace space = model.prior().space();
        int side = model.tokenizer().imageSize();
        Map<String, String> settings = new LinkedHashMap<>();
        settings.put("model", name);
        settings.put("image", side + " x " + side + " pixels");
        settings.put("tokens", Phrase.of("%d x %d, of %d codes").with(space.height(), space.width(), space.codes()));
        settings.put("classes", Integer.toString(model.classNames().size()));
        settings.put(
                "steps", sampling.getOrDefault("steps", "as its recipe says").toString());
        settings.put("temperature", sampling.getOrDefault("temperature", 1.0).toString());
        settings.put(
                "guidance",
                sampling.containsKey("guidance")
                        ? sampling.get("guidance") + ", " + sampling.getOrDefault("guidance_schedule", "constant")
                        : "none");
        settings.put("seed", Long.toString(seed));
        settings.put("processors", Integer.toString(Runtime.getRuntime().availableProcessors()));
        settings.put("precision", model.precision().name().toLowerCase(Locale.ROOT));
        return settings;
    }

    private static String optional(Map<String, Path> files, String name, String title, String caption) {
        return files.containsKey(name) ? figure(title, image(files.get(name)), caption) : "";
    }

    private static String figure(String title, String picture, String caption) {
        return title + "\n<figure>" + picture + "<figcaption>" + caption + "</figcaption></figure>\n";
    }

    private static String image(Path file) {
        try {
            String name = file.getFileName().toString();
            String type = name.substring(name.lastIndexOf('.') + 1);
            String data = Base64.getEncoder().encodeToString(Files.readAllBytes(file));
            return "<img alt=\"" + name + "\" src=\"data:image/" + type + ";base64," + data + "\">";
        } catch (IOException e) {
            throw Outputs.failure(file, e);
        }
    }

    private static String table(Map<String, String> rows) {
        return rows.entrySet().stream()
                .map(row -> "<tr><th>" + escape(row.getKey()) + "</th><td>" + escape(row.getValue()) + "</td></tr>")
                .collect(Collectors.joining("\n"));
    }

    private static String escape(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;");
    }
}
