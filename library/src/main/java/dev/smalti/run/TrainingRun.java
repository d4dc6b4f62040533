package dev.smalti.run;

import dev.smalti.network.Objective;
import dev.smalti.recipe.Provenance;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.tensor.Seed;
import dev.smalti.train.Checkpoints;
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
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.LongFunction;
import java.util.function.Supplier;
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
        this.folder = folder;
        this.recipe = recipe;
        this.provenance = provenance;
        this.configuration = configuration;
        this.seed = seed;
        this.device = device;
        this.objectives = objectives;
        this.watchers = watchers;
        this.stop = stop;
    }

    /**
     * Trains, from the newest checkpoint if there is one.
     *
     * @param measure held-out measures; null for none
     * @param preview draws a preview into a file; null for none
     */
    public Run run(LongFunction<B> batches, Supplier<Map<String, Double>> measure, Consumer<Path> preview) {
        List<Player<B>> players = new ArrayList<>();
        for (Objective<B> objective : objectives) {
            players.add(Player.of(objective, configuration, players.isEmpty()));
        }
        try {
            MeasureSums sums = new MeasureSums();
            Checkpoints checkpoints = new Checkpoints(folder.path(), players, configuration, seed.value(), sums);
            Optional<Path> latest = Checkpoints.latest(folder.path());
            long begin = latest.map(checkpoints::read).orElse(0L);
            RecipeFile.write(folder.path().resolve("recipe.yaml"), recipe);
            Path origin = folder.path().resolve("provenance.json");
            if (!Files.exists(origin)) {
                provenance.write(origin);
            }
            MovingAverage average = players.get(0).average();
            List<Watcher> all = new ArrayList<>(watchers);
            Supplier<Map<String, Double>> validation = measure == null ? null : averaged(average, measure);
            all.add(new MetricsLog(folder.path(), configuration, sums, validation));
            if (preview != null && configuration.previewEvery() > 0) {
                all.add(new Previews(average, preview));
            }
            all.add(checkpoints);
            TrainLoop<B> loop =
                    new TrainLoop<>(players, batches, configuration, seed.child("training"), device, all, stop);
            return loop.run(begin);
        } catch (NotFiniteException e) {
            throw new IllegalStateException(
                    e.getMessage() + ": training stopped before applying it. "
                            + Checkpoints.latest(folder.path())
                                    .map(path -> "The last good checkpoint is " + path
                                            + "; go on from it with --resume and a lower --set training.learning_rate")
                                    .orElse("There is no checkpoint yet; start again with a lower"
                                            + " --set training.learning_rate"),
                    e);
        } finally {
            players.forEach(Player::close);
        }
    }

    private static Supplier<Map<String, Double>> averaged(
            MovingAverage average, Supplier<Map<String, Double>> measure) {
        if (average == null) {
            return measure;
        }
        return () -> {
            Map<String, Double> measures = new HashMap<>();
            average.with(() -> measures.putAll(measure.get()));
            return measures;
        };
    }

    private final class Previews implements Watcher {
        private final MovingAverage average;
        private final Consumer<Path> preview;

        Previews(MovingAverage average, Consumer<Path> preview) {
            this.average = average;
            this.preview = preview;
        }

        @Override
        public void stepped(Run run) {
            if (run.step() % configuration.previewEvery() == 0 || run.complete()) {
                Path file = folder.path().resolve("preview-" + run.step() + ".png");
                if (average == null) {
                    preview.accept(file);
                } else {
                    average.with(() -> preview.accept(file));
                }
            }
        }
    }
}
