package dev.smalti.evaluate;

import dev.smalti.evaluate.EvaluationResult.Compared;

/**
 * What was found in a set.
 *
 * @param features null where none were looked at
 */
record Gathered(Compared set, SetFeatures features) {}
