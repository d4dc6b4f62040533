package dev.smalti.tokenizer.vqgan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.tokenizer.quantize.CodebookConfiguration;
import dev.smalti.tokenizer.quantize.CodebookConfiguration.Choice;
import java.util.List;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class VqganLayersTest {
    private static Vqgan vqgan(VqganLayers layers, CodebookConfiguration codebook) {
        VqganConfiguration configuration = new VqganConfiguration(
                16,
                8,
                List.of(1, 2),
                1,
                null,
                List.of(),
                1,
                null,
                false,
                true,
                codebook,
                new AdversarialConfiguration(1, 0.0, null, 8, 1, null, null),
                false,
                null,
                null,
                null,
                layers);
        return new Vqgan(configuration, new Seed(1), Devices.cpu());
    }

    static Stream<Arguments> networks() {
        return Stream.of(
                Arguments.of(VqganLayers.PAPER, new CodebookConfiguration(16, 4, Choice.COSINE, 0.1)),
                Arguments.of(VqganLayers.PAPER, new CodebookConfiguration(16, 4, Choice.PROJECTION, null)),
                Arguments.of(VqganLayers.MASKGIT, new CodebookConfiguration(16, 4, Choice.NEAREST, 0.1)));
    }

    @ParameterizedTest
    @MethodSource("networks")
    void every_weight_learns(VqganLayers layers, CodebookConfiguration codebook) {
        try (Vqgan vqgan = vqgan(layers, codebook)) {
            vqgan.parameters().training(true);
            Scope.free(() -> {
                Tensor images = Tensors.zeros(2, 3, 16, 16).uniform_(-1, 1, new Seed(2).optional());
                vqgan.objectives().get(0).loss(images, 0, new Seed(3)).total().backward();
                vqgan.parameters().weights().forEach((name, weight) -> {
                    assertThat(weight.grad().defined())
                            .as("a gradient of %s", name)
                            .isTrue();
                    double largest = weight.grad().abs().max().item_double();
                    assertThat(largest)
                            .as("the gradient of %s", name)
                            .isPositive()
                            .isFinite();
                });
            });
        }
    }

    @Test
    void without_attention_there_is_none_in_the_middle() {
        VqganLayers plain = new VqganLayers(false, null, null, null, null);
        try (Vqgan vqgan = vqgan(plain, new CodebookConfiguration(16, 4, Choice.NEAREST, null))) {
            assertThat(vqgan.parameters().weights().keySet()).noneMatch(name -> name.contains("attn"));
        }
    }
}
