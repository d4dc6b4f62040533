package dev.smalti.testing;

import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.Codebook;
import dev.smalti.token.TokenFile;
import dev.smalti.token.TokenSpace;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;

/**
 * A joint distribution of 2×2 grids of 5 codes in two classes that is known exactly: each state has a weight of
 * its own, log-normal, so that all four cells depend on one another.
 */
public final class KnownJoint {
    public static final int CODES = 5;
    public static final int CELLS = 4;
    public static final int CLASSES = 2;
    public static final int STATES = 625;

    private static final double STRENGTH = 2.3;

    private final double[][] probability = new double[CLASSES][STATES];

    public KnownJoint() {
        Random random = new Random(20);
        for (int label = 0; label < CLASSES; label++) {
            double sum = 0;
            for (int state = 0; state < STATES; state++) {
                probability[label][state] = Math.exp(STRENGTH * random.nextGaussian());
                sum += probability[label][state];
            }
            for (int state = 0; state < STATES; state++) {
                probability[label][state] /= sum;
            }
        }
    }

    /** The codes of a state, row-major. */
    public static int[] cells(int state) {
        return new int[] {state / 125, state / 25 % 5, state / 5 % 5, state % 5};
    }

    /** The number of a grid's state. */
    public static int state(long a, long b, long c, long d) {
        return (int) (125 * a + 25 * b + 5 * c + d);
    }

    /** A state drawn from p(x | label). */
    public int draw(int label, Random random) {
        double u = random.nextDouble();
        int state = 0;
        while (state < STATES - 1 && u >= probability[label][state]) {
            u -= probability[label][state++];
        }
        return state;
    }

    /** p(state | label) */
    public double probability(int label, int state) {
        return probability[label][state];
    }

    /** Entropy of a token given the class, in bits, the mean over classes and cells. */
    public double bitsPerToken() {
        double nats = 0;
        for (double[] each : probability) {
            for (double p : each) {
                nats -= p == 0 ? 0 : p * Math.log(p);
            }
        }
        return nats / CLASSES / CELLS / Math.log(2);
    }

    /** p(· | label) */
    public Joint joint(int label) {
        return new Joint(new TokenSpace(CODES, 2, 2), probability[label]);
    }

    /** Half the sum of |share - p| over states. */
    public double totalVariation(int label, long[] counts) {
        double n = LongStream.of(counts).sum();
        return joint(label)
                .totalVariation(
                        LongStream.of(counts).mapToDouble(count -> count / n).toArray());
    }

    /** The distance of independent cells with the right marginals. */
    public double totalVariationOfIndependentCells(int label) {
        return joint(label).totalVariation(joint(label).independent());
    }

    /** Writes {@code perClass} grids of each class as a token file, with a codebook of random vectors of width 16. */
    public void write(Path file, int perClass, long seed) {
        Random random = new Random(seed);
        long[] codes = new long[CLASSES * perClass * CELLS];
        long[] labels = new long[CLASSES * perClass];
        for (int i = 0; i < labels.length; i++) {
            labels[i] = i % CLASSES;
            int[] x = cells(draw(i % CLASSES, random));
            for (int cell = 0; cell < CELLS; cell++) {
                codes[i * CELLS + cell] = x[cell];
            }
        }
        Scope.free(() -> {
            try (TokenFile tokens = TokenFile.of(Tensors.longs(codes).view(-1, 2, 2), CODES)
                    .labels(Tensors.longs(labels))
                    .classes(CLASSES)
                    .classNames(List.of("left", "right"))
                    .codebook(new Codebook(Tensors.zeros(CODES, 16)
                            .normal_(0, 0.2, new Seed(seed).child("codebook").optional())))
                    .build()) {
                tokens.write(file);
            }
        });
    }
}
