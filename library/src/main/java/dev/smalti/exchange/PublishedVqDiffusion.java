package dev.smalti.exchange;

import dev.smalti.corruption.Schedule;
import dev.smalti.network.VqDiffusionTransformerConfiguration;
import dev.smalti.network.VqDiffusionTransformerConfiguration.Times;
import dev.smalti.prior.vqdiffusion.VqDiffusionConfiguration;
import dev.smalti.prior.vqdiffusion.VqDiffusionConfiguration.Transitions;
import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import dev.smalti.tensor.WeightArchive;
import dev.smalti.token.TokenSpace;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * VQ-Diffusion as microsoft/VQ-Diffusion publishes it, without conditions or by class. Gu et al. 2022. The moving average is taken
 * where a file has one.
 *
 * <p>A table of classes has a row more than there are classes, for none, where the model was trained for guidance. It hasn't where
 * it has 1000 rows, which are ImageNet's classes, or as many as {@code --classes} names; none is then told by the mean of all, and
 * guidance means nothing.
 *
 * <p>The files don't say how many heads there are (16 as all that are published), nor the activation (their GELU2).
 */
final class PublishedVqDiffusion implements PublishedKind {
    private static final String NETWORK = "transformer.";
    private static final String FIRST = NETWORK + "blocks.0.";
    private static final int HEADS = 16;
    private static final int STEPS = 100;
    private static final int IMAGENET = 1000;

    @Override
    public String name() {
        return "vq-diffusion";
    }

    @Override
    public String title() {
        return "a VQ-Diffusion of its authors";
    }

    @Override
    public List<String> places() {
        return List.of("ema.", "model.transformer.", "transformer.", "");
    }

    @Override
    public boolean recognises(WeightArchive weights) {
        return weights.has(NETWORK + "content_emb.emb.weight") && weights.has(FIRST + "ln1.linear.weight");
    }

    @Override
    public Translation translate(WeightArchive weights, Asked asked) {
        if (weights.has(FIRST + "attn2.key.weight") || weights.has(FIRST + "ln1_1.linear.weight")) {
            throw new BadFileException(
                    weights.path(),
                    "is conditioned on texts (it has " + FIRST
                            + "attn2), which CLIP reads: only models without conditions or by class can be imported");
        }
        int steps = steps(weights);
        boolean history = weights.has("Lt_history") && weights.has("Lt_count");
        int rows = weights.has(FIRST + "ln2.emb.weight") ? weights.size(FIRST + "ln2.emb.weight", 0) : 0;
        boolean guided = rows > 0 && rows != asked.classNames().size() && rows != IMAGENET;
        VqDiffusionConfiguration configuration = new VqDiffusionConfiguration(
                network(weights),
                steps,
                transitions(weights, steps),
                null,
                null,
                null,
                null,
                history,
                null,
                null,
                rows == 0 || guided ? null : 0.0);
        TokenSpace space = new TokenSpace(
                weights.size(NETWORK + "to_logits.1.weight", 0),
                weights.size(NETWORK + "content_emb.height_emb.weight", 0),
                weights.size(NETWORK + "content_emb.width_emb.weight", 0));
        Renaming names = new Renaming().rule("Lt_(history|count)", "Lt_$1");
        if (rows > 0 && !guided) {
            names.rule("(.*\\.ln2\\.emb\\.weight)", NETWORK + "$1", PublishedVqDiffusion::withNone);
        }
        return new Translation(
                new Subject.OfPrior(configuration, space, guided ? rows - 1 : rows),
                SeparateAttention.rules(names, NETWORK),
                PublishedVqDiffusion::leftOut);
    }

    private static VqDiffusionTransformerConfiguration network(WeightArchive weights) {
        int width = weights.size(NETWORK + "content_emb.emb.weight", 1);
        boolean convolution = weights.has(FIRST + "mlp.conv1.weight");
        int wide = weights.size(FIRST + (convolution ? "mlp.conv1.weight" : "mlp.0.weight"), 0);
        return new VqDiffusionTransformerConfiguration(
                weights.count(NETWORK + "blocks.%d.ln1.linear.weight"),
                width,
                width % HEADS == 0 ? HEADS : 1,
                convolution,
                wide / width,
                null,
                null,
                null,
                null,
                null,
                null,
                learntTimes(weights) ? Times.LEARNT : Times.SINUSOIDAL);
    }

    private static boolean learntTimes(WeightArchive weights) {
        return weights.has(FIRST + "ln1.emb.weight");
    }

    private static int steps(WeightArchive weights) {
        String name = learntTimes(weights) ? FIRST + "ln1.emb.weight" : "log_at";
        return weights.has(name) ? weights.size(name, 0) : STEPS;
    }

    /** By the logarithm of the share that is kept after each step, if the file says it; else as released. */
    private static Transitions transitions(WeightArchive weights, int steps) {
        if (!weights.has("log_cumprod_at")) {
            return Transitions.AS_RELEASED;
        }
        weights.length("log_cumprod_at", Schedule.MOST_STEPS + 1); // before a list is made of them
        double[] theirs = Scope.value(() -> Tensors.toDoubles(
                weights.tensor("log_cumprod_at").to(ScalarType.Double).exp()));
        if (kept(Schedule.maskAndReplaceAsReleased(steps), theirs)) {
            return Transitions.AS_RELEASED;
        }
        if (kept(Schedule.maskAndReplace(steps), theirs)) {
            return Transitions.PAPER;
        }
        throw new BadFileException(
                weights.path(),
                Phrase.of(
                                "must lose tokens as the released models do (alpha1 of %d steps) or as the paper says, and its"
                                        + " log_cumprod_at says otherwise")
                        .with(steps));
    }

    private static boolean kept(Schedule schedule, double[] theirs) {
        long[] after = LongStream.rangeClosed(1, schedule.steps()).toArray();
        double[] ours = Scope.value(() -> Tensors.toDoubles(
                schedule.at(Tensors.longs(after), Devices.cpu()).kept()));
        boolean same = theirs.length >= ours.length;
        for (int t = 0; same && t < ours.length; t++) {
            same = Math.abs(ours[t] - theirs[t]) < 1e-5;
        }
        return same;
    }

    /** [N, D] -> [N + 1, D] */
    private static Tensor withNone(Tensor table) {
        return Tensors.cat(0, table, table.mean(new long[] {0}, true, new ScalarTypeOptional()));
    }

    private static Optional<String> leftOut(String theirs) {
        return theirs.startsWith("log_")
                ? Optional.of("noise schedule")
                : theirs.equals("empty_text_embed") ? Optional.of("vectors of no text") : Optional.empty();
    }
}
