package dev.smalti.exchange;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.recipe.Provenance;
import dev.smalti.tensor.Devices;
import dev.smalti.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Imported tokenizers against what their own projects make of the same images and codes. */
class ImportedTokenizersTest {
    @TempDir
    Path folder;

    @Test
    void of_taming_transformers() {
        Published published = Published.of("vqgan-taming", "weights", folder.resolve("run"), 32, "taming-vqgan");
        try (Tokenizer tokenizer = published.run().tokenizer(Devices.cpu())) {
            Tensor codes = tokenizer.encode(published.fixture().in("x"));
            published.fixture().check("codes", codes.flatten(1, 2));
            published.fixture().check("recon_from_codes", tokenizer.decode(codes));
        }
        assertThat(published.facts().get("left_out")).isEqualTo(Map.of("discriminator", 22));
        Provenance provenance = Provenance.read(published.run().path().resolve("provenance.json"));
        assertThat(provenance.dataFingerprint()).matches("sha256:[0-9a-f]{64}");
        assertThat(provenance.notes()).containsEntry("imported_kind", "taming-vqgan");
    }
}
