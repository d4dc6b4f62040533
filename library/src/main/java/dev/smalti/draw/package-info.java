/**
 * How a token is chosen: {@link dev.smalti.draw.RandomStreams} are the random numbers, one stream a grid;
 * {@link dev.smalti.draw.Categorical} turns logits and such numbers into tokens, after temperature, top-k and nucleus;
 * {@link dev.smalti.draw.Guidance} and {@link dev.smalti.draw.Windows}, for canvases larger than the grids of training, are
 * denoisers around a denoiser, so that every method has them.
 */
package dev.smalti.draw;
