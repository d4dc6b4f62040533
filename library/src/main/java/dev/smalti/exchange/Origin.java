package dev.smalti.exchange;

import java.util.List;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;

/**
 * What a tensor of ours is made of.
 *
 * @param names of tensors in the published file
 * @param make ours of these, in that order
 */
public record Origin(List<String> names, Function<List<Tensor>, Tensor> make) {
    /** The same numbers under another name. */
    public static Origin of(String name) {
        return of(name, UnaryOperator.identity());
    }

    /** One tensor, changed: transposed, or a part of it. */
    public static Origin of(String name, UnaryOperator<Tensor> change) {
        return new Origin(List.of(name), tensors -> change.apply(tensors.get(0)));
    }
}
