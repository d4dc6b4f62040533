package dev.smalti.testing;

import dev.smalti.network.Objective;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Seed;
import dev.smalti.train.Player;
import dev.smalti.train.TrainLoop;
import dev.smalti.train.TrainingConfiguration;
import java.util.List;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Device;

/** Training on one batch, again and again, in float32. */
public final class OneBatch<B> implements AutoCloseable {
    private final List<Player<B>> players;
    private final Supplier<B> batch;
    private final int items;
    private final double learningRate;
    private final Device device = Devices.cpu(); // one handle, so that whoever counts them sees no others come and go
    private long done;

    /**
     * @param averaged whether the players have moving averages
     * @param items of the batch
     */
    public OneBatch(
            List<Objective<B>> objectives, boolean averaged, Supplier<B> batch, int items, double learningRate) {
        this.batch = batch;
        this.items = items;
        this.learningRate = learningRate;
        this.players = objectives.stream()
                .map(objective -> Player.of(objective, configuration(1), averaged))
                .toList();
    }

    /** Takes some steps more. */
    public void steps(int steps) {
        TrainLoop<B> loop = new TrainLoop<>(
                players,
                number -> batch.get(),
                configuration(done + steps),
                new Seed(4),
                device,
                List.of(),
                () -> false);
        done = loop.run(done).step();
    }

    private TrainingConfiguration configuration(long steps) {
        return TrainingConfiguration.of(steps, items, learningRate, "fp32", "cpu");
    }

    @Override
    public void close() {
        players.forEach(Player::close);
    }
}
