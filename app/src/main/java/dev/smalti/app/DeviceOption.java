package dev.smalti.app;

import picocli.CommandLine.Option;

/** Where it is computed. */
final class DeviceOption {
    @Option(
            names = "--device",
            paramLabel = "DEVICE",
            defaultValue = "auto",
            description = "auto, cpu, cuda or cuda:N (default: auto)")
    private String device;

    String name() {
        return device;
    }
}
