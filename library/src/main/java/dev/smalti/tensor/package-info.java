/**
 * The door to native code. libtorch's own {@link org.bytedeco.pytorch.Tensor} is the vocabulary; this package adds what
 * every other package needs around it: whose memory it is ({@link dev.smalti.tensor.Scope}), what shape it should have
 * ({@link dev.smalti.tensor.Dims}), where its random numbers come from ({@link dev.smalti.tensor.Seed}), on which device
 * and in which precision it is computed, and how it is stored ({@link dev.smalti.tensor.TensorFile}, safetensors;
 * {@link dev.smalti.tensor.TorchFile} for state dicts that PyTorch has saved, {@link dev.smalti.tensor.WeightFile} for either, {@link
 * dev.smalti.tensor.WeightArchive} for whatever else other projects publish).
 * Since it is below all, it also says how long work tells of itself ({@link dev.smalti.tensor.Phase}, {@link
 * dev.smalti.tensor.Observer}) and how it is stopped ({@link dev.smalti.tensor.Stopping}).
 */
package dev.smalti.tensor;
