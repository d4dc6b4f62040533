package dev.smalti.exchange;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What diffusers' {@code VQModel} calls the tensors of our VQGAN. Its blocks of the decoder count from the lowest resolution, ours, as
 * taming's, from the highest; its attention has linear layers [C, C] where ours has convolutions [C, C, 1, 1].
 */
final class DiffusersNames {
    private static final Pattern LINEAR = Pattern.compile(".*\\.attn(?:_1|\\.\\d+)\\.(?:q|k|v|proj_out)\\.weight");
    private static final Pattern UP = Pattern.compile("decoder\\.up\\.(\\d+)\\.(.*)");

    private final int levels;
    private final List<Rule> rules = new ArrayList<>();

    private record Rule(Pattern ours, String theirs) {}

    /** @param levels resolutions of the encoder, and of the decoder */
    DiffusersNames(int levels) {
        this.levels = levels;
        rule("(.*)\\.down\\.(\\d+)\\.(.*)", "$1.down_blocks.$2.$3");
        rule("(.*)\\.mid\\.block_1\\.(.*)", "$1.mid_block.resnets.0.$2");
        rule("(.*)\\.mid\\.block_2\\.(.*)", "$1.mid_block.resnets.1.$2");
        rule("(.*)\\.mid\\.attn_1\\.(.*)", "$1.mid_block.attentions.0.$2");
        rule("(.*)\\.block\\.(\\d+)\\.(.*)", "$1.resnets.$2.$3");
        rule("(.*)\\.attn\\.(\\d+)\\.(.*)", "$1.attentions.$2.$3");
        rule("(.*)\\.nin_shortcut\\.(.*)", "$1.conv_shortcut.$2");
        rule("(.*)\\.downsample\\.(.*)", "$1.downsamplers.0.$2");
        rule("(.*)\\.upsample\\.(.*)", "$1.upsamplers.0.$2");
        rule("(.*)\\.norm_out\\.(.*)", "$1.conv_norm_out.$2");
        rule("(.*\\.attentions\\.\\d+)\\.norm\\.(.*)", "$1.group_norm.$2");
        rule("(.*\\.attentions\\.\\d+)\\.([qkv])\\.(.*)", "$1.to_$2.$3");
        rule("(.*\\.attentions\\.\\d+)\\.proj_out\\.(.*)", "$1.to_out.0.$2");
    }

    private void rule(String ours, String theirs) {
        rules.add(new Rule(Pattern.compile(ours), theirs));
    }

    /** Their name of a tensor of ours. */
    String theirs(String ours) {
        Matcher up = UP.matcher(ours);
        String name = up.matches()
                ? "decoder.up_blocks." + (levels - 1 - Integer.parseInt(up.group(1))) + "." + up.group(2)
                : ours;
        for (Rule rule : rules) {
            Matcher match = rule.ours().matcher(name);
            name = match.matches() ? match.replaceFirst(rule.theirs()) : name;
        }
        return name;
    }

    /** Whether theirs is [C, C] where ours is [C, C, 1, 1]. */
    boolean linear(String ours) {
        return LINEAR.matcher(ours).matches();
    }
}
