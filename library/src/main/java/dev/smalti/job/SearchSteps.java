package dev.smalti.job;

import dev.smalti.data.Subset;
import dev.smalti.model.Model;
import dev.smalti.model.SearchedSteps;
import dev.smalti.model.SearchedSteps.Found;
import dev.smalti.prior.Prior;
import dev.smalti.prior.SearchableSteps;
import dev.smalti.prior.TokenBatch;
import dev.smalti.prior.process.StepLists;
import dev.smalti.run.Claim;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Phase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenFile;
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
 * @param tokens held-out token file, or a folder of them
 * @param steps numbers of steps
 * @param grids how many of its grids are looked at, at most
 * @param shares into how many parts the time is cut, at least as many as there are steps
 */
public record SearchSteps(Path tokens, List<Integer> steps, int grids, int shares, long seed) {
    private static final int BATCH = 32;

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
     * @param observer told of the grids looked at so far
     * @return all that the model has now
     * @throws JobException if its method has no steps to search
     */
    public SearchedSteps run(Model model, Observer observer) {
        try (Claim claim = RunFolder.claim(model.folder().path())) {
            return claimed(model, observer);
        }
    }

    private SearchedSteps claimed(Model model, Observer observer) {
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
            model.requireOwn(file, tokens);
            long count = Math.min(grids, file.size());
            if (count < 2 * BATCH) {
                throw new JobException(tokens + " must have at least " + 2 * BATCH + " grids, got " + count);
            }
            int[] order = Subset.shuffled(Math.toIntExact(file.size()), new Seed(seed).child("grids"));
            LongConsumer progress = observer.counting(Phase.of("costs of steps", "grids", count));
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
                    double[][] own = model.precision()
                            .run(model.device(), () -> prior.stepCosts(batch, times, new Seed(seed).child(begin)));
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
        observer.see(Phase.of("searching"));
        StepLists lists = new StepLists(
                costs[0],
                times,
                steps.stream().mapToInt(Integer::intValue).max().orElseThrow());
        Map<Integer, Found> found = new TreeMap<>();
        for (int each : steps) {
            List<Double> best = lists.best(each);
            found.put(
                    each,
                    new Found(
                            best,
                            bits(prior, costs[1], measured[0], best),
                            bits(prior, costs[1], measured[0], lists.equal(each))));
        }
        SearchedSteps all = SearchedSteps.read(model.folder().path()).and(found);
        all.write(model.folder().path());
        return all;
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
}
