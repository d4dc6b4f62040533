package dev.smalti.prior;

import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.UnsupportedSamplingException;
import dev.smalti.network.Denoiser;
import dev.smalti.network.Objective;
import dev.smalti.network.Parameters;
import dev.smalti.prior.process.GridDraw;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Seed;
import dev.smalti.token.TokenFile;
import dev.smalti.token.TokenSpace;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/** A distribution of token grids that is learnt and drawn from. */
public interface Prior extends AutoCloseable {
    /** Its tokens, classes and parameters. */
    PriorCore core();

    /** K, h, w and T. */
    default TokenSpace space() {
        return core().space();
    }

    /** Number of classes; 0 for an unconditional prior. */
    default int classes() {
        return core().classes();
    }

    /** All that is learnt. */
    default Parameters parameters() {
        return core().parameters();
    }

    /**
     * Takes from the tokens that it will be trained on what the method needs beside the codes, such as their vectors. Called
     * before training, and kept with the weights.
     *
     * @throws IllegalArgumentException naming what the tokens lack
     */
    default void prepare(TokenFile tokens) {}

    /** What is trained, in the order in which it is trained on each batch. */
    List<Objective<TokenBatch>> objectives();

    /**
     * A draw of as many grids as {@code streams} are of, for {@link #sample}; it may be given labels, known tokens and
     * watchers.
     *
     * @throws IllegalArgumentException if the canvas is smaller than the grids of training
     */
    default GridDraw draw(Sampling sampling, RandomStreams streams) {
        return new GridDraw(space(), classes(), parameters(), sampling, streams);
    }

    /**
     * The same guided away from another prior, by {@link dev.smalti.draw.Autoguidance}.
     *
     * @param guiding on the same device, not to be trained meanwhile; it stays open
     * @throws UnsupportedSamplingException as {@link #requireGuiding}
     */
    default GridDraw draw(Sampling sampling, RandomStreams streams, Prior guiding) {
        requireGuiding(guiding);
        guiding.parameters().training(false);
        return draw(sampling, streams).guiding(guiding.denoiser());
    }

    /**
     * Looks whether draws can be guided away from another prior.
     *
     * @param guiding its weights stay as they are while it guides, so what is slow to look at may be looked at once
     * @throws UnsupportedSamplingException if it isn't of the same tokens and {@link #process}, or has other classes: as many
     *     as this one, or none
     */
    default void requireGuiding(Prior guiding) {
        if (!guiding.space().equals(space())) {
            throw new UnsupportedSamplingException(Phrase.of(
                            "the model to be guided away from has %s, and this one %s: take one that was trained on the same tokens")
                    .with(guiding.space().text(), space().text()));
        }
        if (!guiding.process().equals(process())) {
            throw new UnsupportedSamplingException(Phrase.of(
                            "the model to be guided away from is %s, and this one %s, whose networks are asked for"
                                    + " different things: take an earlier checkpoint or a smaller network of the same recipe")
                    .with(guiding.process(), process()));
        }
        if (guiding.classes() != classes() && guiding.classes() != 0) {
            throw new UnsupportedSamplingException(Phrase.of(
                            "the model to be guided away from knows %d classes, and this one %d: take one with as many, or with none")
                    .with(guiding.classes(), classes()));
        }
        guiding.denoiser(); // refuses, where the method lends none
    }

    /**
     * The network as {@link #sample} asks it: in the state that the draw is in, for logits of codes, or of what the method draws.
     *
     * @throws UnsupportedSamplingException if the method lends it to no other draw
     */
    default Denoiser denoiser() {
        throw new UnsupportedSamplingException(
                "this prior's network can't guide another's draws: leave the model to be guided away from out");
    }

    /**
     * What the network reads, is told and says, in words; the same for two priors just if either may ask the {@link #denoiser} of
     * the other in the place of its own. Classes apart.
     */
    default String process() {
        return getClass().getSimpleName();
    }

    /**
     * Draws grids.
     *
     * @return int64 [B, h, w], or [B, T, h, w] where there are several codes at each place, on the CPU; the noise of grid
     *     i, where the method has any, is then that of {@link RandomStreams#noiseSeeds}
     * @throws dev.smalti.draw.UnsupportedSamplingException naming the option that the method can't honour
     * @throws IllegalArgumentException naming the label or the known token that is none of this prior's
     */
    Tensor sample(GridDraw draw);

    /**
     * An unbiased estimate of a bound on -ln p of each grid (or the value itself, where {@link #exact}), in nats. A method of a
     * diffusion tokenizer gives that of the codes given their noise.
     *
     * @return float32 [B] on the CPU
     * @throws IllegalArgumentException naming the code or label that isn't one of this prior's
     */
    Tensor negativeLogLikelihood(TokenBatch batch, Seed seed);

    /**
     * The steps T of the process whose bound {@link #negativeLogLikelihood} is; 0 where its time is continuous, which is T → ∞,
     * or the likelihood exact.
     */
    default int boundSteps() {
        return 0;
    }

    /** Whether {@link #negativeLogLikelihood} is the likelihood rather than a bound from above. */
    boolean exact();

    @Override
    default void close() {
        parameters().close();
    }
}
