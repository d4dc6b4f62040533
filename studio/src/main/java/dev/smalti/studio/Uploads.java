package dev.smalti.studio;

import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** Bounds what uploads take of memory together: their bytes, and the pictures that they decode to. */
final class Uploads {
    private static final int KIB = 256 << 10; // of all bodies that are being read: 256 MiB
    private static final int DECODED_AT_ONCE = 2; // a picture may have 100 megapixels
    private static final long PATIENCE = 30; // seconds

    private final Semaphore bodies = new Semaphore(KIB);
    private final Semaphore decoders = new Semaphore(DECODED_AT_ONCE, true);

    /**
     * Reads a body.
     *
     * @param bytes of it, as far as it may have; -1 where it doesn't say
     * @param most bytes that it may have
     * @throws ApiException if it is too large, or others take all there is
     */
    <T> T read(long bytes, int most, Supplier<T> reading) {
        if (bytes > most) {
            throw ApiException.tooLarge("the body must have at most " + most + " bytes");
        }
        int kib = (int) ((bytes < 0 ? most : bytes) / 1024) + 1;
        if (!bodies.tryAcquire(kib)) {
            throw ApiException.busy("there is no memory for another upload now: try again later", 1);
        }
        try {
            return reading.get();
        } finally {
            bodies.release(kib);
        }
    }

    /** Decodes pictures of a body. @throws ApiException if others take too long over theirs */
    <T> T decode(Supplier<T> decoding) {
        boolean turn = false;
        try {
            turn = decoders.tryAcquire(PATIENCE, TimeUnit.SECONDS);
            if (!turn) {
                throw ApiException.busy("other pictures are being decoded: try again later", 1);
            }
            return decoding.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw ApiException.closing();
        } finally {
            if (turn) {
                decoders.release();
            }
        }
    }
}
