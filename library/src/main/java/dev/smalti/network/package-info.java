/**
 * Parts that any method may use: {@link dev.smalti.network.Parameters}, which names the tensors of a network, layers that
 * register there and compute with libtorch's functions, and the interfaces that networks are seen through:
 * {@link dev.smalti.network.Denoiser} when sampling ({@link dev.smalti.network.CausalNetwork} where that goes token by token) and
 * {@link dev.smalti.network.Objective} when training. The gradient
 * of GPT-2's blocks on a CPU is written out in {@code BlockGradient}; all else has autograd's. What layers
 * compute is counted in {@link dev.smalti.network.Work}.
 */
package dev.smalti.network;
