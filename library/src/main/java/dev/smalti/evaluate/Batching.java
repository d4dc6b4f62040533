package dev.smalti.evaluate;

import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.data.Preparation;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Makes batches of images that come one by one, and knows how long others are at work with them. */
final class Batching {
    private final Preparation preparation;
    private final Device place;
    private final ImageSource.Taker taker;
    private final List<Pixels> waiting = new ArrayList<>();
    private int done;
    private long resized;
    private long elsewhere; // nanoseconds

    Batching(Preparation preparation, Device place, ImageSource.Taker taker) {
        this.preparation = preparation;
        this.place = place;
        this.taker = taker;
    }

    /** Images of another size than that of the preparation. */
    long resized() {
        return resized;
    }

    /** In which the taker was at work. */
    long nanoseconds() {
        return elsewhere;
    }

    void add(Pixels image) {
        int side = preparation.size();
        if (image.width() == side && image.height() == side) {
            waiting.add(image);
        } else {
            resized++;
            waiting.add(new Pixels(side, side, preparation.apply(image, new SplittableRandom(0))));
        }
        if (waiting.size() == ImageSource.BATCH) {
            finish();
        }
    }

    /** Gives what is left. */
    void finish() {
        if (waiting.isEmpty()) {
            return;
        }
        long started = System.nanoTime();
        Scope.free(() -> {
            List<Tensor> each = waiting.stream().map(Pictures::toTensor).toList();
            Tensor images = Reconstruction.levels(Tensors.cat(each).to(place, ScalarType.Float));
            taker.take(images, IntStream.range(done, done + each.size()).toArray());
        });
        done += waiting.size();
        waiting.clear();
        elsewhere += System.nanoTime() - started;
    }
}
