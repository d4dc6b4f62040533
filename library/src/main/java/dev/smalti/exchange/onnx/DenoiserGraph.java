package dev.smalti.exchange.onnx;

import dev.smalti.network.CausalLlamaConfiguration;
import dev.smalti.network.CausalNetworkConfiguration;
import dev.smalti.network.DiffusionTransformerConfiguration;
import dev.smalti.network.HaltonTransformerConfiguration;
import dev.smalti.network.LlamaTransformerConfiguration;
import dev.smalti.network.NetworkConfiguration;
import dev.smalti.network.TransformerConfiguration;
import dev.smalti.network.VqDiffusionTransformerConfiguration;
import dev.smalti.prior.Prior;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.prior.absorbing.AbsorbingConfiguration;
import dev.smalti.prior.autoregressive.AutoregressiveConfiguration;
import dev.smalti.prior.d3pm.D3pmConfiguration;
import dev.smalti.prior.maskgit.MaskGitConfiguration;
import dev.smalti.prior.sedd.SeddConfiguration;
import dev.smalti.prior.vqdiffusion.VqDiffusionConfiguration;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.run.JobException;
import dev.smalti.tensor.Phrase;
import dev.smalti.token.TokenSpace;
import java.util.Optional;
import java.util.stream.LongStream;

/**
 * The network of a prior as {@link Prior#denoiser} lends it: tokens, and time and class where there are any, to logits.
 *
 * <p>Letters: B batch, L tokens, K codes, S states, codes and mask, T steps.
 *
 * @param graph {@code xt}, int64 [B, L]; {@code time}, float32 [B], if {@code time} says what it is; {@code label}, int64
 *     [B], if there are classes -> {@code logits}, float32 [B, L, K] or [B, L, S]
 * @param time what it is told; empty if it isn't told
 * @param logits what comes out
 * @param mask the number of the mask; empty where there is none
 * @param masks how many mask tokens there are from that number on; 0 without
 */
record DenoiserGraph(OnnxGraph graph, Optional<String> time, String logits, Optional<Long> mask, int masks) {
    private static final String GUESS = "unnormalised log-probabilities of the clean token";

    /**
     * That of a prior.
     *
     * @param prior open until the graph is written
     * @throws JobException if its kind, or that of its network, has none
     */
    static DenoiserGraph of(PriorConfiguration configuration, Prior prior) {
        Drawing drawing = new Drawing(prior);
        TokenSpace space = prior.space();
        if (configuration instanceof AbsorbingConfiguration absorbing) {
            int steps = absorbing.steps() == null ? Math.toIntExact(space.length()) : absorbing.steps();
            drawing.inputs.countSteps(steps);
            String time = Phrase.of("t - 1, where a share of t / %d is masked").with(steps);
            return drawing.guess(absorbing.network(), space.codes(), time, absorbing.masks());
        }
        if (configuration instanceof MaskGitConfiguration maskgit) {
            return drawing.guess(
                    maskgit.network(), space.codes(), "the share of tokens that are masked", maskgit.masks());
        }
        if (configuration instanceof D3pmConfiguration d3pm) {
            drawing.inputs.countSteps(d3pm.steps());
            boolean absorbs = d3pm.transitions() == D3pmConfiguration.Transitions.ABSORBING;
            return drawing.guess(d3pm.network(), space.codes(), step(d3pm.steps()), absorbs ? 1 : 0);
        }
        if (configuration instanceof VqDiffusionConfiguration vq) {
            drawing.inputs.countSteps(vq.steps());
            drawing.graph.leaveOut("Lt_history", "Lt_count"); // which times training draws
            return drawing.guess(vq.network(), space.codes(), step(vq.steps()), 1);
        }
        if (configuration instanceof SeddConfiguration sedd) {
            return drawing.score(sedd);
        }
        if (configuration instanceof AutoregressiveConfiguration causal) {
            return drawing.causal(causal);
        }
        throw new JobException(Phrase.of("priors of kind %s can't be exported to ONNX: absorbing, maskgit, d3pm,"
                        + " vqdiffusion, sedd and autoregressive can; --to safetensors takes the weights of all")
                .with(RecipeFile.kind(configuration)));
    }

    private static String step(int steps) {
        return Phrase.of("t - 1, from 0 to %d").with(steps - 1);
    }

    /** One in the making. */
    private static final class Drawing {
        private final TokenSpace space;
        private final OnnxGraph graph;
        private final DenoiserInputs inputs;

        Drawing(Prior prior) {
            space = prior.space();
            graph = new OnnxGraph(prior.parameters().all());
            inputs = new DenoiserInputs(graph, space.height(), space.width(), prior.classes() > 0);
        }

        DenoiserGraph guess(NetworkConfiguration network, long outputs, String time, int masks) {
            return finished(network(network, outputs), outputs, time, GUESS, masks);
        }

