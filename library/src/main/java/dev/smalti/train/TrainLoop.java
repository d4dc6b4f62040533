package dev.smalti.train;

import dev.smalti.network.Loss;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.LongFunction;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Trains players on batches, step by step.
 *
 * @param <B> what a batch is
 */
public final class TrainLoop<B> {
    private final List<Player<B>> players;
    private final LongFunction<B> batches;
    private final TrainingConfiguration configuration;
    private final Seed seed;
    private final Device device;
    private final Precision precision;
    private final List<Watcher> watchers;
    private final BooleanSupplier stop;

    /**
     * @param batches the n-th part of a batch: part p of step s is number s·accumulation + p
     * @param stop asked after each step: whether to end there
     */
    public TrainLoop(
            List<Player<B>> players,
            LongFunction<B> batches,
            TrainingConfiguration configuration,
            Seed seed,
            Device device,
            List<Watcher> watchers,
            BooleanSupplier stop) {
        this.players = List.copyOf(players);
        this.batches = batches;
        this.configuration = configuration;
        this.seed = seed;
        this.device = device;
        this.precision = Precision.of(configuration.precision(), device);
        this.watchers = List.copyOf(watchers);
        this.stop = stop;
    }

    /**
     * Takes the steps from {@code begin} to the last.
     *
     * @return where the run stands: complete, or stopped on request
     * @throws NotFiniteException before a step whose loss or gradient is not finite is applied
     */
    public Run run(long begin) {
        long started = System.nanoTime();
        Run run = new Run(begin, configuration.steps(), begin, 0, 0, Map.of(), configuration.rate(begin));
        for (Watcher watcher : watchers) {
            watcher.started(run);
        }
        while (!run.complete() && !stop.getAsBoolean()) {
            long step = run.step();
            Map<String, Double> measures = step(step);
            double seconds = (System.nanoTime() - started) / 1e9;
            long items = (step + 1 - begin) * configuration.batch();
            double rate = configuration.rate(step);
            run = new Run(step + 1, configuration.steps(), begin, items, seconds, measures, rate);
            for (Watcher watcher : watchers) {
                watcher.stepped(run);
            }
        }
        for (Watcher watcher : watchers) {
            watcher.stopped(run);
        }
        return run;
    }

    private Map<String, Double> step(long step) {
        Map<String, Double> measures = new LinkedHashMap<>();
        Seed now = seed.child(step);
        torch.manual_seed(now.child("dropout").value());
        for (int part = 0; part < configuration.accumulation(); part++) {
            long number = step * configuration.accumulation() + part;
            Seed draw = now.child(part);
            Scope.free(() -> {
                B batch = batches.apply(number);
                for (Player<B> player : players) {
                    descend(player, batch, step, draw, measures);
                }
            });
        }
        for (Player<B> player : players) {
            String name = player.objective().name();
            double norm = player.optimizer().clip(configuration.clip());
            measures.put(name + ".gradient_norm", checked("gradient of the " + name, norm, step));
        }
        for (Player<B> player : players) {
            player.optimizer().step(configuration.rate(step));
            player.optimizer().clearGradients();
            if (player.average() != null) {
                player.average().update();
            }
        }
        return measures;
    }

    /** Adds the gradient of one player's loss on one part of a batch; the other players' weights stand still. */
    private void descend(Player<B> player, B batch, long step, Seed draw, Map<String, Double> measures) {
        for (Player<B> other : players) {
            boolean own = other == player;
            other.objective().parameters().requireGradients(own);
            other.objective().parameters().training(true);
        }
        String name = player.objective().name();
        Loss loss = precision.run(device, () -> player.objective().loss(batch, step, draw.child(name)));
        if (loss == null) {
            return;
        }
        double parts = configuration.accumulation();
        double value = checked("loss of the " + name, loss.total().item_double(), step);
        measures.merge(name + ".loss", value / parts, Double::sum);
        for (Map.Entry<String, Tensor> measure : loss.measures().entrySet()) {
            double one = measure.getValue().item_double();
            measures.merge(name + "." + measure.getKey(), one / parts, Double::sum);
        }
        loss.total().div(new Scalar(parts)).backward();
    }

    private static double checked(String what, double value, long step) {
        if (!Double.isFinite(value)) {
            throw new NotFiniteException(what, value, step + 1);
        }
        return value;
    }
}
