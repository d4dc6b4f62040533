package dev.smalti.recipe;

import dev.smalti.network.BesnierTransformerConfiguration;
import dev.smalti.network.CausalLlamaConfiguration;
import dev.smalti.network.CausalNetworkConfiguration;
import dev.smalti.network.DiffusionTransformerConfiguration;
import dev.smalti.network.HaltonTransformerConfiguration;
import dev.smalti.network.LlamaTransformerConfiguration;
import dev.smalti.network.NetworkConfiguration;
import dev.smalti.network.TransformerConfiguration;
import dev.smalti.network.VqDiffusionTransformerConfiguration;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.prior.absorbing.AbsorbingConfiguration;
import dev.smalti.prior.autoregressive.AutoregressiveConfiguration;
import dev.smalti.prior.d3pm.D3pmConfiguration;
import dev.smalti.prior.lcmd.LcmdConfiguration;
import dev.smalti.prior.maskgit.MaskGitConfiguration;
import dev.smalti.prior.rdpm.RdpmConfiguration;
import dev.smalti.prior.sedd.SeddConfiguration;
import dev.smalti.prior.vqdiffusion.VqDiffusionConfiguration;
import dev.smalti.tokenizer.PerceptualConfiguration;
import dev.smalti.tokenizer.TokenizerConfiguration;
import dev.smalti.tokenizer.residual.ResidualConfiguration;
import dev.smalti.tokenizer.vqgan.LpipsConfiguration;
import dev.smalti.tokenizer.vqgan.VqganConfiguration;
import java.util.List;

/** The kinds that this library brings. */
public final class BuiltInKinds implements KindProvider {
    @Override
    public List<Kind> kinds() {
        return List.of(
                new Kind(TokenizerConfiguration.class, "rdpm", ResidualConfiguration.class),
                new Kind(TokenizerConfiguration.class, "vqgan", VqganConfiguration.class),
                new Kind(PerceptualConfiguration.class, "lpips", LpipsConfiguration.class),
                new Kind(PriorConfiguration.class, "absorbing", AbsorbingConfiguration.class),
                new Kind(PriorConfiguration.class, "autoregressive", AutoregressiveConfiguration.class),
                new Kind(PriorConfiguration.class, "d3pm", D3pmConfiguration.class),
                new Kind(PriorConfiguration.class, "lcmd", LcmdConfiguration.class),
                new Kind(PriorConfiguration.class, "maskgit", MaskGitConfiguration.class),
                new Kind(PriorConfiguration.class, "rdpm", RdpmConfiguration.class),
                new Kind(PriorConfiguration.class, "sedd", SeddConfiguration.class),
                new Kind(PriorConfiguration.class, "vqdiffusion", VqDiffusionConfiguration.class),
                new Kind(CausalNetworkConfiguration.class, "transformer", TransformerConfiguration.class, true),
                new Kind(CausalNetworkConfiguration.class, "llamagen", CausalLlamaConfiguration.class),
                new Kind(NetworkConfiguration.class, "transformer", TransformerConfiguration.class, true),
                new Kind(NetworkConfiguration.class, "besnier", BesnierTransformerConfiguration.class),
                new Kind(NetworkConfiguration.class, "dit", DiffusionTransformerConfiguration.class),
                new Kind(NetworkConfiguration.class, "halton", HaltonTransformerConfiguration.class),
                new Kind(NetworkConfiguration.class, "llama", LlamaTransformerConfiguration.class),
                new Kind(NetworkConfiguration.class, "vq-diffusion", VqDiffusionTransformerConfiguration.class));
    }
}
