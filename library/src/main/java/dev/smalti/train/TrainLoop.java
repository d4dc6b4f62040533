package dev.smalti.train;

import dev.smalti.distributed.Group;
import dev.smalti.distributed.LostPeerException;
import dev.smalti.network.Loss;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Stopping;
import dev.smalti.tensor.Stopping.StoppedWorkException;
import dev.smalti.tensor.Tensors;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.LongFunction;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

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
    private final Group group;

    /** Of one process. */
    public TrainLoop(
            List<Player<B>> players,
            LongFunction<B> batches,
            TrainingConfiguration configuration,
            Seed seed,
            Device device,
            List<Watcher> watchers,
            BooleanSupplier stop) {
        this(players, batches, configuration, seed, device, watchers, stop, Group.alone());
    }

    /**
     * Of several processes, which all begin with the same numbers and take the same steps.
     *
     * @param batches the n-th part of a batch: part p of step s is number s·accumulation + p. Asked for one at a time, in
     *     order, on a thread of the loop's own, while the one before is trained on; of several processes each gives its own items
     *     of it
     * @param watchers of this process; the others wait meanwhile
     * @param stop asked after each step: whether to end there; if it says so in any process, all end
     * @param group of the processes
     */
    public TrainLoop(
            List<Player<B>> players,
            LongFunction<B> batches,
            TrainingConfiguration configuration,
            Seed seed,
            Device device,
            List<Watcher> watchers,
            BooleanSupplier stop,
            Group group) {
        this.players = List.copyOf(players);
        this.batches = batches;
        this.configuration = configuration;
        this.seed = seed;
        this.device = device;
        this.precision = Precision.toTrain(configuration.precision(), device);
        this.watchers = List.copyOf(watchers);
        this.stop = stop;
        this.group = group;
    }

    /**
     * Takes the steps from {@code begin} to the last. A caller that wants a step that was begun to be finished, whoever is
     * {@linkplain Stopping asked} to stop, shields the loop from that. A watcher that is at something long when {@code stop} asks may end it by a {@link
     * StoppedWorkException}, which ends the run after the step that was taken.
     *
     * @return where the run stands: complete, or stopped on request
     * @throws NotFiniteException before a step whose loss or gradient is not finite is applied
     */
    public Run run(long begin) {
        long started = System.nanoTime();
        Run run = new Run(begin, configuration.steps(), begin, 0, 0, Map.of(), configuration.rate(begin));
        long parts = configuration.accumulation();
        try (BatchesAhead<B> ahead = new BatchesAhead<>(batches, begin * parts, configuration.steps() * parts)) {
            for (Watcher watcher : watchers) {
                watcher.started(run);
            }
            for (Player<B> player : players) {
                player.objective().parameters().requireGradients(true);
                player.objective().parameters().recompute(configuration.recompute());
            }
            while (!run.complete() && !group.any(stop.getAsBoolean())) {
                long step = run.step();
                Map<String, Double> measures = step(step, ahead);
                double seconds = (System.nanoTime() - started) / 1e9;
                long items = (step + 1 - begin) * configuration.batch();
                double rate = configuration.rate(step);
                run = new Run(step + 1, configuration.steps(), begin, items, seconds, measures, rate);
                for (Watcher watcher : watchers) {
                    watcher.stepped(run);
                }
            }
        } catch (StoppedWorkException e) {
            // what a watcher left undone of its step it does when the run goes on
            if (!run.complete()) {
                group.any(true); // who waits for the next step
            }
        }
        for (Watcher watcher : watchers) {
            watcher.stopped(run);
        }
        return run;
    }

    private Map<String, Double> step(long step, BatchesAhead<B> ahead) {
        Map<String, Double> measures = Scope.value(() -> {
            List<Reading> readings = together(gradients(step, ahead));
            if (device.is_cuda()) { // it decides for itself, and is waited for when all of the step is on its way
                apply(step, flaw(readings));
                return read(readings, step);
            }
            Map<String, Double> read = read(readings, step);
            apply(step, null);
            return read;
        });
        for (Player<B> player : players) {
            if (player.average() != null) {
                player.average().update();
            }
        }
        return measures;
    }

    /** Of all processes: the mean of each number, and the sums of those by time. */
    private List<Reading> together(List<Reading> own) {
        if (group.size() == 1) {
            return own;
        }
        Tensor all = Tensors.cat(own.stream().map(Reading::value).toList());
        group.sum(List.of(all));
        List<Reading> together = new ArrayList<>();
        long at = 0;
        for (Reading each : own) {
            long count = each.value().numel();
            Tensor sum = all.narrow(0, at, count);
            Tensor value = count > 1 ? sum : sum.div(new Scalar((double) group.size()));
            together.add(new Reading(each.name(), each.checked(), value, each.parts()));
            at += count;
        }
        return together;
    }

    private void apply(long step, Tensor flaw) {
        for (Player<B> player : players) {
            player.optimizer()
                    .step(configuration.rate(step) * player.objective().rate(), flaw);
            player.optimizer().clearGradients();
        }
    }

    /** 1 if something isn't finite that must be, else 0; nothing is read. float32 [1] */
    private static Tensor flaw(List<Reading> readings) {
        List<Tensor> checked = readings.stream()
                .filter(reading -> reading.checked() != null)
                .map(Reading::value)
                .toList();
        Tensor finite = Tensors.cat(checked).isfinite().all();
        return finite.logical_not().to(ScalarType.Float).reshape(1);
    }

    /** Leaves each player's gradient, clipped, with its weights, and what is to be read of it on the device. */
    private List<Reading> gradients(long step, BatchesAhead<B> ahead) {
        List<Reading> readings = new ArrayList<>();
        Seed now = seed.child(step);
        torch.manual_seed(dropout(now).value());
        for (int part = 0; part < configuration.accumulation(); part++) {
            Seed draw = now.child(part);
            readings.addAll(Group.among(
                    group,
                    () -> Scope.keep(() -> {
                        List<Reading> own = new ArrayList<>();
                        B batch = ahead.next();
                        for (Player<B> player : players) {
                            own.addAll(descend(player, batch, step, draw));
                        }
                        return own;
                    })));
        }
        for (Player<B> player : players) {
            player.optimizer().share(group);
            String name = player.objective().name();
            Tensor norm = player.optimizer().clip(configuration.clip());
            readings.add(reading(name + ".gradient_norm", "gradient of the " + name, norm, 1));
        }
        return readings;
    }

    /** Other in each process: the first one has that of one by itself. */
    private Seed dropout(Seed now) {
        Seed first = now.child("dropout");
        return group.rank() == 0 ? first : first.child(group.rank());
    }

    /** Adds the gradient of one player's loss on one part of a batch; the other players' weights stand still. */
    private List<Reading> descend(Player<B> player, B batch, long step, Seed draw) {
        for (Player<B> other : players) {
            if (players.size() > 1) {
                other.objective().parameters().requireGradients(other == player);
            }
            other.objective().parameters().training(true);
        }
        String name = player.objective().name();
        Loss loss = precision.run(device, () -> player.objective().loss(batch, step, draw.child(name)));
        if (loss == null) {
            return List.of();
        }
        int parts = configuration.accumulation();
        List<Reading> readings = new ArrayList<>();
        readings.add(reading(name + ".loss", "loss of the " + name, loss.total(), parts));
        loss.measures().forEach((measure, value) -> readings.add(reading(name + "." + measure, null, value, parts)));
        if (loss.byTime() != null) {
            Tensor sums = loss.byTime().sums().flatten(); // [20]
            readings.add(new Reading(name + ".loss_by_time", null, sums.to(device, ScalarType.Double), 1));
        }
        backward(loss.total().div(new Scalar((double) parts)));
        return readings;
    }

    /** @throws LostPeerException if a sum within has missed another process, which comes out of libtorch as something else */
    private void backward(Tensor loss) {
        try {
            loss.backward();
        } catch (RuntimeException e) {
            throw group.lost().isPresent() ? group.lost().get() : e;
        }
    }

    /**
     * A number that is still on the device, or the sums of {@link Loss.ByTime}.
     *
     * @param checked what must be finite; null if it needn't be
     * @param value float64 [1], or [20]
     * @param parts of which it is one: their mean is wanted
     */
    private record Reading(String name, String checked, Tensor value, int parts) {}

    private Reading reading(String name, String checked, Tensor value, int parts) {
        return new Reading(
                name, checked, value.detach().to(device, ScalarType.Double).reshape(1), parts);
    }

    /** Reads all numbers of a step at once: the only time in a step that waits for the device. */
    private static Map<String, Double> read(List<Reading> readings, long step) {
        double[] values = Tensors.toDoubles(
                Tensors.cat(readings.stream().map(Reading::value).toList()));
        Map<String, Double> measures = new LinkedHashMap<>();
        Map<String, double[]> byTime = new LinkedHashMap<>();
        int at = 0;
        for (Reading reading : readings) {
            int count = (int) reading.value().numel();
            if (count > 1) {
                double[] sums = byTime.computeIfAbsent(reading.name(), name -> new double[count]);
                for (int i = 0; i < count; i++) {
                    sums[i] += values[at + i];
                }
            } else if (reading.checked() != null && !Double.isFinite(values[at])) {
                throw new NotFiniteException(reading.checked(), values[at], step + 1);
            } else {
                measures.merge(reading.name(), values[at] / reading.parts(), Double::sum);
            }
            at += count;
        }
        byTime.forEach((name, sums) -> measures.putAll(means(name, sums)));
        return measures;
    }

    /** Of each part of the times that has a loss, the mean. */
    private static Map<String, Double> means(String name, double[] sums) {
        Map<String, Double> means = new LinkedHashMap<>();
        for (int i = 0; i < Loss.ByTime.PARTS; i++) {
            double count = sums[Loss.ByTime.PARTS + i];
            if (count > 0) {
                means.put(name + "." + i, sums[i] / count);
            }
        }
        return means;
    }
}
