/**
 * Images in and out.
 *
 * <pre>
 * folder, zip, tars, IDX, CIFAR, .npz ─► {@link dev.smalti.data.ImageSet}: pictures by index, listed but not loaded
 *      │ read                         {@link dev.smalti.data.Pixels}: 8-bit RGB of any size
 *      │ resize, crop, flip           {@link dev.smalti.data.Preparation}: size x size x 3 bytes
 *      ▼ on background threads
 * {@link dev.smalti.data.ImageBatches}: shuffled, for ever    {@link dev.smalti.data.ImagePass}: in order, once
 *      ▼
 * {@link dev.smalti.data.Images}: float32 [B, 3, H, W] from -1 to 1, labels int64 [B]
 *
 * float32 [B, 3, H, W] ─► {@link dev.smalti.data.Pictures} ─► PNG, grid, GIF
 *                         {@link dev.smalti.data.NumpyFile} ─► .npz, as evaluators of FID read it
 *
 * a picture that is transparent or white in part ─► {@link dev.smalti.data.Mask}: which pixels of another are drawn anew
 * </pre>
 *
 * <p>Three promises. A batch depends on a seed and its step alone, whatever the threads and the order of calls, so a
 * run resumes bit for bit. Memory is bounded: of a million files only the names are held, of a batch only the bytes.
 * And no broken file slips through: pictures that are cut off, which most decoders fill up with grey, are errors that
 * name the file ({@link dev.smalti.data.DataException}), or are skipped and counted.
 *
 * <p>Measured against Pillow 12.3: JPEG, PNG, BMP and GIF decode to the same bytes (150 photographs and variants: grey,
 * CMYK, palettes, alpha, 16 bits, progressive), and resizing gives the same too ({@code Image.resize} with {@code
 * BICUBIC}). WebP decodes as libwebp does it, to the bit (5,000 random files, with loss and without, of few colours, with
 * transparency). One thread decodes and prepares about 2,000 JPEGs of 100 x 100
 * a second.
 */
package dev.smalti.data;
