package dev.smalti.network;

/** What a recipe says of an autoregressive prior's network, and how one is built of it. Implementations are records. */
public interface CausalNetworkConfiguration extends LearntNetwork {
    /** A new, untrained network whose tensors are registered in {@code parameters}. */
    CausalNetwork causal(Parameters parameters, NetworkShape shape);
}
