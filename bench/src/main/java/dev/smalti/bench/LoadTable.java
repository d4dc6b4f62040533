package dev.smalti.bench;

import dev.smalti.data.Pixels;
import dev.smalti.draw.Sampling;
import dev.smalti.model.Model;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** What a server must answer: images that the library drew of the same classes and seeds, in this process and beforehand. */
final class LoadTable {
    static final int STEPS = 64;
    static final int MOST = 4; // images of a request
    private static final int WISHES = 24;
    private static final int BATCHES = 3;

    private final List<Wish> wishes = new ArrayList<>();
    private final Map<String, byte[]> answered = new ConcurrentHashMap<>(); // PNG files by wish and number
    private final AtomicLong images = new AtomicLong();
    private final AtomicLong wrong = new AtomicLong();
    private final AtomicLong changed = new AtomicLong();
    private final AtomicInteger apart = new AtomicInteger();
    private final double perSecond;

    /** @param expected the first of them are those of fewer images too */
    record Wish(String label, long seed, List<Pixels> expected) {}

    /** Draws them, and measures how many images a second come of one batch of 64. */
    LoadTable(String name, long seed) {
        try (Model model = Model.open(name)) {
            Random random = new Random(seed);
            List<String> classes = model.classNames();
            Sampling sampling = Sampling.USUAL.steps(STEPS);
            for (int i = 0; i < WISHES; i++) {
                String label = classes.get(random.nextInt(classes.size()));
                wishes.add(new Wish(label, i, model.images(List.of(label), MOST, i, sampling)));
            }
            perSecond = inOneBatch(model);
        }
    }

    /** How many images a second come of batches of 64, drawn in this process. */
    static double inOneBatch(String name) {
        try (Model model = Model.open(name)) {
            model.images(List.of(), 1, 0, Sampling.USUAL.steps(STEPS));
            return inOneBatch(model);
        }
    }

    private static double inOneBatch(Model model) {
        long started = System.nanoTime();
        for (int i = 0; i < BATCHES; i++) {
            model.images(List.of(), 64, i, Sampling.USUAL.steps(STEPS));
        }
        return BATCHES * 64 / ((System.nanoTime() - started) / 1e9);
    }

    Wish any(Random random) {
        return wishes.get(random.nextInt(wishes.size()));
    }

    /** Of drawing in this process, in one batch. */
    double imagesPerSecond() {
        return perSecond;
    }

    /** An image has been answered: is it the right one, with the same bytes as whenever it was answered before? */
    void check(Wish wish, int number, byte[] png) {
        images.incrementAndGet();
        byte[] before = answered.putIfAbsent(wish.seed() + "/" + number, png);
        if (before != null) {
            if (!Arrays.equals(before, png)) {
                changed.incrementAndGet();
            }
            return;
        }
        int difference = difference(wish.expected().get(number), Pixels.decode(png, "answer"));
        apart.accumulateAndGet(difference, Math::max);
        if (difference > 1) {
            wrong.incrementAndGet();
        }
    }

    private static int difference(Pixels one, Pixels other) {
        if (one.width() != other.width() || one.height() != other.height()) {
            return 255;
        }
        int most = 0;
        for (int i = 0; i < one.rgb().length; i++) {
            most = Math.max(most, Math.abs((one.rgb()[i] & 255) - (other.rgb()[i] & 255)));
        }
        return most;
    }

    long images() {
        return images.get();
    }

    /** Images that differ from the library's by more than one level. */
    long wrong() {
        return wrong.get();
    }

    /** Images whose bytes were others than when they were answered before. */
    long changed() {
        return changed.get();
    }

    /** The largest difference from the library's images, of 255. */
    int apart() {
        return apart.get();
    }
}
