package dev.smalti.tensor;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.DeviceType;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The precision of products and convolutions. Weights, sums and losses stay float32 in either.
 *
 * <p>bfloat16 on a CPU pays only where the CPU multiplies it in hardware (AVX512-BF16 or AMX); without, libtorch
 * emulates it, over a hundred times slower than float32. {@link #of}({@code "auto"}) therefore looks.
 */
public enum Precision {
    FP32,
    /** float32, but products and convolutions on a GPU read ten bits of what they multiply; on a CPU the same as float32. */
    TF32,
    BF16;

    private static final Set<String> CPU = flags();
    private static final boolean MULTIPLIES_BF16 = CPU.contains("avx512_bf16") || CPU.contains("amx_bf16");
    private static final boolean TAKES_BF16 = CPU.containsAll(List.of("avx512bw", "avx512vl", "avx512dq"));
    private static final boolean TILES = CPU.contains("amx_bf16");

    /**
     * The precision of a name: {@code fp32}, {@code tf32}, {@code bf16}, or {@code auto} for the faster on {@code device}.
     *
     * @throws IllegalArgumentException if the name is unknown
     */
    public static Precision of(String name, Device device) {
        return switch (name) {
            case "fp32" -> FP32;
            case "tf32" -> TF32;
            case "bf16" -> BF16;
            case "auto" -> device.is_cuda() || MULTIPLIES_BF16 ? BF16 : FP32;
            default -> throw new IllegalArgumentException("precision must be auto, fp32, tf32 or bf16, got " + name);
        };
    }

    /**
     * Runs {@code body} under autocast to this precision on {@code device}. On a card whether products may be TF32 is a setting of the
     * process, made here, that stays: the gradients of what is computed come later.
     */
    public <R> R run(Device device, Supplier<R> body) {
        if (device.is_cuda()) {
            torch.globalContext().setAllowTF32CuBLAS(this == TF32);
            torch.globalContext().setAllowTF32CuDNN(this == TF32);
        }
        return run(device, body, true);
    }

    /**
     * The same on a thread beside another that trains, of a network whose weights require no gradients. Such weights are not among
     * those that autocast keeps converted, for all threads alike, so none are dropped that the other thread needs again.
     */
    public <R> R beside(Device device, Supplier<R> body) {
        return run(device, body, false);
    }

    private <R> R run(Device device, Supplier<R> body, boolean drop) {
        if (this != BF16) {
            return body.get();
        }
        DeviceType type = device.is_cuda() ? DeviceType.CUDA : DeviceType.CPU;
        boolean within = torch.is_autocast_enabled(type); // a preview in the midst of a draw
        torch.set_autocast_dtype(type, ScalarType.BFloat16);
        torch.set_autocast_enabled(type, true);
        try {
            return body.get();
        } finally {
            if (!within) {
                torch.set_autocast_enabled(type, false);
            }
            if (!within && drop) {
                torch.clear_cache();
            }
        }
    }

    /** Runs {@code body} in float32 inside a {@link #run} of either precision. */
    public static <R> R exact(Device device, Supplier<R> body) {
        DeviceType type = device.is_cuda() ? DeviceType.CUDA : DeviceType.CPU;
        boolean within = torch.is_autocast_enabled(type);
        boolean coarse = device.is_cuda() && torch.globalContext().allowTF32CuBLAS();
        if (within) {
            torch.set_autocast_enabled(type, false);
        }
        if (coarse) {
            torch.globalContext().setAllowTF32CuBLAS(false);
        }
        try {
            return body.get();
        } finally {
            if (within) {
                torch.set_autocast_enabled(type, true);
            }
            if (coarse) {
                torch.globalContext().setAllowTF32CuBLAS(true);
            }
        }
    }

    /** The type that products have now on {@code device}: bfloat16 inside {@link #run} of that precision. */
    public static ScalarType products(Device device) {
        return torch.is_autocast_enabled(device.is_cuda() ? DeviceType.CUDA : DeviceType.CPU)
                ? ScalarType.BFloat16
                : ScalarType.Float;
    }

    /** Whether oneDNN computes with bfloat16 on this CPU, be it emulated. */
    public static boolean cpuTakesBf16() {
        return TAKES_BF16;
    }

    /** Whether the CPU multiplies matrices of bfloat16 as such: AMX. */
    public static boolean cpuHasTiles() {
        return TILES;
    }

    /** What the CPU says that it can; empty where the system doesn't tell. */
    private static Set<String> flags() {
        Path info = Path.of("/proc/cpuinfo");
        if (!Files.exists(info)) {
            return Set.of();
        }
        try (Stream<String> lines = Files.lines(info)) {
            return lines.filter(line -> line.startsWith("flags"))
                    .findFirst()
                    .map(line -> Set.copyOf(List.of(line.split("\\s+"))))
                    .orElse(Set.of());
        } catch (IOException e) {
            return Set.of();
        }
    }
}
