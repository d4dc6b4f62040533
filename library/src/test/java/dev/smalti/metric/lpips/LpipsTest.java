package dev.smalti.metric.lpips;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.Fixture;
import dev.smalti.WeightRule;
import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import dev.smalti.tensor.WeightFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class LpipsTest {
    @TempDir
    private static Path folder;

    private static Fixture fixture;
    private static final Map<Net, Path> BACKBONES = new EnumMap<>(Net.class);
    private static final Map<Net, Lpips> MADE_UP = new EnumMap<>(Net.class);

    @BeforeAll
    static void makes_weights_by_the_rule_of_the_fixture() {
        fixture = Fixture.of("lpips");
        for (Net net : Net.values()) {
            Path backbone = LpipsFiles.backbone(net, folder);
            BACKBONES.put(net, backbone);
            MADE_UP.put(net, Lpips.open(net, backbone, LpipsFiles.linear(net, folder), Devices.cpu()));
        }
    }

    @AfterAll
    static void closes_the_networks() {
        MADE_UP.values().forEach(Lpips::close);
    }

    @ParameterizedTest
    @EnumSource
    void has_the_names_and_shapes_of_torchvision_and_of_lpips(Net net) throws IOException {
        Map<String, long[]> ours = net.backboneShapes();
        int count = 0;
        for (JsonNode each : new ObjectMapper()
                .readTree(Lpips.class.getResourceAsStream("/golden/lpips/keys_" + net.label() + ".json"))) {
            String name = each.get("key").asText();
            count++;
            assertThat(Net.backboneName(each.get("lpips_key").asText())).isEqualTo(name);
            assertThat(ours).containsKey(name);
            assertThat(Fixture.integers(each.get("shape")).stream()
                            .mapToLong(Integer::longValue)
                            .toArray())
                    .as(name)
                    .isEqualTo(ours.get(name));
            double sum = Scope.value(() -> WeightRule.weight(name, ours.get(name), LpipsFiles.seed(net))
                    .to(ScalarType.Double)
                    .sum()
                    .item_double());
            assertThat(sum).as(name).isEqualTo(each.get("sum").asDouble(), within(1e-6));
        }
        assertThat(ours).hasSize(count);
    }

    @ParameterizedTest
    @EnumSource
    void sees_what_the_reference_sees(Net net) {
        Scope.free(() -> {
            List<Tensor> maps = MADE_UP.get(net).maps(fixture.in("a"));
            Tensor[] means = maps.stream().map(map -> map.mean(1, 2, 3)).toArray(Tensor[]::new);
            Tensor[] deviations = maps.stream()
                    .map(map -> map.flatten(1, -1).std(new long[] {1}, false, false))
                    .toArray(Tensor[]::new);
            fixture.check("%s.feature_mean".formatted(net.label()), columns(means));
            fixture.check("%s.feature_std".formatted(net.label()), columns(deviations));
        });
    }

    private static Tensor columns(Tensor... columns) {
        return torch.stack(new org.bytedeco.pytorch.TensorVector(columns), 1);
    }

    /** With the layers that were released, where the folder has them. */
    @ParameterizedTest
    @EnumSource
    void distances_and_their_gradients_are_the_references(Net net) {
        String layers = "weights_" + net.label();
        Assumptions.assumeTrue(fixture.has(layers), () -> "the fixture is without " + layers);
        Path linear = fixture.weightFile(layers);
        try (Lpips lpips = Lpips.open(net, BACKBONES.get(net), linear, Devices.cpu())) {
            Scope.free(() -> {
                String prefix = net.label() + ".";
                Tensor a = fixture.in("a");
                Tensor b = fixture.in("b").clone().set_requires_grad(true);
                Tensor distance = lpips.distance(a, b);
                fixture.check(prefix + "distance", distance);
                fixture.check(prefix + "distance_normalize", distance); // of the same images, given as [0, 1]
                fixture.check(prefix + "per_layer", lpips.layers(a, b));
                fixture.check(prefix + "distance_self", lpips.distance(a, a));
                distance.sum().backward();
                fixture.check(prefix + "grad_b", b.grad());
            });
        }
    }

    @ParameterizedTest
    @EnumSource
    void a_distance_is_the_weighted_mean_of_squared_differences_of_unit_vectors(Net net) {
        Lpips lpips = MADE_UP.get(net);
        Scope.free(() -> {
            Tensor a = fixture.in("a");
            Tensor b = fixture.in("b");
            double[] layers = Tensors.toDoubles(lpips.layers(a, b)); // [2, 5]
            double[] expected = new double[10];
            Tensor[] weights = LpipsFiles.distance(net).values().toArray(Tensor[]::new);
            List<Tensor> first = lpips.maps(a);
            List<Tensor> second = lpips.maps(b);
            for (int layer = 0; layer < 5; layer++) {
                for (int i = 0; i < 2; i++) {
                    Tensor f = first.get(layer).select(0, i);
                    Tensor g = second.get(layer).select(0, i);
                    expected[5 * i + layer] = bruteForce(f, g, Tensors.toDoubles(weights[layer]));
                }
            }
            assertThat(layers).containsExactly(expected, within(1e-5));
            assertThat(Tensors.toDoubles(lpips.distance(a, b)))
                    .containsExactly(
                            new double[] {sum(Arrays.copyOf(expected, 5)), sum(Arrays.copyOfRange(expected, 5, 10))},
                            within(1e-5));
        });
    }

    /** [C, h, w], [C, h, w], [C] */
    private static double bruteForce(Tensor f, Tensor g, double[] weights) {
        int places = Math.toIntExact(f.size(1) * f.size(2));
        double[] first = Tensors.toDoubles(f);
        double[] second = Tensors.toDoubles(g);
        double sum = 0;
        for (int place = 0; place < places; place++) {
            double u = 0;
            double v = 0;
            for (int c = 0; c < weights.length; c++) {
                u += Math.pow(first[c * places + place], 2);
                v += Math.pow(second[c * places + place], 2);
            }
            for (int c = 0; c < weights.length; c++) {
                double apart = first[c * places + place] / Math.sqrt(u + 1e-10)
                        - second[c * places + place] / Math.sqrt(v + 1e-10);
                sum += weights[c] * apart * apart;
            }
        }
        return sum / places;
    }

    private static double sum(double[] values) {
        return Arrays.stream(values).sum();
    }

    @ParameterizedTest
    @EnumSource
    void a_step_along_the_gradient_changes_the_distance_by_its_length(Net net) {
        Lpips lpips = MADE_UP.get(net);
        Scope.free(() -> {
            Tensor a = fixture.in("a");
            Tensor b = fixture.in("b").clone().set_requires_grad(true);
            lpips.distance(a, b).sum().backward();
            Tensor gradient = b.grad();
            double length = gradient.norm().item_double();
            Tensor step = gradient.mul(new Scalar(0.05 / length));
            double up = lpips.distance(a, b.detach().add(step)).sum().item_double();
            double down = lpips.distance(a, b.detach().sub(step)).sum().item_double();
            assertThat(length).isGreaterThan(1e-4);
            assertThat((up - down) / 0.1).isCloseTo(length, within(0.03 * length));
        });
    }

    @Test
    void equal_images_are_at_0_and_the_order_of_a_pair_does_not_matter() {
        Scope.free(() -> {
            Lpips lpips = MADE_UP.get(Net.ALEX);
            Tensor a = fixture.in("a");
            Tensor b = fixture.in("b");
            assertThat(Tensors.toDoubles(lpips.distance(a, a))).containsExactly(0, 0);
            assertThat(Tensors.toDoubles(lpips.distance(a, b)))
                    .containsExactly(Tensors.toDoubles(lpips.distance(b, a)));
        });
    }

    @ParameterizedTest
    @EnumSource
    void the_squared_distance_of_vectors_is_the_distance_of_images(Net net) {
        Scope.free(() -> {
            Lpips lpips = MADE_UP.get(net);
            Tensor a = fixture.in("a");
            Tensor b = fixture.in("b");
            Tensor vectors = lpips.vectors(a);
            assertThat(vectors.size(1)).isEqualTo(net == Net.ALEX ? 31_872 : 499_712);
            double[] squares =
                    Tensors.toDoubles(vectors.sub(lpips.vectors(b)).square().sum(1));
            assertThat(squares).containsExactly(Tensors.toDoubles(lpips.distance(a, b)), within(1e-4));
        });
    }

    @ParameterizedTest
    @EnumSource
    void the_weights_of_the_distance_say_of_which_network_they_are(Net net) {
        Path linear = LpipsFiles.linear(net, folder);
        try (Lpips lpips = Lpips.open(BACKBONES.get(net), linear, Devices.cpu())) {
            assertThat(lpips.net()).isEqualTo(net);
            assertThat(lpips.facts())
                    .containsOnly(
                            Map.entry("net", net.label()),
                            Map.entry("backbone_sha256", lpips.backboneSha256()),
                            Map.entry("linear_sha256", lpips.linearSha256()));
        }
        assertThatThrownBy(() -> Lpips.open(linear, BACKBONES.get(net), Devices.cpu()))
                .isInstanceOf(BadFileException.class)
                .hasMessageContaining("-backbone.safetensors: must hold the weights of PerceptualSimilarity's");
    }

    @Test
    void compares_in_half_the_precision_under_autocast_and_adds_up_in_float32() {
        Scope.free(() -> {
            Lpips lpips = MADE_UP.get(Net.ALEX);
            Tensor a = fixture.in("a");
            Tensor b = fixture.in("b");
            Tensor half = Precision.BF16.run(Devices.cpu(), () -> lpips.distance(a, b));
            assertThat(half.scalar_type().intern()).isEqualTo(ScalarType.Float);
            double[] exact = Tensors.toDoubles(lpips.distance(a, b));
            assertThat(Tensors.toDoubles(half)).isNotEqualTo(exact);
            for (int i = 0; i < 2; i++) {
                assertThat(Tensors.toDoubles(half)[i]).isCloseTo(exact[i], within(0.05 * exact[i]));
            }
        });
    }

    @Test
    void the_gradient_is_a_number_where_the_network_sees_nothing() {
        Path blind = LpipsFiles.write(folder.resolve("blind.safetensors"), () -> {
            Map<String, Tensor> weights = new LinkedHashMap<>();
            Net.ALEX.backboneShapes().forEach((name, shape) -> weights.put(name, Tensors.zeros(shape)));
            return weights;
        });
        try (Lpips lpips = Lpips.open(Net.ALEX, blind, LpipsFiles.linear(Net.ALEX, folder), Devices.cpu())) {
            Scope.free(() -> {
                Tensor b = fixture.in("b").clone().set_requires_grad(true);
                Tensor distance = lpips.distance(fixture.in("a"), b);
                assertThat(Tensors.toDoubles(distance)).containsExactly(0, 0);
                distance.sum().backward();
                assertThat(b.grad().isfinite().all().item_bool()).isTrue();
            });
        }
    }

    @Test
    void keeps_the_handle_count_over_10_distances_with_gradients() {
        Lpips lpips = MADE_UP.get(Net.ALEX);
        Scope.free(() -> {
            Tensor a = fixture.in("a");
            Tensor b = fixture.in("b").clone().set_requires_grad(true);
            Runnable step = () -> Scope.free(() -> lpips.distance(a, b).sum().backward());
            step.run();
            System.gc(); // what other tests left must not go in between
            long before = Pointer.totalCount();
            for (int i = 0; i < 10; i++) {
                step.run();
            }
            assertThat(Pointer.totalCount()).isLessThanOrEqualTo(before);
        });
    }

    @Test
    void frees_everything_when_closed() {
        Path linear = LpipsFiles.linear(Net.ALEX, folder);
        Lpips.open(Net.ALEX, BACKBONES.get(Net.ALEX), linear, Devices.cpu()).close();
        System.gc();
        long before = Pointer.totalCount();
        Lpips.open(Net.ALEX, BACKBONES.get(Net.ALEX), linear, Devices.cpu()).close();
        assertThat(Pointer.totalCount()).isLessThanOrEqualTo(before + 1); // the device of this test
    }

    @ParameterizedTest
    @EnumSource
    void sees_images_of_its_least_size_and_refuses_smaller_ones(Net net) {
        Lpips lpips = MADE_UP.get(net);
        int least = net.least();
        Scope.free(() -> {
            Tensor small = Tensors.zeros(1, 3, least, least);
            assertThat(Tensors.toDoubles(lpips.distance(small, Tensors.ones(1, 3, least, least)))[0])
                    .isPositive();
            Tensor smaller = Tensors.zeros(1, 3, least, least - 1);
            assertThatThrownBy(() -> lpips.distance(smaller, smaller))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("images must be at least %dx%d pixels for LPIPS by %s, got %dx%d; enlarge them"
                            .formatted(least, least, net.label(), least - 1, least));
            // the network itself couldn't
            assertThatThrownBy(() -> lpips.maps(smaller)).isInstanceOf(RuntimeException.class);
        });
    }

    @Test
    void refuses_pairs_of_two_shapes_and_images_without_three_channels() {
        Lpips lpips = MADE_UP.get(Net.ALEX);
        Scope.free(() -> {
            Tensor a = Tensors.zeros(2, 3, 32, 32);
            assertThatThrownBy(() -> lpips.distance(a, Tensors.zeros(2, 3, 32, 40)))
                    .hasMessageContaining("[2, 3, 32, 32] and [2, 3, 32, 40]");
            assertThatThrownBy(() -> lpips.distance(a, Tensors.zeros(1, 3, 32, 32)))
                    .hasMessageContaining("[2, 3, 32, 32] and [1, 3, 32, 32]");
            Tensor grey = Tensors.zeros(2, 1, 32, 32);
            assertThatThrownBy(() -> lpips.distance(grey, grey)).hasMessageContaining("images must have shape");
        });
    }

    @Test
    void reads_the_whole_network_of_torchvision_and_the_state_dict_of_lpips() {
        Path torchvision = LpipsFiles.write(folder.resolve("torchvision.safetensors"), () -> {
            Map<String, Tensor> weights = LpipsFiles.network(Net.ALEX);
            weights.put("classifier.1.weight", Tensors.zeros(4096, 9));
            weights.put("classifier.1.bias", Tensors.zeros(4096));
            return weights;
        });
        Path lpips = LpipsFiles.write(folder.resolve("lpips.safetensors"), () -> {
            Map<String, Tensor> weights = new LinkedHashMap<>();
            weights.put("scaling_layer.shift", Tensors.zeros(1, 3, 1, 1));
            String[] slices = {"0.", "3.", "6.", "8.", "10."};
            LpipsFiles.network(Net.ALEX).forEach((name, tensor) -> {
                String own = name.substring("features.".length());
                for (int i = 0; i < slices.length; i++) {
                    if (own.startsWith(slices[i])) {
                        weights.put("net.slice" + (i + 1) + "." + own, tensor);
                    }
                }
            });
            LpipsFiles.distance(Net.ALEX).forEach((name, tensor) -> {
                weights.put(name, tensor);
                weights.put(name.replace("lin", "lins."), tensor);
            });
            return weights;
        });
        Path linear = LpipsFiles.linear(Net.ALEX, folder);
        try (Lpips first = Lpips.open(Net.ALEX, torchvision, linear, Devices.cpu());
                Lpips second = Lpips.open(Net.ALEX, lpips, lpips, Devices.cpu())) {
            Scope.free(() -> {
                Tensor a = fixture.in("a");
                Tensor b = fixture.in("b");
                double[] expected = Tensors.toDoubles(MADE_UP.get(Net.ALEX).distance(a, b));
                assertThat(Tensors.toDoubles(first.distance(a, b))).containsExactly(expected);
                assertThat(Tensors.toDoubles(second.distance(a, b))).containsExactly(expected);
            });
            assertThat(first.backboneSha256()).isNotEqualTo(second.backboneSha256());
            assertThat(second.backboneSha256()).isEqualTo(second.linearSha256());
            assertThat(Lpips.fingerprints(Net.ALEX, torchvision, linear))
                    .containsOnly(
                            Map.entry("lpips-backbone", first.backboneSha256()),
                            Map.entry("lpips-linear", first.linearSha256()));
            assertThat(first.linearSha256()).isEqualTo(WeightFile.sha256(linear, "none"));
        }
    }

    @Test
    void lists_what_is_missing_and_what_is_unknown() {
        Path backbone = LpipsFiles.write(folder.resolve("other.safetensors"), () -> {
            Map<String, Tensor> weights = LpipsFiles.network(Net.ALEX);
            weights.remove("features.8.bias");
            weights.put("features.0.weight", Tensors.zeros(64, 3, 7, 7));
            weights.put("features.1.weight", Tensors.zeros(1));
            return weights;
        });
        Path linear = LpipsFiles.linear(Net.ALEX, folder);
        refused(backbone, linear)
                .hasMessageContaining(
                        "other.safetensors: must hold the weights of torchvision's alexnet-owt-7be5be79.pth,"
                                + " has 1 missing: features.8.bias; 1 unknown: features.1.weight; "
                                + "1 of another shape: features.0.weight [64, 3, 7, 7] instead of [64, 3, 11, 11]");
        refused(BACKBONES.get(Net.ALEX), LpipsFiles.linear(Net.VGG, folder))
                .hasMessageContaining(
                        "vgg-linear.safetensors: must hold the weights of PerceptualSimilarity's v0.1/alex.pth")
                .hasMessageContaining("lin1.model.1.weight [1, 128, 1, 1] instead of [1, 192, 1, 1]");
    }

    @Test
    void says_whose_files_are_missing() {
        Path none = folder.resolve("none.pth");
        refused(none, LpipsFiles.linear(Net.ALEX, folder))
                .hasMessage(none + ": there is no such file; the network's weights are torchvision's"
                        + " alexnet-owt-7be5be79.pth");
        refused(BACKBONES.get(Net.ALEX), none)
                .hasMessage(none + ": there is no such file; the distance's weights are alex.pth, in the folder"
                        + " lpips/weights/v0.1 of the project PerceptualSimilarity");
    }

    @Test
    void refuses_weights_that_are_not_finite_and_distances_with_weights_below_0() {
        Path network = LpipsFiles.write(folder.resolve("infinite.safetensors"), () -> {
            Map<String, Tensor> weights = LpipsFiles.network(Net.ALEX);
            weights.get("features.3.bias").narrow(0, 5, 1).fill_(new Scalar(Double.POSITIVE_INFINITY));
            return weights;
        });
        refused(network, LpipsFiles.linear(Net.ALEX, folder))
                .hasMessageContaining("must have finite weights, and one in features.3.bias is not");
        for (double value : new double[] {Double.NaN, -0.25}) {
            Path linear = LpipsFiles.write(folder.resolve("wrong.safetensors"), () -> {
                Map<String, Tensor> weights = LpipsFiles.distance(Net.ALEX);
                weights.get("lin2.model.1.weight").narrow(1, 7, 1).fill_(new Scalar(value));
                return weights;
            });
            refused(BACKBONES.get(Net.ALEX), linear)
                    .hasMessageContaining("wrong.safetensors")
                    .hasMessageContaining(value < 0 ? "below 0" : "finite")
                    .hasMessageContaining("lin2.model.1.weight");
        }
    }

    private static org.assertj.core.api.AbstractThrowableAssert<?, ?> refused(Path backbone, Path linear) {
        return assertThatThrownBy(() -> Lpips.open(Net.ALEX, backbone, linear, Devices.cpu()))
                .isInstanceOf(BadFileException.class);
    }
}
