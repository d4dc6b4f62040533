package dev.smalti.model;

import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/**
 * Turns grids into pictures as they come, so that a picture depends on its grid and its number alone.
 *
 * <p>A convolution's last bits depend on how many images go through it and on the place among them. Hence grids are decoded
 * in groups of one size, the i-th grid at place i modulo that size, and the last group is filled up: whatever batches the
 * grids come in, the same bytes come out.
 */
public final class Decoding {
    private static final long PIXELS = 1 << 15; // of a group: 8 images of 64 x 64, or 1 of 256 x 256
    private static final long MOST = 16;

    private final Painter model;
    private final Taker taker;
    private final TokenSpace space;
    private final int length;
    private final long[] group;
    private int waiting;
    private int done;

    /** Takes the pictures in order. */
    @FunctionalInterface
    public interface Taker {
        void take(int number, Pixels image);
    }

    /** From the first grid on. */
    public Decoding(Painter model, TokenSpace space, Taker taker) {
        this(model, space, 0, taker);
    }

    /**
     * @param space of the grids
     * @param from the number of the first that comes is the last multiple of the group's size up to it
     * @throws dev.smalti.run.JobException if the model has no tokenizer
     */
    public Decoding(Painter model, TokenSpace space, int from, Taker taker) {
        this.model = model;
        this.taker = taker;
        this.space = space;
        this.length = Math.toIntExact(space.size());
        int patch = model.patch();
        long pixels = space.length() * patch * patch;
        int size = (int) Math.min(MOST, Math.max(1, PIXELS / pixels));
        this.group = new long[length * size];
        this.done = from / size * size;
    }

    /** The number of the next picture. */
    public int next() {
        return done;
    }

    /** @param codes int64 [B, h, w] or [B, T, h, w], the next grids */
    public void add(Tensor codes) {
        add(Tensors.toLongs(codes));
    }

    public void add(long[] codes) {
        for (int from = 0; from < codes.length; from += length) {
            System.arraycopy(codes, from, group, waiting * length, length);
            waiting++;
            if (waiting * length == group.length) {
                decode();
            }
        }
    }

    /** Decodes what is left. */
    public void finish() {
        if (waiting > 0) {
            Arrays.fill(group, waiting * length, group.length, 0);
            decode();
        }
    }

    private void decode() {
        List<Pixels> pictures = Scope.value(() -> {
            return Pictures.fromTensor(model.decode(space.grids(Tensors.longs(group))));
        });
        for (Pixels picture : pictures.subList(0, waiting)) {
            taker.take(done++, picture);
        }
        waiting = 0;
    }
}
