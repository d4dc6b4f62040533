/**
 * Several processes that train one model, each on its share of every batch: data-parallel training. Li et al. 2020, arXiv:2006.15704, of
 * which we take the flat buckets and leave the overlap, since a step waits for little else than its own arithmetic here.
 *
 * <pre>
 * items of a step    [0 .. B/N) [B/N .. 2B/N) …       a process each, in the order of their ranks
 * loss               the mean over its own items; what is no mean over items asks the others ({@link dev.smalti.distributed.WholeBatch})
 * gradients          summed over all, divided by N; then every process takes the same step
 * files              rank 0 alone
 * </pre>
 *
 * <p>{@link dev.smalti.distributed.Group} is what the layers of a network see: {@link dev.smalti.distributed.Group#now()}, which is
 * one process, as long as nobody says otherwise. This package alone knows c10d, libtorch's library for it.
 */
package dev.smalti.distributed;
