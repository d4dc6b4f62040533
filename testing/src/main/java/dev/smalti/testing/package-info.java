/**
 * What every tokenizer, prior and corruption must do, as tests to inherit: whoever writes one in a project of their own
 * holds it to the same contracts as those of this library.
 *
 * <pre>{@code
 * class MyPriorContractTest extends PriorContract {
 *     protected PriorConfiguration configuration() {
 *         return new MyPriorConfiguration(new TransformerConfiguration(2, 32, 2, null)); // tiny
 *     }
 *
 *     protected double learningRate() {
 *         return 3e-3;
 *     }
 *
 *     protected int stepsByHeart() {
 *         return 300; // of batch 16, after which it knows two grids by heart
 *     }
 * }
 * }</pre>
 *
 * <p>{@link dev.smalti.testing.PriorContract}, {@link dev.smalti.testing.TokenizerContract} and {@link
 * dev.smalti.testing.CorruptionContract} take seconds each. {@link dev.smalti.testing.KnownJointContract} and {@link
 * dev.smalti.testing.KnownImagesContract} train a recipe for minutes on a world that is known exactly, {@link
 * dev.smalti.testing.KnownJoint} and {@link dev.smalti.testing.TilesWorld}, and measure how far what is drawn is from it.
 *
 * <p>What a sampler does by itself is seen with a network that has nothing left to learn: {@link
 * dev.smalti.testing.ExactPosterior} knows a {@link dev.smalti.testing.Joint} of small grids, and {@link
 * dev.smalti.testing.SamplerLaw} computes the law of what a prior draws with it, without drawing. {@code docs/samplers.md} has what
 * comes of it.
 *
 * <p>The tests need JUnit Jupiter and AssertJ, which come with this jar. Give their processes one thread of OpenMP each
 * ({@code OMP_NUM_THREADS=1}): the networks are too small to gain from more.
 */
package dev.smalti.testing;
