package dev.smalti.app;

import dev.smalti.evaluate.LpipsWeights;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Option;

/** The weights of LPIPS. */
final class LpipsOption {
    @Option(
            names = "--lpips",
            paramLabel = "FILE",
            split = ",",
            description = {
                "for lpips: two files with a comma between, torchvision's alexnet-owt-7be5be79.pth or vgg16-397923af.pth, and"
                        + " alex.pth or vgg.pth of PerceptualSimilarity's lpips/weights/v0.1; or both as safetensors"
            })
    private List<Path> files = new ArrayList<>();

    /** Null if none are given. */
    LpipsWeights weights() {
        if (files.isEmpty()) {
            return null;
        }
        if (files.size() != 2) {
            throw new IllegalArgumentException(
                    "--lpips must be two files with a comma between, the network's and the distance's, got "
                            + files.size());
        }
        return new LpipsWeights(files.get(0), files.get(1));
    }
}
