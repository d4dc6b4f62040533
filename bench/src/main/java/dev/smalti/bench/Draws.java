package dev.smalti.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.draw.Categorical;
import dev.smalti.draw.LogitFilter;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.network.Work;
import dev.smalti.prior.Prior;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.recipe.PriorRecipe;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BinaryOperator;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * What it costs to draw codes where there are 16,384 of them: of random logits, and beside that two steps of MaskGIT and of SEDD
 * whole, with a network of 24 layers of width 512 over 64 grids of 256 places. Arguments: {@code pick}, {@code maskgit},
 * {@code sedd}; all by default. Prints a line of JSON for each.
 */
public final class Draws {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int CODES = 16_384;
    private static final int SIDE = 16;
    private static final int GRIDS = 64;
    private static final int STEPS = 2;
    private static final int ROWS = 2048;

    private Draws() {}

    public static void main(String[] arguments) throws IOException {
        for (String what : arguments.length == 0 ? List.of("pick", "maskgit", "sedd") : List.of(arguments)) {
            Map<String, Object> line = new LinkedHashMap<>();
            line.put("what", what);
            if (what.equals("pick")) {
                pick(line);
            } else {
                whole(what, line);
            }
            line.put("most_resident_mb", Memory.megabytes("VmHWM"));
            System.out.println(JSON.writeValueAsString(line));
        }
    }

    private static void pick(Map<String, Object> line) {
        line.put("nanoseconds_a_number", nanosecondsANumber());
        line.put(
                "nanoseconds_in_float64",
                best((logits, u) -> Categorical.draw(LogitFilter.NONE.logProbabilities(logits), u)));
    }

    private static double nanosecondsANumber() {
        return best((logits, u) -> Categorical.drawOfMany(logits, 1, u, null));
    }

    /** The least time of a logit, in nanoseconds, when codes are drawn of random ones. */
    private static double best(BinaryOperator<Tensor> draw) {
        return Scope.value(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                Tensor logits = torch.randn(ROWS, CODES).to(ScalarType.BFloat16);
                Tensor u = Tensors.uniform(new Seed(1).generator(), ROWS);
                double best = Double.POSITIVE_INFINITY;
                for (int i = 0; i < 3; i++) {
                    long start = System.nanoTime();
                    Scope.free(() -> draw.apply(logits, u));
                    best = Math.min(best, (System.nanoTime() - start) / ((double) ROWS * CODES));
                }
                return best;
            }
        });
    }

    private static void whole(String kind, Map<String, Object> line) {
        Path file = Path.of(System.getProperty("smalti.home", ""), "recipes", "toy")
                .resolve(kind.equals("sedd") ? "sedd-absorb.yaml" : kind + ".yaml");
        List<String> network = List.of("prior.network={layers: 24, width: 512, heads: 8}");
        PriorConfiguration configuration =
                RecipeFile.read(file, PriorRecipe.class, network).prior();
        Precision precision = Precision.of("auto", Devices.cpu());
        try (Prior prior = configuration.build(new TokenSpace(CODES, SIDE, SIDE), 0, new Seed(0), Devices.cpu())) {
            List<Seed> seeds =
                    LongStream.range(0, GRIDS).mapToObj(new Seed(2)::child).toList();
            long passes = Work.passes();
            long start = System.nanoTime();
            Scope.free(() -> precision.run(
                    Devices.cpu(),
                    () -> prior.sample(prior.draw(Sampling.USUAL.steps(STEPS), RandomStreams.of(seeds)))));
            line.put("steps", STEPS);
            line.put("passes_a_grid", (Work.passes() - passes) / (double) GRIDS);
            double seconds = (System.nanoTime() - start) / 1e9;
            line.put("seconds", seconds);
            double numbers = (double) STEPS * GRIDS * SIDE * SIDE * CODES; // if no place were known in the second step
            line.put("share_of_drawing_at_most", numbers * nanosecondsANumber() / 1e9 / seconds);
            line.put(
                    "parameters",
                    prior.parameters().weights().values().stream()
                            .mapToLong(Tensor::numel)
                            .sum());
        }
    }
}
