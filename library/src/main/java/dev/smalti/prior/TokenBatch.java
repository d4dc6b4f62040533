package dev.smalti.prior;

import org.bytedeco.pytorch.Tensor;

/**
 * Grids to train on.
 *
 * @param codes int64 [B, L], row-major
 * @param labels int64 [B]; null without classes
 */
public record TokenBatch(Tensor codes, Tensor labels) {}
