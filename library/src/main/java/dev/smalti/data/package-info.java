/**
 * Images in and out.
 *
 * <pre>
 * folder, zip, IDX, CIFAR, .npz ─► {@link dev.smalti.data.ImageSet}  pictures by index, listed but not loaded
 *                                     │ read            {@link dev.smalti.data.Pixels}  8-bit RGB, any size
 *                                     │ {@link dev.smalti.data.Preparation}   resize, crop, flip: size x size x 3 bytes
 *                                     ▼
 *            {@link dev.smalti.data.ImageBatches} (shuffled, for ever) or {@link dev.smalti.data.ImagePass} (in order, once)
 *                                     │ on background threads
 *                                     ▼
 *                             {@link dev.smalti.data.Images}  float32 [B, 3, H, W] from -1 to 1, labels int64 [B]
 *
 * float32 [B, 3, H, W] ─► {@link dev.smalti.data.Pictures} ─► PNG, grid, GIF      {@link dev.smalti.data.NumpyFile} ─► .npz
 * </pre>
 *
 * <p>Three promises. A batch depends on a seed and its step alone, whatever the threads and the order of calls, so a run
 * resumes bit for bit. Memory is bounded: of a million files only the names are held, of a batch only the bytes. And no
 * broken file slips through: pictures that are cut off, which most decoders fill up with grey, are errors that name the
 * file ({@link dev.smalti.data.DataException}), or are skipped and counted.
 *
 * <p>Decoding and resizing give the same bytes as Pillow (libjpeg-turbo, {@code Image.resize} with {@code BICUBIC}): no
 * difference over 120 photographs.
 */
package dev.smalti.data;
