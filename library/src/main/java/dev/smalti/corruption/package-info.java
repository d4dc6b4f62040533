/**
 * How tokens are lost. A {@link dev.smalti.corruption.Level} says how many, a {@link dev.smalti.corruption.Corruption}
 * how: to a mask ({@link dev.smalti.corruption.Absorbing}), to other codes ({@link dev.smalti.corruption.Uniform}) or
 * to both ({@link dev.smalti.corruption.MaskAndReplace}). It knows the probabilities forwards, and backwards given a
 * guess of the clean token ({@link dev.smalti.corruption.Posterior}), in few numbers too ({@link dev.smalti.corruption.Mixture}). A {@link dev.smalti.corruption.Schedule} is a
 * level for each of T steps.
 */
package dev.smalti.corruption;
