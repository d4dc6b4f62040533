package dev.smalti.job;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import dev.smalti.data.Subset;
import dev.smalti.draw.Steps;
import dev.smalti.model.Model;
import dev.smalti.prior.Prior;
import dev.smalti.prior.SearchableSteps;
import dev.smalti.prior.TokenBatch;
import dev.smalti.prior.process.StepLists;
import dev.smalti.run.JobException;
import dev.smalti.run.Outputs;
import dev.smalti.tensor.AtomicFile;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.LongConsumer;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Finds for each number of steps the times that cost the least likelihood on held-out tokens, and keeps the lists with the
 * model, which draws by them from then on.
 *
 * @param tokens held-out token file
 * @param steps numbers of steps
 * @param grids how many of its grids are looked at, at most
 * @param shares into how many parts the time is cut, at least as many as there are steps
 */
public record SearchSteps(Path tokens, List<Integer> steps, int grids, int shares, long seed) {
    private static final int BATCH = 32;
    private static final String FILE = "steps.json";
    private static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

    public SearchSteps {
        steps = List.copyOf(steps);
        if (steps.isEmpty() || steps.stream().anyMatch(each -> each < 1)) {
            throw new JobException("steps must be numbers of at least 1, got " + steps);
        }
        int most = steps.stream().mapToInt(Integer::intValue).max().orElseThrow();
        if (most > shares) {
            throw new JobException("shares must be at least the most steps, " + most + ", got " + shares);
        }
        if (grids < 2 * BATCH) {
            throw new JobException("grids must be at least " + 2 * BATCH
                    + ", half to search with and half to measure by, got " + grids);
        }
    }

    /**
     * A list that was found.
     *
     * @param times the share of the noise before each step, from 1 down
     * @param bits per token of its bound on held-out tokens, other than those it was searched with
     * @param equalBits the same in equal steps
     */
    public record Found(List<Double> times, double bits, double equalBits) {
        public Found {
            if (times == null) {
                throw new IllegalArgumentException("times are required");
            }
            times = List.copyOf(times);
        }
    }

    /** @return for each number of steps what was found, ascending */
    public Map<Integer, Found> run(Model model, LongConsumer total, LongConsumer progress) {
        if (!(model.prior() instanceof SearchableSteps prior)) {
            throw new JobException("the steps of " + model.folder().path()
                    + " can't be searched: what its method does in a step is fixed, or has no cost of its own");
        }
        double[] times = new double[shares + 1];
        for (int i = 0; i <= shares; i++) {
            times[i] = (double) i / shares;
        }
        double[][][] costs = new double[2][shares + 1][shares + 1]; // to search by, and to measure by
        long[] measured = {0};
        try (TokenFile file = TokenFile.read(tokens)) {
            MeasureLikelihood.check(model, file, tokens);
            long count = Math.min(grids, file.size());
            if (count < 2 * BATCH) {
                throw new JobException(tokens + " must have at least " + 2 * BATCH + " grids, got " + count);
            }
            int[] order = Subset.shuffled(Math.toIntExact(file.size()), new Seed(seed).child("grids"));
            total.accept(count);
            for (int from = 0; from < count; from += BATCH) {
                int begin = from;
                int end = (int) Math.min(count, from + BATCH);
                Scope.free(() -> {
                    Tensor which = Tensors.longs(LongStream.range(begin, end)
                            .map(i -> order[(int) i])
                            .toArray());
                    Tensor codes = file.batchCodes(which).flatten(1, -1).to(model.device(), ScalarType.Long);
                    Tensor labels = prior.classes() == 0
                            ? null
                            : file.batchLabels(which).to(model.device(), ScalarType.Long);
                    TokenBatch batch = new TokenBatch(
                            codes, labels, file.batchNoiseSeeds(which).orElse(null));
                    double[][] own = prior.stepCosts(batch, times, new Seed(seed).child(begin));
                    if (begin / BATCH % 2 == 1) {
                        measured[0] += end - begin;
                    }
                    double[][] half = costs[begin / BATCH % 2];
                    for (int i = 0; i <= shares; i++) {
                        for (int j = 0; j < i; j++) {
                            half[i][j] += own[i][j] * (end - begin);
                        }
                    }
                });
                progress.accept(end);
            }
        }
        StepLists lists = new StepLists(
                costs[0],
                times,
                steps.stream().mapToInt(Integer::intValue).max().orElseThrow());
        Map<Integer, Found> found = new TreeMap<>(read(model.folder().path()));
        for (int each : steps) {
            List<Double> best = lists.best(each);
            found.put(
                    each,
                    new Found(
                            best,
                            bits(prior, costs[1], measured[0], best),
                            bits(prior, costs[1], measured[0], lists.equal(each))));
        }
        write(model.folder().path(), found);
        return found;
    }

    /** Per token, of a list, by the grids that it was not searched with. */
    private double bits(Prior prior, double[][] costs, long measured, List<Double> times) {
        double nats = 0;
        for (int k = 0; k < times.size(); k++) {
            int from = Math.toIntExact(Math.round(times.get(k) * shares));
            int to = k + 1 == times.size() ? 0 : Math.toIntExact(Math.round(times.get(k + 1) * shares));
            nats += costs[from][to];
        }
        return nats / measured / prior.space().size() / Math.log(2);
    }

    private static void write(Path run, Map<Integer, Found> found) {
        Path file = run.resolve(FILE);
        try (AtomicFile beside = AtomicFile.of(file)) {
            JSON.writeValue(beside.path().toFile(), found);
            beside.commit();
        } catch (IOException e) {
            throw Outputs.failure(file, e);
        }
    }

    /** The lists that a run folder has; empty for none. */
    public static Map<Integer, Found> read(Path run) {
        Path file = run.resolve(FILE);
        if (!Files.exists(file)) {
            return Map.of();
        }
        try {
            Map<Integer, Found> found = JSON.readValue(file.toFile(), new TypeReference<TreeMap<Integer, Found>>() {});
            if (found == null) {
                throw new IllegalArgumentException("it has no lists");
            }
            found.forEach((steps, list) -> {
                if (list == null || new Steps.Listed(list.times()).count() != steps) {
                    throw new IllegalArgumentException("the list of " + steps + " steps must have as many times");
                }
            });
            return found;
        } catch (IOException | IllegalArgumentException e) {
            throw new JobException(
                    file + " cannot be read: "
                            + e.getMessage().lines().findFirst().orElse("") + ". Delete it, or search the steps again",
                    e);
        }
    }
}
