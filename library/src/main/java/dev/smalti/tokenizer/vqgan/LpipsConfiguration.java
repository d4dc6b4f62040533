package dev.smalti.tokenizer.vqgan;

import dev.smalti.metric.lpips.Lpips;
import dev.smalti.metric.lpips.Net;
import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.Phrase;
import dev.smalti.tokenizer.PerceptualConfiguration;
import dev.smalti.tokenizer.PerceptualLoss;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;

/**
 * LPIPS as the perceptual loss of a {@link Vqgan}, as Esser et al. 2021 and Bond-Taylor et al. 2022, section 3.1,
 * have it.
 *
 * @param net the network through which it looks; {@code vgg}, as in the papers, if left out
 * @param backbone file with the network's weights, as {@link Lpips#open} reads it, relative to the working directory
 * @param linear file with the weights of the distance, the same
 * @param weight factor beside the absolute error; above 0; 1 if left out
 */
public record LpipsConfiguration(Net net, Path backbone, Path linear, Double weight)
        implements PerceptualConfiguration {
    public LpipsConfiguration {
        net = net == null ? Net.VGG : net;
        weight = PerceptualConfiguration.weight(weight);
        if (backbone == null) {
            throw new IllegalArgumentException("backbone is required: give torchvision's " + net.published());
        }
        if (linear == null) {
            throw new IllegalArgumentException(
                    Phrase.of("linear is required: give %s of version 0.1 of the project PerceptualSimilarity")
                            .with(net.linear()));
        }
    }

    @Override
    public void check(int size) {
        if (size < net.least()) {
            throw new IllegalArgumentException(Phrase.of("size must be at least %d for a perceptual loss by %s, got %d")
                    .with(net.least(), net.label(), size));
        }
    }

    /**
     * {@inheritDoc}
     *
     * @throws BadFileException if a file isn't there, with where it is published and how to do without
     */
    @Override
    public PerceptualLoss build(Device device) {
        checkThere();
        Lpips lpips = Lpips.open(net, backbone, linear, device);
        return new PerceptualLoss() {
            @Override
            public Tensor distance(Tensor images, Tensor reconstruction) {
                return lpips.distance(images, reconstruction);
            }

            @Override
            public void close() {
                lpips.close();
            }
        };
    }

    /** Names every file that isn't there at once. */
    private void checkThere() {
        List<Published> missing = Stream.of(
                        new Published(backbone, "torchvision's " + net.published()),
                        new Published(
                                linear,
                                Phrase.of("lpips/weights/v0.1/%s of the Python package lpips (PerceptualSimilarity)")
                                        .with(net.linear())))
                .filter(each -> !Files.isRegularFile(each.file()))
                .toList();
        if (!missing.isEmpty()) {
            String get = missing.stream()
                    .map(each -> Phrase.of("%s is %s").with(each.file(), each.as()))
                    .collect(Collectors.joining(", and "));
            throw new BadFileException(
                    missing.get(0).file(),
                    Phrase.of(
                                    "there is no such file, which the perceptual loss needs; get it (%s), name other files with"
                                            + " backbone and linear, or train without the perceptual loss: --set"
                                            + " tokenizer.perceptual=null (for kind rdpm"
                                            + " tokenizer.autoencoder.perceptual=null)")
                            .with(get));
        }
    }

    /** A file, and as what another project publishes it. */
    private record Published(Path file, String as) {}

    @Override
    public Map<String, String> parents() {
        checkThere();
        return Lpips.fingerprints(net, backbone, linear);
    }
}
