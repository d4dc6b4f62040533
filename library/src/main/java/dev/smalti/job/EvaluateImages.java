package dev.smalti.job;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import dev.smalti.evaluate.Evaluation;
import dev.smalti.evaluate.EvaluationCard;
import dev.smalti.evaluate.EvaluationRequest;
import dev.smalti.evaluate.EvaluationResult;
import dev.smalti.run.Claim;
import dev.smalti.run.JobException;
import dev.smalti.run.Outputs;
import dev.smalti.tensor.AtomicFile;
import dev.smalti.tensor.Observer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Measures how near a set of images comes to real ones, as {@link Evaluation} does it, and writes it down.
 *
 * @param result JSON file with the result; null for none
 * @param card Markdown file with the same for people; null for none
 */
public record EvaluateImages(EvaluationRequest request, Path result, Path card) {
    private static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

    /** @param observer told of the images of each set, and of the measures */
    public EvaluationResult run(Observer observer) {
        check();
        try (Claim facts = claim(result);
                Claim text = claim(card)) {
            EvaluationResult found = Evaluation.of(request, observer);
            if (result != null) {
                write(result, path -> JSON.writeValue(path.toFile(), found.facts()));
            }
            if (card != null) {
                write(card, path -> Files.writeString(path, new EvaluationCard(found).markdown()));
            }
            return found;
        }
    }

    private static Claim claim(Path file) {
        return file == null ? null : Claim.beside(file);
    }

    private void check() {
        if (result != null) {
            Outputs.file("--out", result);
        }
        if (card != null) {
            Outputs.file("--card", card);
            if (result != null
                    && card.toAbsolutePath()
                            .normalize()
                            .equals(result.toAbsolutePath().normalize())) {
                throw new JobException("--card and --out must be two files, got " + card + " for both");
            }
        }
    }

    private interface Writing {
        void write(Path path) throws IOException;
    }

    private static void write(Path file, Writing writing) {
        try (AtomicFile beside = AtomicFile.of(file)) {
            writing.write(beside.path());
            beside.commit();
        } catch (IOException e) {
            throw Outputs.failure(file, e);
        }
    }
}
