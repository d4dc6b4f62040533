package dev.smalti.exchange;

import dev.smalti.tensor.WeightArchive;
import java.util.List;
import java.util.Optional;

/**
 * The tokenizer inside a checkpoint of microsoft/VQ-Diffusion: taming's VQGAN, parted into an encoder and a decoder that both hold the
 * codebook. Gu et al. 2022, arXiv:2111.14822.
 *
 * <p>Models of ImageNet and of texts number only the codes that are in use, by a table that lies beside the checkpoint and not in it; what
 * is imported here has the numbers of the whole codebook.
 */
final class VqDiffusionCodec implements PublishedKind {
    private static final String CODEC = "content_codec.";
    private static final String BEFORE = "enc.";
    private static final String AFTER = "dec.";

    @Override
    public String name() {
        return "vqdiffusion-vqgan";
    }

    @Override
    public String title() {
        return "the tokenizer of a VQ-Diffusion";
    }

    @Override
    public List<String> places() {
        return List.of("model." + CODEC, "state_dict." + CODEC, CODEC, "");
    }

    @Override
    public boolean recognises(WeightArchive weights) {
        return weights.has(BEFORE + "encoder.down.0.block.0.conv1.weight") && Codes.are(weights, BEFORE);
    }

    @Override
    public Translation translate(WeightArchive weights, Asked asked) {
        Renaming names = Codes.names(new Renaming(), weights, BEFORE)
                .rule("((?:encoder|quant_conv|quantize)\\..+)", BEFORE + "$1")
                .rule("((?:decoder|post_quant_conv)\\..+)", AFTER + "$1");
        return new Translation(
                new Subject.OfTokenizer(
                        TamingVqgan.configuration(weights, asked.sizeOr(TamingVqgan.SIZE), BEFORE, AFTER)),
                names,
                VqDiffusionCodec::leftOut);
    }

    private static Optional<String> leftOut(String theirs) {
        return theirs.startsWith(AFTER + "quantize.")
                ? Optional.of("second copy of the codebook")
                : theirs.equals(BEFORE + "quantize.used") ? Optional.of("renumbering of codes") : Optional.empty();
    }
}
