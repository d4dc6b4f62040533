package dev.smalti.job;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Makes a small copy of a trained model, for shipping: the averaged weights in bfloat16, the recipe and the provenance, of a
 * prior also those of its tokenizer; no optimizer, no discriminator, no pictures.
 *
 * @param model run folder of {@code train-prior} or {@code train-tokenizer}
 * @param out new folder
 */
public record PackModel(Path model, Path out) {
    /** @return bytes written */
    public long run() {
        RunFolder folder = RunFolder.open(model);
        try {
            if (Files.exists(out) && !(Files.isDirectory(out) && empty(out))) {
                throw new JobException(out + " is there already and not empty: choose another --out");
            }
            folder.copyModel(out, ScalarType.BFloat16);
            RunFolder tokenizer = folder.isPrior() ? folder.tokenizerFolder() : null;
            if (tokenizer != null) {
                tokenizer.copyModel(out.resolve("tokenizer"), ScalarType.BFloat16);
            }
            try (Stream<Path> files = Files.walk(out)) {
                return files.filter(Files::isRegularFile)
                        .mapToLong(PackModel::size)
                        .sum();
            }
        } catch (IOException e) {
            throw new IllegalStateException(model + " cannot be copied to " + out + ": " + e, e);
        }
    }

    private static boolean empty(Path folder) throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.findAny().isEmpty();
        }
    }

    private static long size(Path file) {
        try {
            return Files.size(file);
        } catch (IOException e) {
            return 0;
        }
    }
}
