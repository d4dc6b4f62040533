package dev.smalti.job;

import dev.smalti.exchange.Importing;
import dev.smalti.exchange.PublishedKind;
import dev.smalti.model.Encoding;
import dev.smalti.run.Claim;
import dev.smalti.run.JobException;
import dev.smalti.run.Outputs;
import dev.smalti.run.RunFolder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Makes a run folder of weights that another project published.
 *
 * @param file of weights in PyTorch's format, as safetensors or as msgpack of flax; the index of several, or a folder of them
 * @param out new folder
 * @param kind name of a {@link PublishedKind}; null for the one that the file's names say
 * @param tokenizer run folder of a prior's tokenizer, or name of a bundled model, whose tokenizer is meant; null for a
 *     tokenizer, and for a prior that is to draw tokens and no images
 * @param classes a text file of UTF-8 with the name of each class in a line; null where they are not known
 * @param size H = W of the images that it was trained on, or the length of the rows of a text model; null for what is usual of
 *     its kind
 * @param overrides changes to the recipe that the file's shapes say, {@code path.to.key=value}
 */
public record ImportWeights(
        Path file, Path out, String kind, String tokenizer, Path classes, Integer size, List<String> overrides) {
    private static final long MOST_BYTES = 1 << 20;

    /** Facts by name: {@code kind}, {@code what}, {@code parameters}, {@code left_out}, … */
    public Map<String, Object> run() {
        Outputs.emptyFolder("--out", out);
        RunFolder decoder = tokenizer == null ? null : Encoding.tokenizerOf(RunFolder.open(tokenizer));
        PublishedKind.Asked asked = new PublishedKind.Asked(size, names());
        try (Importing importing = Importing.open(file, kind, asked, decoder, overrides)) {
            Outputs.makeFolder("--out", out.toAbsolutePath().getParent());
            try (Claim claim = Claim.beside(out)) {
                Outputs.emptyFolder("--out", out); // another process may have filled it meanwhile
                importing.write(out, decoder);
            }
            return facts(importing);
        } catch (IllegalArgumentException e) {
            throw new JobException(e.getMessage(), e);
        }
    }

    private Map<String, Object> facts(Importing importing) {
        RunFolder.Description description = importing.description();
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("out", out.toString());
        facts.put("kind", importing.kind().name());
        facts.put("what", importing.kind().title());
        facts.put("model", description.kind());
        facts.put("codes", description.codes());
        facts.put("grid", description.height() + "x" + description.width());
        facts.put("classes", description.classes());
        facts.put("contents", importing.contents());
        facts.put("parameters", importing.parameters());
        facts.put("left_out", importing.leftOut());
        return facts;
    }

    private List<String> names() {
        if (classes == null) {
            return List.of();
        }
        try {
            if (Files.size(classes) > MOST_BYTES) {
                throw new JobException(classes + " must be a list of class names of at most 1 MiB, has "
                        + Files.size(classes) + " bytes");
            }
            return Files.readString(classes, StandardCharsets.UTF_8)
                    .lines()
                    .map(String::strip)
                    .filter(line -> !line.isEmpty())
                    .toList();
        } catch (IOException e) {
            throw new JobException(classes + " can't be read as a list of class names in UTF-8: " + e, e);
        }
    }
}
