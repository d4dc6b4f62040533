package dev.smalti.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.smalti.network.VqDiffusionTransformerConfiguration.Positions;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Blocks that are computed again, against the same blocks with all of their activations kept. */
class StackTest {
    private static final NetworkShape SHAPE = new NetworkShape(2, 4, 6, 5, 3, 0);

    /** Where what all blocks are told comes from: its gradient is the same sum in another order. */
    private static final List<String> TOLD = List.of("sigma_map", "label_embed", "time", "classes", "cls_emb");

    /** What each network is: tokens, times and labels to logits. */
    private interface Pass {
        Tensor logits(Tensor xt, Tensor time, Tensor label);
    }

    private interface Builder {
        Pass build(Parameters parameters, double dropout);
    }

    private static Builder of(NetworkConfiguration without, NetworkConfiguration with) {
        return (parameters, dropout) -> {
            Denoiser network = (dropout == 0 ? without : with).build(parameters, SHAPE);
            return (xt, time, label) -> network.logits(xt, time, label, null);
        };
    }

    private static final Map<String, Builder> NETWORKS = networks();

    private static Map<String, Builder> networks() {
        Map<String, Builder> all = new LinkedHashMap<>();
        all.put(
                "transformer",
                of(new TransformerConfiguration(3, 16, 2, 0.0, 0.2), new TransformerConfiguration(3, 16, 2, 0.4, 0.2)));
        all.put(
                "dit",
                of(
                        new DiffusionTransformerConfiguration(3, 16, 2, 8, null, null, null),
                        new DiffusionTransformerConfiguration(3, 16, 2, 8, null, null, 0.4)));
        all.put(
                "llama",
                of(
                        new LlamaTransformerConfiguration(3, 16, 2, null, null, null),
                        new LlamaTransformerConfiguration(3, 16, 2, null, null, 0.4)));
        all.put(
                "halton",
                of(
                        new HaltonTransformerConfiguration(3, 16, 2, null, null, null, 0.0),
                        new HaltonTransformerConfiguration(3, 16, 2, null, null, null, 0.4)));
        all.put(
                "vq-diffusion",
                of(
                        new VqDiffusionTransformerConfiguration(3, 16, 2, null, null, null, null),
                        new VqDiffusionTransformerConfiguration(3, 16, 2, null, null, 0.4, null)));
        all.put(
                "dit, of which attention drops",
                of(
                        new DiffusionTransformerConfiguration(3, 16, 2, 8, null, null, null),
                        new DiffusionTransformerConfiguration(3, 16, 2, 8, null, null, null, 0.4)));
        all.put(
                "vq-diffusion with sines, of which attention drops",
                of(
                        new VqDiffusionTransformerConfiguration(
                                3, 16, 2, null, null, null, null, null, Positions.SINUSOIDAL, null),
                        new VqDiffusionTransformerConfiguration(
                                3, 16, 2, null, null, null, null, 0.4, Positions.SINUSOIDAL, null)));
        all.put(
                "besnier",
                of(
                        new BesnierTransformerConfiguration(3, 16, 2, null, 0.2),
                        new BesnierTransformerConfiguration(3, 16, 2, 0.4, 0.2)));
        all.put("causal llama", (parameters, dropout) -> {
            CausalNetwork network =
                    new CausalLlamaConfiguration(3, 16, 2, 1, 24, dropout, 0.2).causal(parameters, SHAPE);
            return (xt, time, label) -> network.logits(xt, label);
        });
        all.put("causal", (parameters, dropout) -> {
            CausalTransformer network =
                    new CausalTransformer(parameters, new TransformerConfiguration(3, 16, 2, dropout, 0.2), SHAPE);
            return (xt, time, label) -> network.logits(xt, label);
        });
        return all;
    }

