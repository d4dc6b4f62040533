package dev.smalti.job;

import dev.smalti.data.ImageBatches;
import dev.smalti.data.ImageSet;
import dev.smalti.data.Images;
import dev.smalti.data.Preparation;
import dev.smalti.tensor.Seed;

/** Shuffled batches of a set in any size, one size after the other. Broken pictures are left out. */
final class ImageFeed implements AutoCloseable {
    private final ImageSet set;
    private final Preparation preparation;
    private ImageBatches batches;
    private int size;

    ImageFeed(ImageSet set, Preparation preparation) {
        this.set = set;
        this.preparation = preparation;
    }

    Images batch(long number, int size) {
        if (batches == null || this.size != size) {
            close();
            batches = new ImageBatches(set, preparation, size, new Seed(0), true);
            this.size = size;
        }
        return batches.batch(number);
    }

    @Override
    public void close() {
        if (batches != null) {
            batches.close();
            batches = null;
        }
    }
}
