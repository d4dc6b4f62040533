package dev.smalti.tensor;

import java.util.SplittableRandom;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.global.torch;

/**
 * A number from which streams of random numbers grow. A seed has children, by name or by number, whose streams are
 * independent of it and of one another; so the noise of training step 1,000 or of image 17 can be had without drawing
 * what came before it, and a run resumes bit for bit without storing a generator's state.
 */
public record Seed(long value) {
    /** The seed of a part of the work. */
    public Seed child(String name) {
        long hash = 0xcbf29ce484222325L; // FNV-1a
        for (int i = 0; i < name.length(); i++) {
            hash = (hash ^ name.charAt(i)) * 0x100000001b3L;
        }
        return child(hash);
    }

    /** The seed of the {@code index}-th of many like parts. */
    public Seed child(long index) {
        return new Seed(mix(mix(value + 0x9e3779b97f4a7c15L) ^ hash(index)));
    }

    /** What the {@code index}-th child differs by from the others. */
    public static long hash(long index) {
        return mix(index + 0x632be59bd9b4e019L);
    }

    /** A new libtorch generator on the CPU; belongs to the current scope. */
    public Generator generator() {
        Native.load(); // here, so that a seed alone costs nothing
        return torch.createCPUGenerator(value);
    }

    /** {@link #generator} in the form that libtorch's functions take. */
    public GeneratorOptional optional() {
        return new GeneratorOptional(generator());
    }

    /** A new Java stream. */
    public SplittableRandom random() {
        return new SplittableRandom(value);
    }

    private static long mix(long z) { // SplitMix64's finaliser
        z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
        return z ^ (z >>> 31);
    }
}
