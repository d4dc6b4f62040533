package dev.smalti.tokenizer.vqgan;

import static dev.smalti.tokenizer.vqgan.TamingFixtureTest.gradients;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.Fixture;
import dev.smalti.job.ImportWeights;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Seed;
import dev.smalti.tokenizer.quantize.VectorQuantizer.Quantized;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Against FoundationVision/LlamaGen: codes of which only the direction counts, and how they learn. */
class LlamagenFixtureTest {
    private final Fixture fixture = Fixture.of("llamagen-vq");

    @TempDir
    Path folder;

    private Vqgan vqgan(String... overrides) {
        Path run = folder.resolve("run");
        new ImportWeights(fixture.weightFile("weights"), run, null, null, null, 32, List.of(overrides)).run();
        return (Vqgan) RunFolder.open(run).tokenizer(Devices.cpu());
    }

    @Test
    void quantizes_directions() {
        try (Vqgan vqgan = vqgan()) {
            Tensor map = vqgan.map(fixture.in("x"));
            fixture.check("pre_quant", map);
            Quantized quantized = vqgan.quantizer().quantize(map, new Seed(0));
            fixture.check("codes", quantized.codes().flatten(1, 2));
            fixture.check("quant", quantized.vectors());
            fixture.check("codebook_entry", vqgan.quantizer().lookUp(quantized.codes()));
        }
    }

    @Test
    void learns_them_with_an_entropy_term() {
        JsonNode ratio = fixture.settings("entropy_loss_ratio");
        try (Vqgan vqgan = vqgan("tokenizer.codebook.entropy=" + ratio.asDouble())) {
            vqgan.parameters().requireGradients(true);
            vqgan.parameters().training(true);
            Tensor loss = vqgan.quantizer()
                    .quantize(vqgan.map(fixture.in("x")), new Seed(0))
                    .loss();
            Tensor theirs = fixture.out("train.vq_loss")
                    .add(fixture.out("train.commit_loss"))
                    .add(fixture.out("train.entropy_loss"));
            assertThat(loss.item_double())
                    .isCloseTo(theirs.item_double(), within(1e-4 * Math.abs(theirs.item_double())));
            loss.backward();
            Map<String, Tensor> gradients = gradients(vqgan.parameters());
            // the README beside the numbers allows as much
            fixture.check("train.grad.encoder.conv_in.weight", gradients.get("encoder.conv_in.weight"), 5e-4);
            fixture.check("train.grad.quant_conv.weight", gradients.get("quant_conv.weight"), 2e-4);
            fixture.check("train.grad.quantize.embedding.weight", gradients.get("quantize.embedding.weight"), 7e-4);
        }
    }
}
