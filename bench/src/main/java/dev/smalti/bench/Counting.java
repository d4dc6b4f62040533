package dev.smalti.bench;

import dev.smalti.network.Denoiser;
import dev.smalti.network.NetworkConfiguration;
import dev.smalti.network.NetworkShape;
import dev.smalti.network.Parameters;
import dev.smalti.prior.PriorConfiguration;
import java.lang.reflect.RecordComponent;
import java.util.concurrent.atomic.LongAdder;

/**
 * A network around that of a prior, which counts the grids that it is asked about, one forward pass each.
 *
 * @param passes where they are counted
 */
record Counting(NetworkConfiguration inner, LongAdder passes) implements NetworkConfiguration {
    @Override
    public Denoiser build(Parameters parameters, NetworkShape shape) {
        Denoiser network = inner.build(parameters, shape);
        return (xt, time, label, at) -> {
            passes.add(xt.size(0));
            return network.logits(xt, time, label, at);
        };
    }

    /** The same method with its network counted; null if it isn't one that can be exchanged for another. */
    static PriorConfiguration of(PriorConfiguration configuration, LongAdder passes) {
        RecordComponent[] components = configuration.getClass().getRecordComponents();
        Class<?>[] types = new Class<?>[components.length];
        Object[] values = new Object[components.length];
        boolean counted = false;
        try {
            for (int i = 0; i < components.length; i++) {
                types[i] = components[i].getType();
                values[i] = components[i].getAccessor().invoke(configuration);
                if (types[i] == NetworkConfiguration.class) {
                    values[i] = new Counting((NetworkConfiguration) values[i], passes);
                    counted = true;
                }
            }
            return counted
                    ? configuration.getClass().getDeclaredConstructor(types).newInstance(values)
                    : null;
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("cannot copy " + configuration, e);
        }
    }
}
