package dev.smalti.train;

import dev.smalti.network.Objective;

/**
 * Something that is trained, with its optimizer.
 *
 * @param average of its weights; null for none
 * @param <B> what a batch is
 */
public record Player<B>(Objective<B> objective, AdamW optimizer, MovingAverage average) implements AutoCloseable {
    /** A player with a new optimizer; {@code averaged} if it is the model rather than its opponent. */
    public static <B> Player<B> of(Objective<B> objective, TrainingConfiguration configuration, boolean averaged) {
        return new Player<>(
                objective,
                new AdamW(objective.parameters(), configuration.betas(), configuration.weightDecay()),
                averaged && configuration.averaging() > 0
                        ? new MovingAverage(objective.parameters(), configuration.averaging())
                        : null);
    }

    @Override
    public void close() {
        optimizer.close();
        if (average != null) {
            average.close();
        }
    }
}
