package dev.smalti.evaluate;

import dev.smalti.metric.lpips.Lpips;
import java.nio.file.Path;
import org.bytedeco.pytorch.Device;

/**
 * The files of {@link Lpips}, which say themselves of which network they are.
 *
 * @param backbone the network's weights, torchvision's
 * @param linear the distance's, PerceptualSimilarity's of version 0.1
 */
public record LpipsWeights(Path backbone, Path linear) {
    public Lpips open(Device device) {
        return Lpips.open(backbone, linear, device);
    }
}
