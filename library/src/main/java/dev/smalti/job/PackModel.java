package dev.smalti.job;

import dev.smalti.model.Opening;
import dev.smalti.run.Claim;
import dev.smalti.run.Outputs;
import dev.smalti.run.RunFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Makes a small copy of a trained model, for shipping: the averaged weights in bfloat16, the recipe and the provenance, of a
 * prior also those of its tokenizer; no optimizer, no discriminator, no pictures.
 *
 * @param model run folder of {@code train-prior}, {@code train-tokenizer} or {@code train-features}
 * @param out new folder
 * @param checkpoint {@code auto}, {@code best}, {@code last} or a step, as {@link Opening} has it
 */
public record PackModel(Path model, Path out, String checkpoint) {
    /** The best checkpoint where training kept one, else the newest. */
    public PackModel(Path model, Path out) {
        this(model, out, Opening.AUTO);
    }

    /** @return bytes written */
    public long run() {
        RunFolder folder = RunFolder.open(model).at(checkpoint);
        Outputs.emptyFolder("--out", out);
        Outputs.makeFolder("--out", out.toAbsolutePath().getParent());
        try (Claim claim = Claim.beside(out)) {
            Outputs.emptyFolder("--out", out); // another process may have filled it meanwhile
            folder.copyModel(out, ScalarType.BFloat16);
        }
        try (Stream<Path> files = Files.walk(out)) {
            return files.filter(Files::isRegularFile)
                    .mapToLong(file -> file.toFile().length())
                    .sum();
        } catch (IOException e) {
            throw Outputs.failure(out, e);
        }
    }
}
