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
 * The precision of products and convolutions. Weights, sums and losses stay float32 in each.
 *
 * <p>bfloat16 on a CPU pays only where the CPU multiplies it in hardware (AVX512-BF16 or AMX); without, libtorch
 * emulates it, over a hundred times slower than float32. {@link #of}({@code "auto"}) therefore looks.
 */
public enum Precision {
    FP32,
    /** float32, but products and convolutions on a GPU read ten bits of what they multiply; on a CPU the same as float32. */
    TF32,
    BF16,
    /**
     * For cards without bfloat16, those before compute capability 8.0, and for drawing alone: numbers below 6·10⁻⁸ are 0, gradients
     * among them, which would want a loss that is scaled.
     */
    FP16;

    private static final Set<String> CPU = flags();
    private static final boolean MULTIPLIES_BF16 = CPU.contains("avx512_bf16") || CPU.contains("amx_bf16");
    private static final boolean TAKES_BF16 = CPU.containsAll(List.of("avx512bw", "avx512vl", "avx512dq"));
    private static final boolean TILES = CPU.contains("amx_bf16");

    /**
     * The precision of a name: {@code fp32}, {@code tf32}, {@code bf16}, {@code fp16} on a card, or {@code auto} for the fastest on
     * {@code device}.
     *
     * @throws IllegalArgumentException if the name is unknown, or the precision is none of the device
     */
    public static Precision of(String name, Device device) {
        return switch (name) {
            case "fp32" -> FP32;
            case "tf32" -> TF32;
            case "bf16" -> BF16;
            case "fp16" -> {
                if (!device.is_cuda()) {
                    throw new IllegalArgumentException(
                            "precision fp16 is for a GPU, and this is the CPU: choose auto, bf16 or fp32");
                }
                yield FP16;
            }
            case "auto" -> fastest(device);
            default ->
                throw new IllegalArgumentException("precision must be auto, fp32, tf32, bf16 or fp16, got " + name);
        };
    }

    /**
     * The same to train in: {@code auto} is float32 on a card without bfloat16.
     *
     * @throws IllegalArgumentException as {@link #checkToTrain}
     */
    public static Precision toTrain(String name, Device device) {
        checkToTrain(name);
        Precision precision = of(name, device);
        return precision == FP16 ? FP32 : precision;
    }

    /**
     * Throws unless something can be trained in the precision of this name.
     *
     * @throws IllegalArgumentException if the name is unknown, or is {@code fp16}
     */
    public static void checkToTrain(String name) {
        if (name.equals("fp16")) {
            throw new IllegalArgumentException(
                    "precision fp16 is for drawing alone, since small gradients would be 0 in it:"
                            + " train in auto, fp32, tf32 or bf16");
        }
        if (!List.of("auto", "fp32", "tf32", "bf16").contains(name)) {
            throw new IllegalArgumentException("precision must be auto, fp32, tf32 or bf16, got " + name);
        }
    }

    private static Precision fastest(Device device) {
        if (device.is_cuda()) {
            return Cuda.hasBf16() ? BF16 : FP16;
        }
        return MULTIPLIES_BF16 ? BF16 : FP32;
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
        if (this != BF16 && this != FP16) {
            return body.get();
        }
        DeviceType type = device.is_cuda() ? DeviceType.CUDA : DeviceType.CPU;
        boolean within = torch.is_autocast_enabled(type); // a preview in the midst of a draw
        ScalarType around = torch.get_autocast_dtype(type).intern();
        torch.set_autocast_dtype(type, this == BF16 ? ScalarType.BFloat16 : ScalarType.Half);
        torch.set_autocast_enabled(type, true);
        try {
            return body.get();
        } finally {
            torch.set_autocast_dtype(type, around);
            if (!within) {
                torch.set_autocast_enabled(type, false);
            }
            if (!within && drop) {
                torch.clear_cache();
            }
        }
    }

    /** Runs {@code body} in float32 inside a {@link #run} of any precision. */
    public static <R> R exact(Device device, Supplier<R> body) {
        DeviceType type = device.is_cuda() ? DeviceType.CUDA : DeviceType.CPU;
        boolean within = torch.is_autocast_enabled(type);
        boolean coarse = device.is_cuda() && torch.globalContext().allowTF32CuBLAS();
        boolean coarseConvolutions = device.is_cuda() && torch.globalContext().allowTF32CuDNN();
        if (within) {
            torch.set_autocast_enabled(type, false);
        }
        if (coarse) {
            torch.globalContext().setAllowTF32CuBLAS(false);
        }
        if (coarseConvolutions) {
            torch.globalContext().setAllowTF32CuDNN(false);
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
            if (coarseConvolutions) {
                torch.globalContext().setAllowTF32CuDNN(true);
            }
        }
    }

    /** The type that products have now on {@code device}: bfloat16 or float16 inside {@link #run} of that precision. */
    public static ScalarType products(Device device) {
        DeviceType type = device.is_cuda() ? DeviceType.CUDA : DeviceType.CPU;
        return torch.is_autocast_enabled(type) ? torch.get_autocast_dtype(type).intern() : ScalarType.Float;
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
