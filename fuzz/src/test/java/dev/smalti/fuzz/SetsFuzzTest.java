package dev.smalti.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.smalti.data.ImageSet;
import java.nio.file.Path;

/** Data sets of pictures in one file: opened, and their first pictures read. */
class SetsFuzzTest {
    private static final long MOST = 512L << 20;

    @FuzzTest
    void zip(byte[] file) {
        Outcome.ofFile(file, "zip/images.zip", MOST, SetsFuzzTest::read);
    }

    @FuzzTest
    void tar(byte[] file) {
        Outcome.ofFile(file, "tar/shard-000000.tar", MOST, SetsFuzzTest::read);
    }

    @FuzzTest
    void npz(byte[] file) {
        Outcome.ofFile(file, "npz/images.npz", MOST, SetsFuzzTest::read);
    }

    @FuzzTest
    void idx(byte[] file) {
        Outcome.ofFile(file, "idx/x-images-idx3-ubyte", MOST, SetsFuzzTest::read);
    }

    @FuzzTest
    void packedIdx(byte[] file) {
        Outcome.ofFile(file, "packed/x-images-idx3-ubyte.gz", MOST, SetsFuzzTest::read);
    }

    @FuzzTest
    void cifar(byte[] file) {
        Outcome.ofFile(file, "cifar/data_batch_1.bin", MOST, SetsFuzzTest::read);
    }

    private static void read(Path file) {
        try (ImageSet set = ImageSet.open(file)) {
            set.classNames();
            set.fingerprint();
            for (int i = 0; i < Math.min(3, set.size()); i++) {
                set.label(i);
                set.name(i);
                set.read(i);
            }
        }
    }
}