        DenoiserGraph causal(AutoregressiveConfiguration configuration) {
            OnnxValue logits = causalLogits(configuration.network());
            return finished(
                    logits,
                    space.codes(),
                    "",
                    "unnormalised log-probabilities of each token given those before it; those from it on have no say",
                    0);
        }

        private OnnxValue causalLogits(CausalNetworkConfiguration network) {
            if (network instanceof TransformerConfiguration plain) {
                return new TransformerGraph(plain, inputs).causalLogits(graph.part());
            }
            if (network instanceof CausalLlamaConfiguration llama) {
                return new CausalLlamaGraph(llama, inputs).logits(graph.part());
            }
            throw unknown(network, "transformer and llamagen");
        }

        private static JobException unknown(Object network, String known) {
            return new JobException(Phrase.of("networks such as %s can't be exported to ONNX: %s can;"
                            + " --to safetensors takes the weights of all")
                    .with(network.getClass().getSimpleName(), known));
        }

        /** As {@link dev.smalti.prior.sedd.Sedd#denoiser} says. */
        DenoiserGraph score(SeddConfiguration sedd) {
            boolean absorb = sedd.transitions() == SeddConfiguration.Transitions.ABSORB;
            boolean exact = sedd.parametrisation() == SeddConfiguration.Parametrisation.EXACT;
            long codes = space.codes();
            long states = absorb ? codes + 1 : codes;
            OnnxValue given = network(sedd.network(), states); // [B, L, S]
            if (exact && !absorb) {
                String guess = "log-probabilities of the clean token as the others tell it";
                return finished(given.logSoftmax(), codes, "the noise σ", guess, 0);
            }
            OnnxValue raw = given;
            if (exact) {
                OnnxValue p = given.slice(2, 0, codes).logSoftmax();
                OnnxValue mask = p.slice(2, 0, 1).times(0);
                raw = p.minus(logSize()).concat(2, mask);
            } else if (sedd.scaleBySigma()) {
                raw = given.minus(logSize()).plus(-Math.log(states - 1.0));
            }
            String ratios = "ln s: logarithms of the ratios of probability between a grid with each other token at a"
                    + " place and the grid as it is, 0 for the token itself";
            return finished(zeroAtItself(raw, states), states, "the noise σ", ratios, absorb ? 1 : 0);
        }

        /** ln (e^σ - 1) = σ + ln (1 - e^-σ). -> [B, 1, 1] */
        private OnnxValue logSize() {
            OnnxValue sigma = inputs.time();
            OnnxValue size = sigma.plus(expm1(sigma.times(-1)).times(-1).log());
            return size.unsqueeze(1).unsqueeze(2);
        }

        /** e^x - 1 = 2 tanh(x/2) / (1 - tanh(x/2)), which keeps its digits near 0. */
        private static OnnxValue expm1(OnnxValue x) {
            OnnxValue half = x.times(0.5).tanh();
            return half.times(2).over(half.times(-1).plus(1));
        }

        /** [B, L, S] -> the same, with 0 at the token of each place */
        private OnnxValue zeroAtItself(OnnxValue raw, long states) {
            OnnxValue all = graph.whole(LongStream.range(0, states).toArray());
            OnnxValue own = inputs.tokens().unsqueeze(2).isEqual(all);
            return own.choose(graph.real(0), raw);
        }

        private OnnxValue network(NetworkConfiguration network, long outputs) {
            OnnxPart part = graph.part();
            if (network instanceof TransformerConfiguration plain) {
                return new TransformerGraph(plain, inputs).logits(part);
            }
            if (network instanceof DiffusionTransformerConfiguration dit) {
                return new DiffusionTransformerGraph(dit, inputs).logits(part);
            }
            if (network instanceof HaltonTransformerConfiguration halton) {
                return new HaltonTransformerGraph(halton, inputs, outputs).logits(part);
            }
            if (network instanceof VqDiffusionTransformerConfiguration vq) {
                return new VqDiffusionTransformerGraph(vq, inputs).logits(part);
            }
            if (network instanceof LlamaTransformerConfiguration llama) {
                return new LlamaTransformerGraph(llama, inputs).logits(part);
            }
            throw unknown(network, "transformer, dit, halton, vq-diffusion and llama");
        }

        private DenoiserGraph finished(OnnxValue logits, long outputs, String time, String meaning, int masks) {
            graph.output("logits", logits, OnnxType.FLOAT, "B", inputs.length(), outputs);
            return new DenoiserGraph(
                    graph,
                    inputs.readsTime() ? Optional.of(time) : Optional.empty(),
                    meaning,
                    masks == 0 ? Optional.empty() : Optional.of((long) space.codes()),
                    masks);
        }
    }
}
