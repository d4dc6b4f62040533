package dev.smalti.bench;

import dev.smalti.network.TransformerConfiguration;
import dev.smalti.tensor.Dims;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;

/** Floating-point operations of products and convolutions, a multiplication and an addition counted as two. */
final class Work {
    private Work() {}

    /** One forward pass of a transformer over one grid, without the head. */
    static double transformer(TransformerConfiguration network, double length) {
        double width = network.width();
        double block = 2 * length * 12 * width * width + 4 * length * length * width;
        return network.layers() * block;
    }

    /** The same where the last block's queries and what follows are computed for {@code asked} positions alone. */
    static double sampling(TransformerConfiguration network, double length, double asked) {
        double width = network.width();
        double last = 2 * length * 12 * width * width + 4 * length * length * width;
        double lean = 2 * (length * 2 + asked * 10) * width * width + 4 * asked * length * width;
        return transformer(network, length) - last + lean;
    }

    /**
     * Steps of {@code steps} in which something is revealed in a grid of {@code length}, on average: each position has its
     * own step, evenly.
     */
    static double passes(int steps, double length) {
        return steps * (1 - Math.pow(1 - 1.0 / steps, length));
    }

    /** One forward pass of a VQGAN's encoder and decoder over one image, from the names and shapes of its weights. */
    static double autoencoder(Map<String, Tensor> weights, int size, int factor, int levels, boolean encoderOnly) {
        double sum = 0;
        int base = size / factor << (levels - 1); // side after the first convolution
        for (Map.Entry<String, Tensor> entry : weights.entrySet()) {
            String[] part = entry.getKey().split("\\.");
            long[] shape = Dims.of(entry.getValue());
            if (shape.length == 4 && (part[0].equals("encoder") || !encoderOnly)) {
                double side = side(part, base, size / factor);
                sum += 2.0 * shape[0] * shape[1] * shape[2] * shape[3] * side * side;
            }
        }
        return sum;
    }

    private static double side(String[] part, int base, int lowest) {
        boolean encoder = part[0].equals("encoder");
        return switch (part.length > 1 ? part[1] : "") {
            case "down" -> (base >> Integer.parseInt(part[2])) / (part[3].equals("downsample") ? 2.0 : 1);
            case "up" -> (base >> Integer.parseInt(part[2])) * (part[3].equals("upsample") ? 2.0 : 1);
            case "conv_in" -> encoder ? base : lowest;
            case "conv_out" -> encoder ? lowest : base;
            case "mid" -> lowest;
            default -> part[0].equals("logsigma") ? base : lowest;
        };
    }
}
