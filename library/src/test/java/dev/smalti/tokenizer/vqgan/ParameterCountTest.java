package dev.smalti.tokenizer.vqgan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Seed;
import dev.smalti.tokenizer.quantize.CodebookConfiguration;
import java.util.List;
import org.junit.jupiter.api.Test;

class ParameterCountTest {
    @Test void x() {
        try (Vqgan t = paper(3, true); Vqgan u = paper(2, false)) {
            System.out.println("COUNT " + t.parameters().count() + " D " + t.opponent().count()+ " buffers "+t.opponent().buffers().values().stream().mapToLong(z -> z.numel()).sum());
            System.out.println("COUNT " + u.parameters().count() + " D " + u.opponent().count());
        }
    }
    private static Vqgan paper(int decoderBlocks, boolean taming) {
        return new Vqgan(new VqganConfiguration(256, 128, List.of(1, 1, 2, 2, 4), 2, decoderBlocks, List.of(16), 1, null, taming, taming,
            CodebookConfiguration.gradient(1024, 256, true), AdversarialConfiguration.paper(64), false), new Seed(1), Devices.cpu());
    }
}
