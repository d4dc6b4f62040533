package dev.smalti.tokenizer.vqgan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Seed;
import dev.smalti.tokenizer.quantize.CodebookConfiguration;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

/** The papers' networks for 256×256 pixels, 16×16 tokens and 1,024 codes have as many weights as theirs. */
class ParameterCountTest {
    @Test
    void taming_has_72_14_million_and_a_discriminator_of_2_77_million() {
        try (Vqgan vqgan = paper(3, true, false)) {
            assertThat(millions(vqgan.parameters().count())).isEqualTo("72.14");
            assertThat(millions(vqgan.opponent().count())).isEqualTo("2.77");
        }
    }

    /**
     * 68.55 million with the discriminator and the two convolutions of the pixel Gaussian. The released code also keeps a
     * 1×1 shortcut convolution, never used, in every residual block whose channels stay the same; here they don't exist.
     */
    @Test
    void unleashing_has_68_55_million_with_its_unused_shortcuts() {
        try (Vqgan vqgan = paper(2, false, true)) {
            long unused = vqgan.parameters().weights().entrySet().stream()
                    .filter(entry -> entry.getKey().endsWith("conv1.weight"))
                    .map(entry -> entry.getValue())
                    .filter(weight -> weight.size(0) == weight.size(1))
                    .mapToLong(ParameterCountTest::shortcut)
                    .sum();
            assertThat(unused).isEqualTo(2_348_928);
            long own = vqgan.parameters().count() + vqgan.opponent().count();
            assertThat(own).isEqualTo(66_196_679);
            assertThat(millions(own + unused)).isEqualTo("68.55");
        }
    }

    private static long shortcut(Tensor weight) {
        return weight.size(0) * weight.size(0) + weight.size(0);
    }

    private static Vqgan paper(int decoderBlocks, boolean taming, boolean pixelLikelihood) {
        VqganConfiguration configuration = new VqganConfiguration(
                256,
                128,
                List.of(1, 1, 2, 2, 4),
                2,
                decoderBlocks,
                List.of(16),
                1,
                null,
                taming,
                taming,
                new CodebookConfiguration(1024, 256, null, new CodebookConfiguration.Gradient(true)),
                AdversarialConfiguration.paper(64),
                pixelLikelihood,
                null,
                null);
        return new Vqgan(configuration, new Seed(1), Devices.cpu());
    }

    private static String millions(long count) {
        return "%.2f".formatted(count / 1e6);
    }
}
