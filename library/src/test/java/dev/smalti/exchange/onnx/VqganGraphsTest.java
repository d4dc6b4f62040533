package dev.smalti.exchange.onnx;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.recipe.RecipeFile;
import dev.smalti.recipe.TokenizerRecipe;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.tokenizer.Tokenizer;
import dev.smalti.tokenizer.vqgan.VqganConfiguration;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Exported encoders and decoders, run by ONNX Runtime, against the networks themselves. */
class VqganGraphsTest {
    private static final String BASE = "kind: vqgan, size: 32, channels: 8, multipliers: [1, 2, 3],"
            + " codebook: {codes: 24, dimension: 6}, adversarial: {weight: 0, start: 0}";

    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                ", res_blocks: 1, decoder_blocks: 2, output_swish: true, latent: 10, quant_conv: true",
                ", attention: [16, 8], range: unit",
                ", patch: 2, pixel_likelihood: true, channels: 32",
                ", patch: 4, output_swish: true, range: unit",
                ", layers: {middle_attention: false, halving: average_pool, biases: false, shortcut: output, pointwise_last: true}, attention: []",
                ", codebook: {codes: 24, dimension: 6, choice: cosine}",
                ", codebook: {codes: 24, dimension: 6, choice: projection}, quant_conv: true, latent: 10"
            })
    void encode_and_decode_as_the_tokenizer(String more) {
        VqganConfiguration configuration = configuration(more);
        try (Tokenizer tokenizer = configuration.build(new Seed(5), Devices.cpu());
                NoGradGuard guard = new NoGradGuard()) {
            Scope.free(() -> {
                tokenizer.codebook().mul_(new Scalar(20.0)); // as far apart as maps are
                VqganGraphs graphs =
                        new VqganGraphs(configuration, tokenizer.parameters().all());
                Written.of(graphs.encoder(), folder.resolve("encoder.onnx"), OnnxFile.FIRST_OPSET);
                Written.of(graphs.decoder(), folder.resolve("decoder.onnx"), OnnxFile.LAST_OPSET);
                try (OnnxRun encoder = new OnnxRun(folder.resolve("encoder.onnx"));
                        OnnxRun decoder = new OnnxRun(folder.resolve("decoder.onnx"))) {
                    compare(tokenizer, encoder, decoder, 1, 32, 32);
                    compare(tokenizer, encoder, decoder, 3, 32, 64);
                }
            });
        }
    }

    private static void compare(
            Tokenizer tokenizer, OnnxRun encoder, OnnxRun decoder, int batch, int height, int width) {
        Tensor images = Tensors.uniform(new Seed(1).generator(), batch, 3, height, width)
                .to(ScalarType.Float)
                .mul(new Scalar(2.0))
                .sub(new Scalar(1.0));
        Tensor codes = tokenizer.encode(images);
        assertThat(LongStream.of(Tensors.toLongs(codes)).distinct().count())
                .as("different codes")
                .isGreaterThan(1);
        Tensor theirs = encoder.of(Map.of("image", images));
        assertThat(Tensors.toLongs(theirs)).isEqualTo(Tensors.toLongs(codes));
        Tensor drawn = Tensors.longs(
                        LongStream.range(0, codes.numel()).map(i -> i * 5 % 24).toArray())
                .view_as(codes);
        Written.near(decoder.of(Map.of("codes", drawn)), tokenizer.decode(drawn));
    }

    private static VqganConfiguration configuration(String more) {
        String base = more.contains("channels: 32") ? BASE.replace("channels: 8, ", "") : BASE;
        base = more.contains("codebook") ? base.replace(" codebook: {codes: 24, dimension: 6},", "") : base;
        String yaml = "training: {steps: 1, batch: 1, learning_rate: 0.1}\ntokenizer: {" + base + more + "}";
        return (VqganConfiguration) RecipeFile.parse(yaml, "the test", TokenizerRecipe.class, List.of())
                .tokenizer();
    }
}
