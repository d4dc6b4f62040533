package dev.smalti.run;

import dev.smalti.distributed.Group;
import dev.smalti.network.Objective;
import dev.smalti.recipe.Provenance;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.tensor.Phase;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Stopping;
import dev.smalti.train.Best;
import dev.smalti.train.Checkpoints;
import dev.smalti.train.EventLog;
import dev.smalti.train.HeldOut;
import dev.smalti.train.MeasureSums;
import dev.smalti.train.MetricsLog;
import dev.smalti.train.MovingAverage;
import dev.smalti.train.NotFiniteException;
import dev.smalti.train.Player;
import dev.smalti.train.Run;
import dev.smalti.train.TrainLoop;
import dev.smalti.train.TrainingConfiguration;
import dev.smalti.train.Watcher;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.LongConsumer;
import java.util.function.LongFunction;
import org.bytedeco.pytorch.Device;

/** What all trainings have in common: the run folder around the loop. */
public final class TrainingRun<B> {
    private final RunFolder folder;
    private final Record recipe;
    private final Provenance provenance;
    private final TrainingConfiguration configuration;
    private final Seed seed;
    private final Device device;
    private final List<Objective<B>> objectives;
    private final List<Watcher> watchers;
    private final BooleanSupplier stop;
    private final Group group;

    /** Of one process. */
    public TrainingRun(
            RunFolder folder,
            Record recipe,
            Provenance provenance,
            TrainingConfiguration configuration,
            Seed seed,
            Device device,
            List<Objective<B>> objectives,
            List<Watcher> watchers,
            BooleanSupplier stop) {
        this(folder, recipe, provenance, configuration, seed, device, objectives, watchers, stop, Group.alone());
    }

    /** @param folder null in a process that doesn't {@linkplain Group#writes write} */
    public TrainingRun(
            RunFolder folder,
            Record recipe,
            Provenance provenance,
            TrainingConfiguration configuration,
            Seed seed,
            Device device,
            List<Objective<B>> objectives,
            List<Watcher> watchers,
            BooleanSupplier stop,
            Group group) {
        this.folder = folder;
        this.recipe = recipe;
        this.provenance = provenance;
        this.configuration = configuration;
        this.seed = seed;
        this.device = device;
        this.objectives = objectives;
        this.watchers = watchers;
        this.stop = stop;
        this.group = group;
    }

    /**
     * Trains, from the newest checkpoint if there is one.
     *
     * @param heldOut null for none
     * @param sheet of previews; null for none
     * @return complete at an earlier step than the last where patience ended it
     * @throws JobException if the best checkpoint is to be kept and there is nothing to know it by
     */
    public Run run(LongFunction<B> batches, HeldOut heldOut, Sheet sheet) {
        if (heldOut == null && configuration.keepBest()) {
            throw new JobException("training.keep_best and training.patience go by held-out data, and there are none:"
                    + " set held_out above 0, or leave them out");
        }
        List<Player<B>> players = new ArrayList<>();
        for (Objective<B> objective : objectives) {
            players.add(Player.of(objective, configuration, players.isEmpty() && group.writes()));
        }
        try {
            return group.writes() ? written(players, batches, heldOut, sheet) : followed(players, batches);
        } finally {
            players.forEach(Player::close);
        }
    }

    /** The steps alone: what they lead to the first process writes. */
    private Run followed(List<Player<B>> players, LongFunction<B> batches) {
        Checkpoints checkpoints = new Checkpoints(null, players, configuration, seed.value(), new MeasureSums());
        long begin = checkpoints.share(group, 0);
        Run run = loop(players, batches, watchers, stop, begin);
        group.any(false); // the first one is done too
        return run;
    }

    private Run loop(
            List<Player<B>> players, LongFunction<B> batches, List<Watcher> all, BooleanSupplier end, long begin) {
        TrainLoop<B> loop =
                new TrainLoop<>(players, batches, configuration, seed.child("training"), device, all, end, group);
        return Stopping.value(() -> {}, () -> loop.run(begin)); // a step that was begun is finished
    }

