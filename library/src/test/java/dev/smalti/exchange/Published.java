package dev.smalti.exchange;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.Fixture;
import dev.smalti.job.ImportWeights;
import dev.smalti.run.RunFolder;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** The weights of a fixture, imported as a user imports a published file. */
record Published(Fixture fixture, Map<String, Object> facts, RunFolder run) {
    /** @param size of the images that it was trained on; null for a prior */
    static Published of(String fixture, String weights, Path out, Integer size, String kind, String... overrides) {
        Fixture numbers = Fixture.of(fixture);
        Map<String, Object> facts =
                new ImportWeights(numbers.weightFile(weights), out, null, null, null, size, List.of(overrides)).run();
        assertThat(facts).as("the kind of %s", fixture).containsEntry("kind", kind);
        return new Published(numbers, facts, RunFolder.open(out));
    }
}
