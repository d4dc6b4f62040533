/**
 * What tokenizers and priors share, and all that they share. A tokenizer turns images into grids of codes and back; a
 * prior learns how such grids look and makes new ones; neither knows the other.
 *
 * <pre>
 * images [B, C, H, W] → tokenizer → codes [B, h, w] → prior → codes [B, h, w] → tokenizer → images [B, C, H, W]
 * </pre>
 *
 * <p>A {@link dev.smalti.token.TokenSpace} says which codes there are and how large the grid is: {@code K} codes, from 0
 * to {@code K - 1}, on {@code h × w} places, with {@code T} codes at each where the tokenizer takes several steps; {@code
 * K} itself is the mask, the mark of a code that is not known yet. A {@link dev.smalti.token.Codebook} holds the vectors
 * {@code [K, D]} that the codes stand for, which some priors start their embeddings from.
 *
 * <p>The seam is a file, too. A {@link dev.smalti.token.TokenFile} keeps a whole data set as codes, with labels and with
 * the fingerprint of the tokenizer that made it: encoding is one job and training a prior another, and whoever has
 * tokens of their own needs no tokenizer. The format is safetensors:
 *
 * <table>
 * <caption>Tensors and metadata of a token file</caption>
 * <tr><td>{@code codes}</td><td>integers {@code [N, h, w]}, or {@code [N, T, h, w]} from a tokenizer of T steps</td></tr>
 * <tr><td>{@code labels}</td><td>integers {@code [N]}, from 0 (optional)</td></tr>
 * <tr><td>{@code codebook}</td><td>floats {@code [K, D]} (optional)</td></tr>
 * <tr><td>{@code noise_seeds}</td><td>integers {@code [N]}, of a diffusion tokenizer, from which
 * {@link dev.smalti.token.DiffusionNoise} makes its noise again (optional)</td></tr>
 * <tr><td>{@code alpha}, {@code phi.weight}, {@code phi.bias}</td><td>floats {@code [T]}, {@code [d, d, 3, 3]}, {@code [d]}:
 * the {@link dev.smalti.token.Accumulation} of the codes of T steps (optional)</td></tr>
 * <tr><td>{@code codebook_size}</td><td>metadata: K</td></tr>
 * <tr><td>{@code classes}, {@code class_names}</td><td>metadata: a number, a JSON array of strings (optional)</td></tr>
 * <tr><td>{@code tokenizer}, {@code tokenizer_run}</td><td>metadata: its fingerprint, its run folder (optional)</td></tr>
 * <tr><td>{@code copies}</td><td>metadata: how many grids in a row are of one image, other views of it or with other
 * noise (optional, 1)</td></tr>
 * <tr><td>{@code views}, {@code crop}, {@code flip}</td><td>metadata: which views of an image {@code encode} made; for people
 * alone (optional)</td></tr>
 * <tr><td>{@code format}</td><td>metadata: the version of this table, 1 (optional)</td></tr>
 * </table>
 *
 * <p>A folder of such files is one data set too, in the order of their names, where all say the same of what isn't a grid's own.
 * A {@link dev.smalti.token.TokenWriter} writes a file of any size batch by batch, and one of more than 1 GiB is read by the
 * grid.
 */
package dev.smalti.token;
