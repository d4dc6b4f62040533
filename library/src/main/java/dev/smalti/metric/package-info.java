/**
 * How good images are, by the definitions that papers report. Letters: N images, D features of each, B images of a
 * batch.
 *
 * <p>Two sets of images, each known by its features [N, D]:
 *
 * <ul>
 *   <li>{@link dev.smalti.metric.FrechetDistance} between the Gaussians of two sets (FID, sFID), of which
 *       {@link dev.smalti.metric.FeatureMoments} needs one batch at a time;
 *   <li>{@link dev.smalti.metric.KernelDistance} (KID), unbiased, for fewer images;
 *   <li>{@link dev.smalti.metric.Manifolds}: precision, recall, density and coverage, which tell bad images from
 *       missing ones;
 *   <li>{@link dev.smalti.metric.InceptionScore} of one set, from the logits of a classifier.
 * </ul>
 *
 * <p>The features of the FID come from {@link dev.smalti.metric.inception}; {@link dev.smalti.metric.classifier} learns its own
 * from labelled images.
 *
 * <p>Pairs of images, pixel by pixel: {@link dev.smalti.metric.PeakSignalToNoise} and
 * {@link dev.smalti.metric.StructuralSimilarity}; as a network sees them: {@link dev.smalti.metric.lpips}, of which {@link
 * dev.smalti.metric.FeatureMaps} compares the maps.
 *
 * <p>How sure a number is says its {@link dev.smalti.metric.Interval}.
 *
 * <p>All but LPIPS is computed in float64, for features of either precision; who is near whom is found in float32 and
 * decided in float64. The numbers are those of the features: which network gave them, and how images were resized for it,
 * belongs beside every number that is reported.
 */
package dev.smalti.metric;
