package dev.smalti.train;

import dev.smalti.distributed.Group;
import dev.smalti.distributed.LostPeerException;
import dev.smalti.network.Loss;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Stopping;
import dev.smalti.tensor.Stopping.StoppedWorkException;
import dev.smalti.train.Readings.Measured;
import dev.smalti.train.Readings.Reading;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.LongFunction;
import java.util.stream.LongStream;
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
    private static final double READ_EVERY = 1; // seconds

    private final List<Player<B>> players;
    private final LongFunction<B> batches;
    private final TrainingConfiguration configuration;
    private final Seed seed;
    private final Device device;
    private final Precision precision;
    private final List<Watcher> watchers;
    private final BooleanSupplier stop;
    private final Group group;
    private final boolean later; // steps are read some at a time
    private Run run; // where it stands

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
        this(players, batches, configuration, seed, device, watchers, stop, group, device.is_cuda());
    }

    /** @param later whether numbers of a step stay on the device until a watcher of a training needs them, as on a GPU */
    TrainLoop(
            List<Player<B>> players,
            LongFunction<B> batches,
            TrainingConfiguration configuration,
            Seed seed,
            Device device,
            List<Watcher> watchers,
            BooleanSupplier stop,
            Group group,
            boolean later) {
        this.players = List.copyOf(players);
        this.batches = batches;
        this.configuration = configuration;
        this.seed = seed;
        this.device = device;
        this.precision = Precision.toTrain(configuration.precision(), device);
        this.watchers = List.copyOf(watchers);
        this.stop = stop;
        this.group = group;
        this.later = later;
    }

    /**
     * Takes the steps from {@code begin} to the last. A caller that wants a step that was begun to be finished, whoever is
     * {@linkplain Stopping asked} to stop, shields the loop from that. A watcher that is at something long when {@code stop} asks may end it by a {@link
     * StoppedWorkException}, which ends the run after the step that was taken.
     *
     * <p>On a GPU steps are read some at a time, so that nothing waits for it: watchers are then told of all of them, one after the
     * other, where a line of the log, a measure, a preview or a checkpoint is due, and about once a second. The weights are those
     * of the last.
     *
     * @return where the run stands: complete, or stopped on request
     * @throws NotFiniteException before a step whose loss or gradient is not finite is applied
     */
    public Run run(long begin) {
        long started = System.nanoTime();
        run = new Run(begin, configuration.steps(), begin, 0, 0, Map.of(), configuration.rate(begin));
        long parts = configuration.accumulation();
        boolean asks = true; // the other processes, before each step
        try (Readings readings = new Readings();
                BatchesAhead<B> ahead = new BatchesAhead<>(batches, begin * parts, configuration.steps() * parts)) {
            for (Watcher watcher : watchers) {
                watcher.started(run);
            }
            for (Player<B> player : players) {
                player.objective().parameters().requireGradients(true);
                player.objective().parameters().recompute(configuration.recompute());
            }
            long last = started;
            for (long step = begin; step < configuration.steps() && !group.any(stop.getAsBoolean()); step++) {
                List<Measured> measured = step(step, ahead, readings);
                long now = System.nanoTime();
                if (measured.isEmpty() && isRead(step + 1, (now - last) / 1e9)) {
                    measured = readings.read();
                }
                if (!measured.isEmpty()) {
                    last = System.nanoTime();
                    tell(measured, (last - started) / 1e9);
                }
            }
            asks = false;
            if (readings.any()) {
                tell(readings.read(), (System.nanoTime() - started) / 1e9);
            }
        } catch (StoppedWorkException e) {
            // what a watcher left undone of its step it does when the run goes on
            if (asks && !run.complete()) {
                group.any(true); // who waits for the next step
            }
        }
        for (Watcher watcher : watchers) {
            watcher.stopped(run);
        }
        return run;
    }

    /**
     * Whether steps that wait on the device are read behind this one: where a watcher of a training has something to do, and once a
     * second where no other process has to do the same.
     */
    private boolean isRead(long step, double seconds) {
        return step == configuration.steps()
                || LongStream.of(
                                configuration.logEvery(),
                                configuration.validateEvery(),
                                configuration.previewEvery(),
                                configuration.checkpointEvery())
                        .anyMatch(every -> every > 0 && step % every == 0)
                || group.size() == 1 && seconds > READ_EVERY;
    }

    private void tell(List<Measured> measured, double seconds) {
        for (Measured each : measured) {
            long step = each.step();
            long items = (step + 1 - run.begun()) * configuration.batch();
            double rate = configuration.rate(step);
            run = new Run(step + 1, configuration.steps(), run.begun(), items, seconds, each.measures(), rate);
            for (Watcher watcher : watchers) {
                watcher.stepped(run);
            }
        }
    }

    /** What was measured, if it was read: nothing where the step is still on its way on a device. */
    private List<Measured> step(long step, BatchesAhead<B> ahead, Readings readings) {
        List<Measured> measured = Scope.value(() -> {
            List<Reading> own = Readings.together(gradients(step, ahead), group);
            readings.add(step, own);
            if (later) { // the device decides for itself whether there is something to apply
                apply(step, readings.flaw(own));
                return List.of();
            }
            List<Measured> read = readings.read();
            apply(step, null);
            return read;
        });
        for (Player<B> player : players) {
            if (player.average() != null) {
                player.average().update();
            }
        }
        return measured;
    }

    private void apply(long step, Tensor flaw) {
        for (Player<B> player : players) {
            player.optimizer()
                    .step(configuration.rate(step) * player.objective().rate(), flaw);
            player.optimizer().clearGradients();
        }
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

    private Reading reading(String name, String checked, Tensor value, int parts) {
        return new Reading(
                name, checked, value.detach().to(device, ScalarType.Double).reshape(1), parts);
    }
}
