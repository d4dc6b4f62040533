package dev.smalti.tokenizer.quantize;

import dev.smalti.Fixture;
import dev.smalti.network.Parameters;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Seed;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

/** Against samb-t/unleashing-transformers. */
class UnleashingFixtureTest {
    @Test
    void looks_up_the_vectors_of_tokens() {
        Fixture fixture = Fixture.of("absorbing-unleashing");
        Tensor vectors = fixture.in("codebook"); // [K, D]
        Tensor steps = fixture.out("sample_x_t"); // [T' + 1, B, L]
        Tensor shape = fixture.out("sample_embed"); // [B, D, h, w]
        try (Parameters parameters = new Parameters(new Seed(0), Devices.cpu())) {
            VectorQuantizer quantizer = new VectorQuantizer(
                    parameters,
                    new CodebookConfiguration(
                            (int) vectors.size(0),
                            (int) vectors.size(1),
                            null,
                            new CodebookConfiguration.Gradient(false)));
            parameters.load(Map.of("embedding.weight", vectors));
            Tensor tokens = steps.select(0, -1).view(-1, shape.size(2), shape.size(3));
            fixture.check("sample_embed", quantizer.lookUp(tokens));
        }
    }
}
