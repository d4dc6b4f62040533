/**
 * Weights as other projects publish them, in and out.
 *
 * <p>A {@link dev.smalti.exchange.PublishedKind} knows one form: by which names it is recognised, which of our networks computes the
 * same and of what sizes ({@link dev.smalti.exchange.Subject}), and what of theirs each tensor of ours is made of
 * ({@link dev.smalti.exchange.Origin}). {@link dev.smalti.exchange.PublishedKinds} lists all of them, and
 * {@link dev.smalti.exchange.Importing} makes a run folder of a file, or says which names are missing or foreign.
 *
 * <p>The other way, {@link dev.smalti.exchange.SafetensorsExport} writes our names, {@link dev.smalti.exchange.DiffusersExport} those of
 * diffusers, and {@link dev.smalti.exchange.onnx} graphs that are run without this library.
 */
package dev.smalti.exchange;
