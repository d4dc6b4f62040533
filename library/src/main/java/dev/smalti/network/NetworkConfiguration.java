package dev.smalti.network;

/** What a recipe says of a denoiser's network, and how one is built of it. Implementations are records. */
public interface NetworkConfiguration {
    /** A new, untrained network whose tensors are registered in {@code parameters}. */
    Denoiser build(Parameters parameters, NetworkShape shape);
}