    private Run written(List<Player<B>> players, LongFunction<B> batches, HeldOut heldOut, Sheet sheet) {
        try {
            MeasureSums sums = new MeasureSums();
            Checkpoints checkpoints = new Checkpoints(folder.path(), players, configuration, seed.value(), sums);
            Optional<Path> latest = Checkpoints.latest(folder.path());
            long begin = checkpoints.share(group, latest.map(checkpoints::read).orElse(0L));
            RecipeFile.write(folder.path().resolve("recipe.yaml"), recipe);
            Path origin = folder.path().resolve("provenance.json");
            if (!Files.exists(origin)) {
                provenance.write(origin);
            }
            MovingAverage average = players.get(0).average();
            List<Watcher> told = new ArrayList<>(watchers);
            if (configuration.tensorboard()) {
                told.add(new EventLog(folder.path()));
            }
            List<Watcher> all = new ArrayList<>(told);
            MetricsLog log = new MetricsLog(folder.path(), configuration, sums, told);
            all.add(log);
            all.add(checkpoints); // before what takes long and may be stopped
            Best best = new Best(configuration.patience(), joined());
            if (heldOut != null) {
                all.add(log.validations(new Watched(heldOut, average), best, checkpoints));
            }
            if (sheet != null && configuration.previewEvery() > 0) {
                long every = configuration.previewEvery();
                all.add(new Previews(folder.path(), every, average, sheet, this::tell, stop, System::nanoTime, told));
            }
            BooleanSupplier end = () -> stop.getAsBoolean() || best.outOfPatience();
            Run run = loop(players, batches, all, end, begin);
            group.any(false);
            return run.complete() || !best.outOfPatience() ? run : run.ended(why(heldOut, best));
        } catch (NotFiniteException e) {
            throw new IllegalStateException(
                    e.getMessage() + ": training stopped before applying it. "
                            + Checkpoints.latest(folder.path())
                                    .map(path -> "The last good checkpoint is " + path
                                            + "; go on from it with --resume and a lower --set training.learning_rate")
                                    .orElse("There is no checkpoint yet; start again with a lower"
                                            + " --set training.learning_rate"),
                    e);
        }
    }

    /** The step at which the last of those that join this run at all does. */
    private long joined() {
        return objectives.stream()
                .mapToLong(Objective::begins)
                .filter(each -> each < configuration.steps())
                .max()
                .orElse(0);
    }

    private String why(HeldOut heldOut, Best best) {
        return Phrase.of("held-out %s has not been below the %.4g of step %d in %d measures (training.patience)")
                .with(heldOut.decides(), best.value(), best.step(), configuration.patience());
    }

    /** Looks with the averaged weights, says how far it is, and ends where it is asked to. */
    private final class Watched implements HeldOut {
        private final HeldOut heldOut;
        private final MovingAverage average;

        Watched(HeldOut heldOut, MovingAverage average) {
            this.heldOut = heldOut;
            this.average = average;
        }

        @Override
        public int size() {
            return heldOut.size();
        }

        @Override
        public String unit() {
            return heldOut.unit();
        }

        @Override
        public String decides() {
            return heldOut.decides();
        }

        @Override
        public Map<String, Double> measure(int count, LongConsumer progress) {
            Phase phase = Phase.of("held-out measure", unit(), count);
            tell(phase);
            LongConsumer told = done -> {
                tell(phase.done(done));
                progress.accept(done);
            };
            Map<String, Double> measures = new LinkedHashMap<>();
            Runnable body = () -> measures.putAll(heldOut.measure(count, told));
            Stopping.run(Stopping.when(stop), average == null ? body : () -> average.with(body));
            return measures;
        }
    }

    private void tell(Phase phase) {
        watchers.forEach(each -> each.seen(phase));
    }
}
