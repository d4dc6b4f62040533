package dev.smalti.tokenizer.vqgan;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/** Between which values the networks of a {@link Vqgan} see and make images, and compare them; outside they are in [-1, 1]. */
public enum PixelRange {
    /** [-1, 1], as Esser et al. 2021. */
    SIGNED,
    /** [0, 1], as the released code of Bond-Taylor et al. 2022: differences are half as large beside the other losses. */
    UNIT;

    /** Images in [-1, 1] in this range. */
    Tensor inside(Tensor images) {
        return this == SIGNED ? images : images.add(new Scalar(1.0)).mul(new Scalar(0.5));
    }

    /** Images of this range in [-1, 1]. */
    Tensor outside(Tensor images) {
        return this == SIGNED ? images : images.mul(new Scalar(2.0)).sub(new Scalar(1.0));
    }

    /** What -ln of a density over this range lacks to that over [-1, 1], in nats a value: there values lie so much wider. */
    double nats() {
        return this == SIGNED ? 0 : Math.log(2);
    }
}
