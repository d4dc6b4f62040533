package dev.smalti.metric.inception;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.Fixture;
import dev.smalti.WeightRule;
import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.evaluate.Evaluation;
import dev.smalti.evaluate.EvaluationRequest;
import dev.smalti.evaluate.EvaluationResult;
import dev.smalti.evaluate.Fakes;
import dev.smalti.evaluate.Metric;
import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InceptionTest {
    @TempDir
    private static Path folder;

    private static Fixture fixture;
    private static Path file;
    private static Inception network;

    @BeforeAll
    static void makes_weights_by_the_rule_of_the_fixture() {
        fixture = Fixture.of("inception");
        file = folder.resolve("inception.safetensors");
        Scope.free(() -> TensorFile.write(file, weights(), Map.of()));
        network = Inception.open(file, Devices.cpu());
    }

    @AfterAll
    static void closes_the_network() {
        if (network != null) {
            network.close();
        }
    }

    private static Map<String, Tensor> weights() {
        Map<String, Tensor> weights = new LinkedHashMap<>();
        new Layout().weights().forEach((name, shape) -> weights.put(name, WeightRule.weight(name, shape, 0)));
        return weights;
    }

    @Test
    void has_the_names_and_shapes_of_torch_fidelity() throws IOException {
        Map<String, long[]> ours = new Layout().weights();
        int floats = 0;
        for (JsonNode each :
                new ObjectMapper().readTree(Inception.class.getResourceAsStream("/golden/inception/keys.json"))) {
            if (each.get("dtype").asText().equals("float32")) {
                floats++;
                String name = each.get("key").asText();
                assertThat(ours).containsKey(name);
                assertThat(Fixture.integers(each.get("shape")).stream()
                                .mapToLong(Integer::longValue)
                                .toArray())
                        .as(name)
                        .isEqualTo(ours.get(name));
                double sum = Scope.value(() -> WeightRule.weight(name, ours.get(name), 0)
                        .to(torch.ScalarType.Double)
                        .sum()
                        .item_double());
                assertThat(sum).as(name).isEqualTo(each.get("sum").asDouble(), within(1e-6));
            }
        }
        assertThat(ours).hasSize(floats);
    }

    @Test
    void resizes_as_tensorflow_1() {
        Scope.free(() -> {
            Tensor resized = Inception.resize(fixture.in("image").to(torch.ScalarType.Float));
            fixture.check("resized_mean", resized.mean(2, 3));
            fixture.check("resized_subsample", every13th(every13th(resized, 2), 3));
            Tensor input = Inception.normalize(resized);
            fixture.check("network_input_mean", input.mean(2, 3));
            fixture.check("network_input_row100", input.select(2, 100));
        });
    }

    private static Tensor every13th(Tensor images, int dimension) {
        return images.slice(dimension, new LongOptional(0), new LongOptional(299), 13);
    }

    @Test
    void features_are_torch_fidelitys() {
        Scope.free(() -> {
            Inception.Output output = network.features(fixture.in("image"));
            fixture.check("features_2048", output.pool());
            fixture.check("logits_unbiased", output.logits());
            fixture.check("logits", network.biased(output.logits()));
            Tensor spatial = output.spatial().view(2, 17, 17, 7).permute(0, 3, 1, 2);
            fixture.check("spatial_mixed6_relu", spatial);
            assertThat(Dims.of(output.spatial())).containsExactly(2, 2023);
        });
    }

    @Test
    void batch_after_batch_takes_no_more_memory() {
        Tensor image = fixture.in("image").narrow(0, 0, 1);
        for (int i = 0; i < 3; i++) {
            Scope.free(() -> network.features(image));
        }
        long handles = Pointer.totalCount();
        long bytes = Pointer.physicalBytes();
        for (int i = 0; i < 8; i++) {
            Scope.free(() -> network.features(image));
        }
        assertThat(Pointer.totalCount()).isLessThanOrEqualTo(handles);
        assertThat(Pointer.physicalBytes() - bytes)
                .as("bytes more after 8 batches")
                .isLessThan(50_000_000);
    }

    @Test
    void says_which_file_it_was() throws Exception {
        byte[] hash = java.security.MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file));
        assertThat(network.sha256()).isEqualTo(java.util.HexFormat.of().formatHex(hash));
        assertThat(network.published()).isFalse();
    }

    @Test
    void an_evaluation_goes_by_its_features() {
        Path images = folder.resolve("images");
        for (int i = 0; i < 20; i++) {
            byte[] rgb = new byte[3 * 16 * 16];
            new SplittableRandom(i).nextBytes(rgb);
            Pictures.writePng(images.resolve(i < 10 ? "real" : "fake").resolve(i + ".png"), new Pixels(16, 16, rgb));
        }
        EvaluationRequest request = new EvaluationRequest(
                new EvaluationRequest.Real(images.resolve("real"), null),
                new Fakes.Stored(images.resolve("fake")),
                List.of(Metric.FID, Metric.SFID, Metric.KID, Metric.IS, Metric.PRECISION),
                file.toString(),
                null,
                null,
                new EvaluationRequest.Settings(0, 0, 0, 0, false, "cpu"));
        EvaluationResult result = Evaluation.of(request, Observer.NONE);
        assertThat(result.features()).isEqualTo(Inception.NAME);
        assertThat(result.sha256()).isEqualTo(network.sha256());
        assertThat(result.dimension()).isEqualTo(2048);
        assertThat(result.values().keySet()).containsExactly("fid", "sfid", "kid", "is", "precision");
        assertThat(result.values().get("fid").value()).isPositive();
        assertThat(result.values().get("is").value()).isBetween(1.0, 1.0 + 1e-9); // of one image a part
        assertThat(String.join("; ", result.notices()))
                .contains("10 images in 2,048", "10 images in 2,023", "SHA-256 cannot show");
    }

    @Test
    void lists_what_is_missing_and_what_is_unknown() {
        Path other = folder.resolve("other.safetensors");
        Scope.free(() -> {
            Map<String, Tensor> weights = weights();
            weights.remove("fc.bias");
            weights.put("fc.weight", Tensors.zeros(1000, 2048));
            weights.put("AuxLogits.conv0.weight", Tensors.zeros(1));
            weights.put("Mixed_5b.branch1x1.bn.num_batches_tracked", Tensors.longs(0));
            TensorFile.write(other, weights, Map.of());
        });
        assertThatThrownBy(() -> Inception.open(other, Devices.cpu()))
                .isInstanceOf(BadFileException.class)
                .hasMessageContaining("other.safetensors")
                .hasMessageContaining(Inception.PUBLISHED)
                .hasMessageContaining("1 missing: fc.bias; 1 unknown: AuxLogits.conv0.weight; "
                        + "1 of another shape: fc.weight [1000, 2048] instead of [1008, 2048]");
        assertThatThrownBy(() -> Inception.open(folder.resolve("none.pth"), Devices.cpu()))
                .isInstanceOf(BadFileException.class)
                .hasMessageContaining("no such file")
                .hasMessageContaining(Inception.PUBLISHED);
    }
}
