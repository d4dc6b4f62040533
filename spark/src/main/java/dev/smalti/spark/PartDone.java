package dev.smalti.spark;

import dev.smalti.tensor.Part;

/**
 * What came of a part.
 *
 * @param images in it
 * @param made of these, by this job; the others were there
 * @param attempt 0 for the first; more where an executor was lost, or failed, at this part
 * @param seconds in which they were made, without what is opened once an executor
 */
public record PartDone(Part part, long images, long made, int attempt, double seconds) {}
