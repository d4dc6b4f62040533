package dev.smalti.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.smalti.data.Mask;
import dev.smalti.data.Pixels;

/** Single pictures, of a data set or given to {@code edit}; what they are is told by their bytes. */
class PicturesFuzzTest {
    /** Of the thread that asks; those that decode are bounded by what is checked before, and by a deadline. */
    private static final long MOST = 16L << 20;

    @FuzzTest
    void png(byte[] file) {
        picture(file);
    }

    @FuzzTest
    void jpeg(byte[] file) {
        picture(file);
    }

    @FuzzTest
    void gif(byte[] file) {
        picture(file);
    }

    @FuzzTest
    void bmp(byte[] file) {
        picture(file);
    }

    @FuzzTest
    void webp(byte[] file) {
        picture(file);
    }

    @FuzzTest
    void mask(byte[] file) {
        Outcome.of(file.length, MOST, () -> Mask.decode(file, "mask.png"));
    }

    private static void picture(byte[] file) {
        Outcome.of(file.length, MOST, () -> Pixels.decode(file, "picture"));
    }
}
