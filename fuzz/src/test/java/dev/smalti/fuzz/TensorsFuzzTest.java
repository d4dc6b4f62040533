package dev.smalti.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.TorchFile;
import dev.smalti.tensor.WeightArchive;
import dev.smalti.token.TokenFile;
import java.nio.file.Path;
import org.bytedeco.pytorch.Tensor;

/** Weights and tokens of other people. */
class TensorsFuzzTest {
    private static final long MOST = 16L << 20;

    @FuzzTest
    void safetensors(byte[] bytes) {
        Outcome.ofFile(
                bytes,
                "weights.safetensors",
                MOST,
                path -> Scope.free(() -> {
                    try (TensorFile file = TensorFile.open(path)) {
                        file.metadata();
                        for (Tensor tensor : file.tensors().values()) {
                            tensor.numel();
                        }
                    }
                }));
    }

    @FuzzTest
    void tokens(byte[] bytes) {
        Outcome.ofFile(
                bytes,
                "tokens.safetensors",
                MOST,
                path -> Scope.free(() -> {
                    try (TokenFile file = TokenFile.read(path)) {
                        file.space();
                        file.labels();
                        file.codebook();
                        file.noiseSeeds();
                        file.fingerprint();
                        file.forEachCodes(Tensor::numel);
                    }
                }));
    }

    @FuzzTest
    void torch(byte[] bytes) {
        Outcome.ofFile(
                bytes,
                "weights.pth",
                MOST,
                path -> Scope.free(() -> {
                    if (TorchFile.looksLikeOne(path)) {
                        TorchFile.read(path);
                    }
                }));
    }

    @FuzzTest
    void archive(byte[] bytes) {
        Outcome.ofFile(bytes, "archive", MOST, TensorsFuzzTest::readArchive);
    }

    /** Of parts that aren't there. */
    @FuzzTest
    void index(byte[] bytes) {
        Outcome.ofFile(bytes, "model.safetensors.index.json", MOST, TensorsFuzzTest::readArchive);
    }

    private static void readArchive(Path path) {
        try (WeightArchive archive = WeightArchive.open(path)) {
            archive.settings();
            archive.foreign();
            for (String name : archive.shapes().keySet()) {
                archive.dtype(name);
                Scope.free(() -> archive.tensor(name).numel());
            }
        }
    }
}
