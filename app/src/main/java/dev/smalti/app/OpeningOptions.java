package dev.smalti.app;

import dev.smalti.model.Opening;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** How a model is opened. */
final class OpeningOptions {
    @Option(
            names = "--device",
            paramLabel = "DEVICE",
            defaultValue = Opening.AUTO,
            description = "auto, cpu, cuda or cuda:N (default: auto)")
    private String device;

    @Option(
            names = "--precision",
            paramLabel = "NAME",
            defaultValue = Opening.AUTO,
            description = "of products: auto, the faster; fp32, tf32, bf16 or fp16 (default: auto)")
    private String precision;

    @Mixin
    private CheckpointOption checkpoint;

    Opening opening() {
        return new Opening(device, precision, checkpoint.which());
    }
}
