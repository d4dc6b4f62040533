package dev.smalti.tensor;

import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Where tensors live and are computed. */
public final class Devices {
    private static final Logger LOG = LoggerFactory.getLogger(Devices.class);
    private static final AtomicBoolean WARNED = new AtomicBoolean();

    static {
        Native.load();
    }

    private Devices() {}

    public static Device cpu() {
        return new Device("cpu");
    }

    /** The CPU, with a word of warning where natives for CUDA are in vain. */
    private static Device instead() {
        List<String> missing = WARNED.getAndSet(true) ? List.of() : Cuda.missing();
        if (!missing.isEmpty()) {
            LOG.warn("computing on the CPU: {}", Cuda.lacking(missing));
        }
        return cpu();
    }

    /**
     * {@code values} on a device, of another type if need be. What the CPU gives to a GPU goes by pinned memory, so that the
     * CPU doesn't wait until the GPU is done with all that it has to do, as a plain copy would.
     */
    public static Tensor send(Tensor values, Device device, ScalarType type) {
        if (!device.is_cuda() || values.is_cuda() || values.numel() == 0) {
            return values.to(device, type);
        }
        return values.to(type).contiguous().pin_memory().to(device, type, true, false, new MemoryFormatOptional());
    }

    /**
     * That of one of several processes of a machine, which take a GPU each where the name is {@code cuda}, or {@code auto} where there
     * are any.
     *
     * @param process which of them, from 0
     * @throws IllegalArgumentException as {@link #of(String)}, or if there are fewer GPUs
     */
    public static Device of(String name, int process) {
        boolean gpu = name.equals("cuda") || name.equals("auto") && torch.cuda_is_available();
        if (process == 0 || !gpu) {
            return of(name);
        }
        long count = torch.cuda_is_available() ? torch.getNumGPUs() : 0;
        if (process >= count) {
            throw new IllegalArgumentException(
                    "process " + process + " of this machine needs a GPU of its own, and there are " + count
                            + ": start fewer processes, choose cpu, or leave LOCAL_RANK out where each sees a GPU of its own");
        }
        return of("cuda:" + process);
    }

    /**
     * The device of a name: {@code cpu}, {@code cuda}, {@code cuda:1}, or {@code auto} for a GPU if there is one.
     *
     * @throws IllegalArgumentException if the name is unknown, or the device is not there
     */
    public static Device of(String name) {
        if (name.equals("auto")) {
            return torch.cuda_is_available() ? new Device("cuda") : instead();
        }
        if (!name.matches("cpu|cuda(:\\d{1,2})?")) {
            throw new IllegalArgumentException("device must be auto, cpu, cuda or cuda:<number>, got " + name);
        }
        if (name.startsWith("cuda") && !torch.cuda_is_available()) {
            throw new IllegalArgumentException("device " + name + " is not available, choose cpu: "
                    + Cuda.problem().orElse("it has gone"));
        }
        return new Device(name);
    }

    /** What kind of device it is, {@code cpu} or {@code cuda}, whichever of several of them. */
    public static String type(Device device) {
        return device.is_cuda()
                ? "cuda"
                : device.is_cpu() ? "cpu" : device.str().getString();
    }
}
