package dev.smalti.evaluate;

import dev.smalti.data.ImageBatches;
import dev.smalti.data.ImagePass;
import dev.smalti.data.ImageSet;
import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.data.Subset;
import dev.smalti.model.Encoding;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Pictures of what a tokenizer gives back.
 *
 * @param run of the tokenizer
 * @param device as {@link Devices#of} has it
 * @param precision as {@link Precision#of} has it
 */
public record Reconstructions(RunFolder run, String device, String precision) {
    /** Some images, evenly spread over all, each over what comes back of it. */
    public List<Pixels> pairs(Path data, int count) {
        Device place = Devices.of(device);
        Precision products = Precision.of(precision, place);
        List<Pixels> pairs = new ArrayList<>();
        try (NoGradGuard guard = new NoGradGuard();
                ImageSet images = ImageSet.open(data);
                Tokenizer tokenizer = run.tokenizer(place);
                ImagePass pass = ImageBatches.inOrder(
                        Subset.spread(images, count), Encoding.preparation(run, tokenizer.imageSize()), 1, false)) {
            tokenizer.parameters().training(false);
            while (pass.hasNext()) {
                Scope.free(() -> {
                    ImagePass.Batch next = pass.next();
                    Tensor pixels = next.images().pixels().to(place, ScalarType.Float);
                    long[] noise = Encoding.noise(Encoding.noise(images), 0, next.indices());
                    Tensor codes = products.run(place, () -> tokenizer.encode(pixels, noise));
                    Tensor decoded = products.run(place, () -> tokenizer.decode(codes));
                    List<Pixels> both = new ArrayList<>(Pictures.fromTensor(pixels));
                    both.addAll(Pictures.fromTensor(decoded));
                    pairs.add(Pictures.grid(both, 1, 2));
                });
            }
        }
        return pairs;
    }
}
