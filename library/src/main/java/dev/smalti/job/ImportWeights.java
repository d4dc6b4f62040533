package dev.smalti.job;

import dev.smalti.exchange.Importing;
import dev.smalti.exchange.PublishedKind;
import dev.smalti.model.Encoding;
import dev.smalti.model.Opening;
import dev.smalti.run.Claim;
import dev.smalti.run.JobException;
import dev.smalti.run.Outputs;
import dev.smalti.run.RunFolder;
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
    /** Facts by name: {@code kind}, {@code what}, {@code parameters}, {@code left_out}, …, and where there is one a {@code hint} */
    public Map<String, Object> run() {
        Outputs.emptyFolder("--out", out);
        RunFolder decoder = tokenizer == null
                ? null
                : Encoding.tokenizerOf(RunFolder.open(tokenizer))
                        .at(Opening.AUTO); // though others be written meanwhile
        PublishedKind.Asked asked =
                new PublishedKind.Asked(size, classes == null ? List.of() : ClassList.read(classes));
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
        importing.hint().ifPresent(hint -> facts.put("hint", hint));
        return facts;
    }
}
