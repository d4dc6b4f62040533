package dev.smalti.model;

import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Precision;
import org.bytedeco.pytorch.Device;

/**
 * How a model, or a tokenizer alone, is opened: where it computes, how exactly, and with the weights of which step. {@code auto} leaves
 * the choice to the machine and to the run folder.
 *
 * @param device {@code auto} for a GPU if there is one, {@code cpu}, {@code cuda} or {@code cuda:N}
 * @param precision of products, as {@link Precision#of} has it: {@code auto} for the faster, {@code fp32}, {@code tf32},
 *     {@code bf16} or {@code fp16}
 * @param checkpoint {@code auto} for the best where training kept one and else the newest, {@code best}, {@code last}, or a
 *     step
 */
public record Opening(String device, String precision, String checkpoint) {
    public static final String AUTO = "auto";

    /** All of it left to the machine and the run folder. */
    public static final Opening USUAL = on(AUTO);

    /** On a device; all else as usual. */
    public static Opening on(String device) {
        return new Opening(device, AUTO, AUTO);
    }

    /** @throws IllegalArgumentException if the device is unknown, or not there */
    public Device place() {
        return Devices.of(device);
    }

    /** @throws IllegalArgumentException if the precision is unknown, or that device can't have it */
    public Precision precisionOn(Device place) {
        return Precision.of(precision, place);
    }
}