    private static Stream<Arguments> cases() {
        return NETWORKS.keySet().stream()
                .flatMap(name -> Stream.of(0.0, 0.4).flatMap(dropout -> Stream.of(Precision.FP32, Precision.BF16)
                        .map(precision -> Arguments.of(name, dropout, precision))));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void gives_the_same_loss_gradients_and_later_random_numbers(String name, double dropout, Precision precision) {
        try (Parameters parameters = new Parameters(new Seed(4), Devices.cpu())) {
            Pass network = NETWORKS.get(name).build(parameters, dropout);
            fill(parameters);
            parameters.training(true);
            Map<String, double[]> kept = gradients(parameters, network, precision);
            parameters.recompute(true);
            Map<String, double[]> again = gradients(parameters, network, precision);
            assertThat(again.keySet()).isEqualTo(kept.keySet());
            kept.forEach((tensor, values) -> {
                if (TOLD.stream().anyMatch(tensor::startsWith)) {
                    assertThat(distance(again.get(tensor), values)).as(tensor).isLessThan(1e-6);
                } else {
                    assertThat(again.get(tensor)).as(tensor).isEqualTo(values);
                }
            });
            assertThat(kept.get("random")).as("what is drawn after two losses").hasSize(4);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"transformer", "dit", "halton"})
    void frees_what_it_kept(String name) {
        try (Parameters parameters = new Parameters(new Seed(4), Devices.cpu())) {
            Pass network = NETWORKS.get(name).build(parameters, 0.4);
            parameters.training(true);
            parameters.recompute(true);
            gradients(parameters, network, Precision.FP32);
            long before = Pointer.totalCount();
            int waiting = OwnGradient.waiting();
            for (int i = 0; i < 5; i++) {
                gradients(parameters, network, Precision.FP32);
            }
            assertThat(OwnGradient.waiting()).isEqualTo(waiting);
            assertThat(Pointer.totalCount()).isLessThanOrEqualTo(before);
        }
    }

    @Test
    void keeps_all_where_nothing_is_trained() {
        try (Parameters parameters = new Parameters(new Seed(4), Devices.cpu())) {
            Pass network = NETWORKS.get("dit").build(parameters, 0.4);
            fill(parameters);
            double[] before = Scope.value(() -> Tensors.toDoubles(logits(network)));
            parameters.recompute(true);
            assertThat(Scope.<double[]>value(() -> Tensors.toDoubles(logits(network))))
                    .isEqualTo(before);
        }
    }

    @Test
    void says_that_a_gradient_is_asked_for_once() {
        try (Parameters parameters = new Parameters(new Seed(4), Devices.cpu())) {
            Pass network = NETWORKS.get("dit").build(parameters, 0);
            fill(parameters);
            parameters.training(true);
            parameters.recompute(true);
            Scope.free(() -> {
                Tensor first = Scope.keep(() -> logits(network).sum());
                for (int i = 0; i < 32; i++) {
                    logits(network);
                }
                assertThatThrownBy(first::backward).hasMessageContaining("compute the loss anew");
            });
        }
    }

    /** Resident memory, since libtorch doesn't count a CPU's. */
    /** In a process of its own, whose allocator gives back at once what is freed. */
    @Test
    void takes_the_memory_of_one_block_and_not_of_all() throws Exception {
        assumeTrue(Files.isWritable(Path.of("/proc/self/clear_refs")), "only Linux tells the peak of memory");
        ProcessBuilder builder = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        Peaks.class.getName())
                .redirectError(ProcessBuilder.Redirect.DISCARD);
        builder.environment().putAll(Map.of("MALLOC_MMAP_THRESHOLD_", "65536", "MALLOC_TRIM_THRESHOLD_", "0"));
        Process process = builder.start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(said).isZero();
        long[] peaks =
                Stream.of(said.trim().split("\\s+")).mapToLong(Long::parseLong).toArray();
        assertThat(peaks[0]).as("recomputed").isPositive().isLessThan(peaks[1] / 3);
    }

    /** Prints by how many bytes a pass and its gradient grow the process, recomputed and kept. */
    static final class Peaks {
        public static void main(String[] arguments) throws IOException {
            NetworkShape shape = new NetworkShape(16, 16, 6, 5, 0, 0);
            try (Parameters parameters = new Parameters(new Seed(4), Devices.cpu())) {
                Denoiser network =
                        new DiffusionTransformerConfiguration(12, 64, 2, 8, null, null, null).build(parameters, shape);
                parameters.training(true);
                parameters.recompute(true);
                peak(network); // the first time there is more than activations
                long recomputed = peak(network);
                parameters.recompute(false);
                System.out.println(recomputed + " " + peak(network));
            }
        }
    }

    private static long peak(Denoiser network) throws IOException {
        Files.writeString(Path.of("/proc/self/clear_refs"), "5");
        long before = status("VmRSS");
        Scope.free(() -> {
            Tensor xt = torch.ones(new long[] {4, 256}, Tensors.options(ScalarType.Long));
            network.logits(xt, Tensors.zeros(4), null, null).square().sum().backward();
        });
        return status("VmHWM") - before;
    }

    private static long status(String key) throws IOException {
        return Files.readAllLines(Path.of("/proc/self/status")).stream()
                .filter(line -> line.startsWith(key + ":"))
                .mapToLong(line -> 1024 * Long.parseLong(line.split("\\s+")[1]))
                .findFirst()
                .orElseThrow();
    }

    /** Gates and heads that start at zero would hide what comes before them. */
    private static void fill(Parameters parameters) {
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                parameters
                        .weights()
                        .forEach((name, weight) ->
                                weight.normal_(0, 0.4, new Seed(3).child(name).optional()));
            }
        });
    }

    private static Tensor logits(Pass network) {
        Tensor xt =
                Tensors.longs(0, 1, 2, 3, 4, 0, 1, 2, 4, 4, 4, 4, 3, 2, 1, 0).view(2, 8);
        return network.logits(xt, Tensors.floats(0.3f, 0.7f), Tensors.longs(1, 3));
    }

    /** Logits and the gradients of all weights of two losses together, and four random numbers after them. */
    private static Map<String, double[]> gradients(Parameters parameters, Pass network, Precision precision) {
        Map<String, double[]> all = new LinkedHashMap<>();
        Scope.free(() -> {
            torch.manual_seed(7);
            List<Tensor> both = new ArrayList<>();
            for (int part = 0; part < 2; part++) { // in one graph, as a method has it that asks its network twice
                both.add(precision.run(Devices.cpu(), () -> logits(network)).to(ScalarType.Float));
            }
            all.put("logits", Tensors.toDoubles(both.get(1)));
            both.get(0).square().sum().add(both.get(1).sin().sum()).backward();
            all.put("random", Tensors.toDoubles(torch.rand(new long[] {4})));
        });
        parameters
                .weights()
                .forEach((name, weight) -> Scope.free(() -> {
                    if (weight.grad().defined()) {
                        all.put(name, Tensors.toDoubles(weight.grad()));
                        weight.mutable_grad().reset();
                    }
                }));
        return all;
    }

    /** |a - b| / |b| */
    private static double distance(double[] a, double[] b) {
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < b.length; i++) {
            difference += (a[i] - b[i]) * (a[i] - b[i]);
            norm += b[i] * b[i];
        }
        return Math.sqrt(difference / norm);
    }
}
