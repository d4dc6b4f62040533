package dev.smalti.tensor;

import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch;

/** Where tensors live and are computed. */
public final class Devices {
    static {
        Native.load();
    }

    private Devices() {}

    public static Device cpu() {
        return new Device("cpu");
    }

    /**
     * The device of a name: {@code cpu}, {@code cuda}, {@code cuda:1}, or {@code auto} for a GPU if there is one.
     *
     * @throws IllegalArgumentException if the name is unknown, or the device is not there
     */
    public static Device of(String name) {
        if (name.equals("auto")) {
            return torch.cuda_is_available() ? new Device("cuda") : cpu();
        }
        if (!name.matches("cpu|cuda(:\\d{1,2})?")) {
            throw new IllegalArgumentException("device must be auto, cpu, cuda or cuda:<number>, got " + name);
        }
        if (name.startsWith("cuda") && !torch.cuda_is_available()) {
            throw new IllegalArgumentException("device " + name
                    + " is not available: build with -Pcuda on a machine with a CUDA GPU, or choose cpu");
        }
        return new Device(name);
    }
}
