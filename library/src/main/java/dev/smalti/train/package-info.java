/**
 * One loop for everything that is trained. {@link dev.smalti.train.TrainLoop} knows
 * {@linkplain dev.smalti.train.Player players} (tensors, a loss, an optimizer) and
 * {@linkplain dev.smalti.train.Watcher watchers}; not images, tokens or metrics. Checkpoints, logs, previews and plots are
 * watchers.
 *
 * <p>All randomness of step s grows from the run's seed and s, and so does the batch. Hence a resumed run continues bit for
 * bit with nothing stored but weights, averages, optimizer state and the number of the step.
 */
package dev.smalti.train;
