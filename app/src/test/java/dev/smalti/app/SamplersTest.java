package dev.smalti.app;

import static dev.smalti.app.Command.done;
import static dev.smalti.app.Command.refused;
import static dev.smalti.app.Command.with;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The options that say which tokens a step draws, and of what. */
class SamplersTest {
    @TempDir
    private static Path folder;

    private static TinyWorld world;
    private static Path prior;

    @TempDir
    private Path fresh;

    private int drawn;

    @BeforeAll
    static void trains_one() {
        world = new TinyWorld(folder);
        prior = world.prior("prior", world.tokens(world.tokenizer()), "training.learning_rate=0.02");
    }

    @Test
    void each_sampler_draws_other_tokens_and_takes_the_calls_that_it_says() throws IOException {
        Set<List<Byte>> seen = new HashSet<>();
        assertThat(calls(seen, "--reveal", "coins")).isCloseTo(4, within(0.5));
        assertThat(calls(seen, "--reveal", "counts")).isEqualTo(4);
        assertThat(calls(seen, "--order", "entropy")).isEqualTo(4);
        assertThat(calls(seen, "--order", "moment", "--order-noise", 1)).isEqualTo(4);
        assertThat(calls(seen, "--reveal", "counts", "--extrapolate", 2)).isEqualTo(4);
        assertThat(calls(seen, "--trapezoidal", 0.5)).isCloseTo(8, within(1.0));
        assertThat(calls(seen, "--corrector", "gibbs", "--corrector-sweeps", 3, "--corrector-places", 2))
                .isCloseTo(7, within(0.5));
        assertThat(calls(seen, "--corrector", "remask-cap", "--corrector-eta", 0.5))
                .isCloseTo(4, within(0.5));
        assertThat(seen).hasSize(8);
    }

    @Test
    void an_entropy_bound_of_nothing_reveals_one_token_after_the_other() {
        double few = passes("--entropy-bound", 100);
        assertThat(few).isLessThan(passes("--entropy-bound", 1e-6)).isEqualTo(1);
    }

    @Test
    void refuses_in_one_line_what_makes_no_sense() {
        Object[] generate = {"generate", prior, "--count", 1, "--out", fresh.resolve("o")};
        refused(with(generate, "--entropy-bound", 1, "--steps", 4), "--entropy-bound", "--steps");
        refused(with(generate, "--extrapolate", 1, "--trapezoidal", 0.5), "leave one of them out");
        refused(with(generate, "--trapezoidal", 1), "trapezoidal must be above 0 and below 1, got 1.0");
        refused(with(generate, "--reveal", "coins", "--order", "halton"), "halton needs counts");
        refused(with(generate, "--corrector-eta", 0.1), "eta", "must be left out for none");
        refused(with(generate, "--corrector", "psi", "--corrector-places", 2), "places", "gibbs", "for psi");
        refused(with(generate, "--corrector", "psi", "--order", "raster"), "psi and remask", "leave out order");
        refused(with(generate, "--order", "confidence", "--entropy-bound", 1), "take entropy");
        refused(with(generate, "--corrector", "more"), "--corrector");
        assertThat(fresh.resolve("o")).doesNotExist();
    }

    @Test
    void a_comparison_sweeps_over_them_and_skips_what_a_prior_does_not() throws IOException {
        Path plan = world.write("samplers.yaml", """
                real: %s
                draws: 4
                resamples: 2
                priors: [{name: tiny, run: %s}]
                sweeps:
                  - {steps: [2], order: [raster], extrapolate: [0.5]}
                  - {steps: [2], corrector: [{kind: gibbs, sweeps: 2, when: between}]}
                  - {steps: [2], order: [raster], corrector: [{kind: psi}]}
                """.formatted(folder.resolve("images"), prior));
        JsonNode cells = done("compare", plan, "--out", fresh.resolve("out"))
                .get("priors")
                .get(0)
                .get("cells");
        assertThat(cells.get(0).get("setting").get("extrapolate").asDouble()).isEqualTo(0.5);
        assertThat(cells.get(1).get("setting").get("corrector_when").asText()).isEqualTo("between");
        assertThat(cells.get(2).get("skipped").asText()).contains("psi and remask");
        assertThat(Files.readString(fresh.resolve("out/table.csv"))).contains("raster", "gibbs");
    }

    private double calls(Set<List<Byte>> seen, Object... options) throws IOException {
        double calls = passes(with(new Object[] {"--steps", 4}, options));
        List<Byte> bytes = new ArrayList<>();
        for (byte each : Files.readAllBytes(fresh.resolve("o" + drawn))) {
            bytes.add(each);
        }
        seen.add(bytes);
        return calls;
    }

    private double passes(Object... options) {
        Object[] command = {
            "generate", prior, "--out", fresh.resolve("o" + ++drawn), "--format", "tokens", "--count", 64
        };
        return done(with(command, options)).get("forward_passes_per_image").asDouble();
    }
}
