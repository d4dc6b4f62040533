package dev.smalti.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.network.TransformerConfiguration;
import dev.smalti.network.Work;
import dev.smalti.prior.Prior;
import dev.smalti.prior.absorbing.AbsorbingConfiguration;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import dev.smalti.train.TrainingConfiguration;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Device;

/**
 * Absorbing diffusion over a transformer of a certain size, drawn and trained, beside the same network in plain PyTorch
 * ({@code bench/peer/transformer.py}) where the variable SMALTI_PEER_PYTHON names a Python that has it, and drawn beside the paper's
 * released code where SMALTI_RELEASED names a clone of it.
 *
 * @param side of the square grid of tokens
 * @param steps of a draw
 * @param batch images at once
 * @param device its name
 */
record Paper(
        TransformerConfiguration network,
        int side,
        int codes,
        int classes,
        int steps,
        int batch,
        String device,
        List<Precision> precisions) {
    private static final ObjectMapper JSON = new ObjectMapper();
    /** Steps that draw fruits no worse than as many as there are tokens: docs/samplers.md, on fruits. */
    private static final int FEW = 16;

    /** Bond-Taylor et al. 2022: 24 layers of width 512, 16×16 tokens of 1,024 codes, 256 steps. */
    static Paper unleashing(int batch, String device, List<Precision> precisions) {
        return new Paper(new TransformerConfiguration(24, 512, 8, 0.0), 16, 1024, 0, 256, batch, device, precisions);
    }

    /** That of {@code recipes/fruits/absorbing.yaml}. */
    static Paper fruits(List<Precision> precisions) {
        return new Paper(new TransformerConfiguration(5, 192, 6, 0.0), 8, 256, 67, 64, 32, "cpu", precisions);
    }

    /**
     * Each of the precisions, of which the best product is given in GFLOP/s: ours or the peer's.
     *
     * @param rounds how often ours and the peer's are measured, by turns; one without a peer
     */
    Map<String, Object> measure(boolean drawn, boolean trained, int trainingSteps, int rounds) throws IOException {
        Map<String, Object> result = new LinkedHashMap<>();
        for (Precision precision : precisions) {
            Rounds speeds = new Rounds();
            Map<String, Object> one = new LinkedHashMap<>();
            List<Object> drawingShares = new ArrayList<>();
            List<Object> trainingShares = new ArrayList<>();
            for (int round = 0; round < (Peer.present() ? rounds : 1); round++) {
                JsonNode peer = peer(precision, drawn, trained, trainingSteps);
                double peak = Main.peak(precision, Devices.of(device));
                if (peer != null) {
                    peak = Math.max(peak, peer.get("peak_gflops").asDouble());
                }
                one.put("peak_gflops", peak);
                if (drawn) {
                    Map<String, Object> drawing = drawing(precision, peak, peer, speeds);
                    one.put("drawing", drawing);
                    drawingShares.add(drawing.get("share_of_peak"));
                }
                if (trained) {
                    Map<String, Object> training = training(precision, peak, trainingSteps, peer, speeds);
                    one.put("training", training);
                    trainingShares.add(training.get("share_of_peak"));
                }
            }
            one.put("drawing_share_of_peak_each_round", drawingShares);
            one.put("training_share_of_peak_each_round", trainingShares);
            one.putAll(speeds.result());
            result.put(name(precision), one);
        }
        return result;
    }

    private static String name(Precision precision) {
        return precision.name().toLowerCase(Locale.ROOT);
    }

    private Prior prior() {
        return new AbsorbingConfiguration(network, null, null, null, null, null)
                .build(new TokenSpace(codes, side, side), classes, new Seed(0), Devices.of(device));
    }

    private Map<String, Object> drawing(Precision precision, double peak, JsonNode peer, Rounds speeds)
            throws IOException {
        try (Prior prior = prior()) {
            draw(
                    prior,
                    precision,
                    device.equals("cpu") ? Math.min(steps, 8) : steps); // a card's first draw loads its kernels
            long passes = Work.passes();
            long work = Work.done();
            long start = System.nanoTime();
            draw(prior, precision, steps);
            double seconds = (System.nanoTime() - start) / 1e9;
            Map<String, Object> result = new LinkedHashMap<>();
            result.put("steps", steps);
            result.put("forward_passes_an_image", (Work.passes() - passes) / (double) batch);
            result.put("seconds_a_pass", seconds / (Work.passes() - passes));
            result.put("share_of_peak", (Work.done() - work) / seconds / 1e9 / peak);
            result.put("seconds_an_image", seconds / batch);
            start = System.nanoTime();
            draw(prior, precision, FEW);
            double few = (System.nanoTime() - start) / 1e9 / batch;
            result.put("seconds_an_image_in_" + FEW + "_steps", few);
            if (peer != null) {
                double theirs = 1 / peer.get("seconds_an_image").asDouble();
                speeds.add("images_a_second", batch / seconds, theirs);
                speeds.add("images_a_second_in_" + FEW + "_steps", 1 / few, theirs);
            }
            JsonNode released = classes == 0 ? Peer.released(home(), request(precision, Map.of())) : null;
            if (released != null) {
                speeds.add(
                        "images_a_second_beside_the_released_code",
                        batch / seconds,
                        1
                                / released.get(name(precision))
                                        .get("seconds_an_image")
                                        .asDouble());
            }
            return result;
        }
    }

    private void draw(Prior prior, Precision precision, int steps) {
        Device place = prior.parameters().device();
        Scope.free(() -> {
            List<Seed> seeds =
                    LongStream.range(0, batch).mapToObj(new Seed(steps)::child).toList();
            precision.run(
                    place,
                    () -> prior.sample(prior.draw(Sampling.USUAL.steps(steps), RandomStreams.of(seeds, place))
                            .labels(classes == 0 ? null : Tensors.filled(0, batch))));
        });
    }

    private Map<String, Object> training(
            Precision precision, double peak, int trainingSteps, JsonNode peer, Rounds speeds) {
        try (Prior prior = prior()) {
            TrainingConfiguration training =
                    TrainingConfiguration.of(trainingSteps, batch, 1e-4, name(precision), device);
            Map<String, Object> result = Training.measure(
                    prior.objectives(),
                    training,
                    trainingSteps,
                    false,
                    number -> Priors.tokens(prior, batch, number),
                    peak);
            if (peer != null) {
                speeds.add(
                        "training_steps_a_second",
                        1000 / (double) result.get("median_milliseconds_a_step"),
                        1 / peer.get("seconds_a_training_step").asDouble());
            }
            return result;
        }
    }

    /** Null where no Python is named. */
    private JsonNode peer(Precision precision, boolean drawn, boolean trained, int trainingSteps) throws IOException {
        if (!Peer.present()) {
            return null;
        }
        List<String> what = new ArrayList<>();
        if (drawn) {
            what.add("draw");
        }
        if (trained) {
            what.add("train");
        }
        Map<String, Object> more = Map.of("what", what, "training_steps", trainingSteps);
        return Peer.run(home(), "transformer.py", List.of(request(precision, more)))
                .get(name(precision));
    }

    private static Path home() {
        return Path.of(System.getProperty("smalti.home", ""));
    }

    private String request(Precision precision, Map<String, Object> more) throws IOException {
        Map<String, Object> request = new LinkedHashMap<>(more);
        request.put("layers", network.layers());
        request.put("width", network.width());
        request.put("heads", network.heads());
        request.put("places", side * side);
        request.put("codes", codes);
        request.put("classes", classes);
        request.put("batch", batch);
        request.put("steps", steps);
        request.put("device", device);
        request.put("precisions", List.of(name(precision)));
        return JSON.writeValueAsString(request);
    }
}
