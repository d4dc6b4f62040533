package dev.smalti;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The rows of table 1 of Nguyen et al. 2024, arXiv:2410.14758, in small: short runs on the known joint, and whether embeddings
 * collapse. No part of the usual tests, since it takes long; docs/lcmd.md has its command.
 */
class LcmdAblation extends KnownJointContract {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String SHORT = "training.steps=400";
    private static final String BATCH = "training.batch=128";

    @ParameterizedTest(name = "{0}")
    @CsvSource(
            delimiter = ';',
            value = {
                "the paper's weights; lcmd; prior={kind: lcmd, " + PAPER + "}",
                "without consistency; lcmd; prior={kind: lcmd, weights: {consistency: 0}, " + PAPER + "}",
                "without shift; lcmd; prior={kind: lcmd, noise: {shift: 1}, " + PAPER + "}",
                "without dropping; lcmd; prior={kind: lcmd, dropping: {ratio: 0}, " + PAPER + "}",
                "with cross-entropy; lcmd; prior={kind: lcmd, weights: {cross_entropy: 1}, " + PAPER + "}",
                "CSDM; csdm; seed=0",
                "CSDM normalised; csdm-normalised; seed=0",
                "CSDM frozen; csdm-frozen; seed=0",
                "CDCD; cdcd; seed=0"
            })
    void a_row_of_the_table(String name, String recipe, String override) throws IOException {
        row(name, recipe, SHORT, BATCH, "training.validate_every=400", override);
    }

    private void row(String name, String recipe, String... overrides) throws IOException {
        Path run = train(recipe, overrides);
        double distance = distance(run, "prior.sampling.steps=25");
        JsonNode first = null;
        JsonNode last = null;
        for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
            JsonNode node = JSON.readTree(line);
            if (node.has("prior.embedding_norm")) {
                first = first == null ? node : first;
                last = node;
            }
        }
        StringBuilder row = new StringBuilder("| %s | %.2f |".formatted(name, distance));
        for (String measure : List.of("embedding_norm", "embedding_distance")) {
            row.append(" %.2f → %.2f |"
                    .formatted(
                            first.path("prior." + measure).asDouble(),
                            last.path("prior." + measure).asDouble()));
        }
        for (String measure : List.of("accuracy_at_0.1", "accuracy_at_0.5", "entropy_at_0.1", "entropy_at_0.9")) {
            row.append(" %.2f |".formatted(last.path("prior." + measure).asDouble()));
        }
        System.out.println(row);
        assertThat(distance).isBetween(0.0, 1.0);
    }

    /** The paper's weights and each baseline, with the training of their recipes. */
    @ParameterizedTest(name = "{0}, longer")
    @CsvSource(
            delimiter = ';',
            value = {
                "the paper's weights; csdm; prior={kind: lcmd, " + PAPER + "}",
                "CSDM; csdm; seed=0",
                "CSDM normalised; csdm-normalised; seed=0",
                "CSDM frozen; csdm-frozen; seed=0",
                "CDCD; cdcd; seed=0",
            })
    void a_longer_run(String name, String recipe, String override) throws IOException {
        row(name, recipe, "training.validate_every=1000", override);
    }

    private static final String PAPER =
            "network: {kind: dit, layers: 3, width: 64, heads: 4, condition: 64}, embedding: {dimension: 16}, sampling: {steps: 50}";
}
