package dev.smalti.token;

import dev.smalti.tensor.Dims;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * How the codes of T steps become vectors and add up: z'_t = Σ_{i ≤ t} φ(e[C_i]) with φ(q) = q + conv(q), one 3×3
 * convolution for all steps. Wu, Hu and Wei 2024 (RDPM), section 3.1 and table 2.
 *
 * @param alpha α_t, the share of the image in what step t quantized; floats [T]
 * @param weight of the convolution, floats [d, d, 3, 3]; empty where φ is the identity
 * @param bias of the convolution, floats [d]; empty where φ is the identity
 */
public record Accumulation(Tensor alpha, Optional<Tensor> weight, Optional<Tensor> bias) {
    /** @throws IllegalArgumentException naming the tensor whose shape or type is wrong */
    public Accumulation {
        check("alpha", alpha, Dims.ANY);
        if (weight.isPresent() != bias.isPresent()) {
            throw new IllegalArgumentException("phi.weight and phi.bias must both be there or neither");
        }
        weight.ifPresent(each -> check("phi.weight", each, Dims.ANY, Dims.ANY, 3, 3));
        weight.ifPresent(each -> check("phi.weight", each, each.size(0), each.size(0), 3, 3));
        bias.ifPresent(each -> check("phi.bias", each, weight.orElseThrow().size(0)));
    }

    private static void check(String name, Tensor tensor, long... sizes) {
        if (!tensor.is_floating_point()) {
            throw new IllegalArgumentException(
                    name + " must have floats, got " + tensor.scalar_type().intern());
        }
        Dims.check(name, tensor, sizes);
    }
}
