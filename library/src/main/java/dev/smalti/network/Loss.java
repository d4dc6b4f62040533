package dev.smalti.network;

import java.util.Map;
import org.bytedeco.pytorch.Tensor;

/** What is minimised, and what is logged beside it. Scalars, []; the measures carry no gradient. */
public record Loss(Tensor total, Map<String, Tensor> measures) {}
