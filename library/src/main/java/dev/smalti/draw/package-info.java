/**
 * What a draw is. {@link dev.smalti.draw.Sampling} is what a person may wish of it, {@link dev.smalti.draw.Known} the
 * tokens that stay; {@link dev.smalti.draw.RandomStreams} are the random numbers, a function of grid, use, step and place,
 * and {@link dev.smalti.draw.Categorical} turns logits and such a number into a token. {@link dev.smalti.draw.Guidance}, away
 * from no class, {@link dev.smalti.draw.Autoguidance}, away from a less able network, and {@link dev.smalti.draw.Windows}, for canvases larger than the grids of training ({@link dev.smalti.draw.Looking} says
 * through which), are denoisers around a denoiser, so that
 * every method has them.
 */
package dev.smalti.draw;
