package dev.smalti;

import dev.smalti.tensor.Tensors;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.zip.CRC32;
import org.bytedeco.pytorch.Tensor;

/** Weights of networks too large to keep: numbers that follow from their names, as the fixtures' READMEs say. */
public final class WeightRule {
    private WeightRule() {}

    /** float32 of {@code shape} */
    public static Tensor weight(String name, long[] shape, int seed) {
        CRC32 crc = new CRC32();
        crc.update(name.getBytes(StandardCharsets.UTF_8));
        int hash = (int) crc.getValue() + seed;
        int n = Math.toIntExact(Arrays.stream(shape).reduce(1, (a, b) -> a * b));
        double fan = (double) n / shape[0];
        float[] values = new float[n];
        for (int i = 0; i < n; i++) {
            double v = 2 * (Integer.toUnsignedLong(mix(i * 0x9E3779B1 + hash)) / 0x1p32) - 1;
            values[i] = (float) scaled(name, v, fan);
        }
        return Tensors.floats(values).view(shape);
    }

    private static int mix(int x) {
        x = (x ^ (x >>> 16)) * 0x85EBCA6B;
        x = (x ^ (x >>> 13)) * 0xC2B2AE35;
        return x ^ (x >>> 16);
    }

    private static double scaled(String name, double v, double fan) {
        if (name.endsWith("running_var")) {
            return 1 + 0.5 * v;
        }
        if (name.endsWith("running_mean")) {
            return 0.1 * v;
        }
        if (name.endsWith("bn.weight")) {
            return 1 + 0.2 * v;
        }
        return name.endsWith("bias") ? 0.2 * v : v * Math.sqrt(6 / fan);
    }
}
