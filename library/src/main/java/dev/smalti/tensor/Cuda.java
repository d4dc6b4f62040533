package dev.smalti.tensor;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.pytorch.Context;
import org.bytedeco.pytorch.global.torch;

/**
 * What there is of CUDA, and why a GPU can't be used where it can't: natives for the CPU alone, CUDA libraries that the natives
 * need and the machine lacks, or no card that a driver shows.
 */
public final class Cuda {
    private static final String WAYS = "docs/gpu.md says how";
    private static final Pattern NOT_FOUND = Pattern.compile("\\s*(\\S+) => not found.*");
    private static final int LIBRARIES_DEEP = 6;
    private static final long PATIENCE = 20; // seconds

    private Cuda() {}

    /** What stands between this process and a GPU, as the rest of a sentence with a way out; empty if one can be used. */
    public static Optional<String> problem() {
        Native.load();
        return torch.cuda_is_available() ? Optional.empty() : Optional.of(explanation(library(), Context.hasCUDART()));
    }

    /**
     * @param library libtorch_cuda, wherever it lies; null for none
     * @param loaded whether it was loaded
     */
    static String explanation(Path library, boolean loaded) {
        if (library == null && !loaded) {
            return "the native libraries are those for the CPU: build with -Pcuda (for the launcher"
                    + " SMALTI_MAVEN_ARGS=-Pcuda), or take the libraries of a PyTorch wheel; " + WAYS;
        }
        List<String> missing = loaded ? List.of() : missing(library);
        if (!missing.isEmpty()) {
            return lacking(missing);
        }
        return loaded
                ? "CUDA's libraries are there, but the driver shows no card: `nvidia-smi` must list one, and"
                        + " CUDA_VISIBLE_DEVICES must not hide it"
                : library
                        + " was not loaded though nothing that it needs is missing: its version may be another than that of"
                        + " the other libraries; " + WAYS;
    }

    /** What to say of libraries that are missing. */
    static String lacking(List<String> missing) {
        return "libtorch for CUDA needs libraries that this machine lacks: " + String.join(", ", missing)
                + ". They are NVIDIA's: CUDA's own (org.bytedeco's cuda-redist has cudart, cufft, curand and nvrtc, but not"
                + " cuBLAS, cuDNN, cuSPARSE, cuSOLVER and NCCL). The easy way is a PyTorch wheel for CUDA, whose libraries"
                + " can be taken as they are; " + WAYS;
    }

    /** The libraries that natives for CUDA need and the system doesn't find; empty without such natives. */
    static List<String> missing() {
        Path library = library();
        return library == null ? List.of() : missing(library);
    }

    /** libtorch_cuda in {@code java.library.path} or in JavaCPP's folder, if it can be; else null. */
    static Path library() {
        String name = System.mapLibraryName("torch_cuda");
        for (String folder : System.getProperty("java.library.path", "").split(File.pathSeparator)) {
            Path file = Path.of(folder).resolve(name);
            if (!folder.isEmpty() && Files.exists(file)) {
                return file;
            }
        }
        if (!packed()) {
            return null;
        }
        String inside = inside();
        try (Stream<Path> files = Files.find(
                Loader.getCacheDir().toPath(), LIBRARIES_DEEP, (file, attributes) -> file.endsWith(inside))) {
            return files.findFirst().orElse(null);
        } catch (IOException | UncheckedIOException e) {
            return null;
        }
    }

    /** Whether libtorch_cuda is in a jar or in {@code java.library.path}. */
    static boolean hasLibraries() {
        return packed() || library() != null;
    }

    private static boolean packed() {
        return torch.class.getResource("/org/bytedeco/pytorch/" + inside()) != null;
    }

    private static String inside() {
        return Loader.getPlatform() + "-gpu/" + System.mapLibraryName("torch_cuda");
    }

    private static List<String> missing(Path library) {
        return notFound(says("ldd", library.toString()));
    }

    /** The names in what {@code ldd} says that stand before "not found". */
    static List<String> notFound(List<String> lines) {
        List<String> missing = new ArrayList<>();
        for (String line : lines) {
            Matcher matcher = NOT_FOUND.matcher(line);
            if (matcher.matches() && !missing.contains(matcher.group(1))) {
                missing.add(matcher.group(1));
            }
        }
        return missing;
    }

    /** Whether the card that is used multiplies bfloat16, as those of compute capability 8.0 and later do; false without a card. */
    static boolean hasBf16() {
        return torch.cuda_is_available() && torch.getCUDAHooks().supportsBFloat16ConvolutionWithCuDNNv8();
    }

    /** What {@code nvidia-smi} says of each card: name, driver, memory, capability; empty where there is no such program. */
    public static List<String> cards() {
        return says(
                "nvidia-smi",
                "--query-gpu=name,driver_version,memory.total,memory.free,compute_cap",
                "--format=csv,noheader");
    }

    /** The lines that a program prints; none if it isn't there, fails or takes too long. */
    private static List<String> says(String... command) {
        Path said = null;
        try {
            said = Files.createTempFile(
                    "smalti", ".txt"); // a pipe would have to be read to its end before there is any waiting
            Process process = new ProcessBuilder(command)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .redirectOutput(said.toFile())
                    .start();
            process.getOutputStream().close();
            if (!process.waitFor(PATIENCE, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                return List.of();
            }
            return process.exitValue() == 0
                    ? Files.readString(said, StandardCharsets.UTF_8).lines().toList()
                    : List.of();
        } catch (IOException e) {
            return List.of();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return List.of();
        } finally {
            if (said != null) {
                said.toFile().delete();
            }
        }
    }
}
