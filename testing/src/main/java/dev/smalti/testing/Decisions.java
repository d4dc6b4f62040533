package dev.smalti.testing;

import dev.smalti.draw.Categorical;
import dev.smalti.draw.RandomStreams;
import dev.smalti.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Random streams in which nothing is random: decisions are those that were written down, and the first that wasn't ends the step by
 * throwing its {@link Branches}, or its {@link Codes}.
 */
final class Decisions implements RandomStreams {
    /** Where nothing is decided. */
    static final long NONE = -1;

    private final Map<Use, long[]> ofDraws = new EnumMap<>(Use.class);
    private List<long[]> script = List.of();
    private int rows = 1;
    private int next;

    /** Thrown where something that is decided once a draw isn't yet: it may come to any of these, all alike. */
    static final class Undecided extends RuntimeException {
        private static final long serialVersionUID = 1;

        private final Use use;
        private final transient List<long[]> outcomes;

        Undecided(Use use, List<long[]> outcomes) {
            super(null, null, false, false);
            this.use = use;
            this.outcomes = outcomes;
        }

        Use use() {
            return use;
        }

        List<long[]> outcomes() {
            return outcomes;
        }
    }

    /**
     * Before a step is taken.
     *
     * @param rows B
     * @param script of each decision its outcome in each row, [B · L]
     */
    void begin(int rows, List<long[]> script) {
        this.rows = rows;
        this.script = script;
        this.next = 0;
    }

    /** What is decided once a draw; null for what isn't yet. */
    void ofDraw(Use use, long[] outcome) {
        ofDraws.put(use, outcome);
    }

    @Override
    public long grids() {
        return rows;
    }

    /** What a grid begins with is of no account: {@link SamplerLaw} knows its law. */
    @Override
    public Tensor uniform(Use use, long step, long length) {
        if (use == Use.START) {
            return Tensors.zeros(rows, length).to(ScalarType.Double);
        }
        throw new UnsupportedOperationException("a law is of decisions that can be counted, and random numbers of use "
                + use + " can't: ask for coins, pick, first, below or permutation");
    }

    @Override
    public Tensor coins(Use use, long step, Tensor where, double p) {
        long[] open = Tensors.toLongs(where.to(ScalarType.Long));
        if (Arrays.stream(open).sum() == 0) {
            return where;
        }
        if (decided()) {
            return choice(next());
        }
        int length = (int) where.size(1);
        Branches branches = new Branches(length);
        for (int row = 0; row < rows; row++) {
            double[][] laws = new double[length][];
            for (int place = 0; place < length; place++) {
                laws[place] = open[row * length + place] == 1 ? new double[] {1 - p, p} : null;
            }
            branches.add(row, laws);
        }
        throw branches;
    }

    @Override
    public Tensor pick(long step, Tensor at, long length, Tensor logProbabilities) {
        long[] places = Tensors.toLongs(at);
        if (places.length == 0) {
            return at;
        }
        if (decided()) {
            long[] codes = next();
            long[] picked =
                    Arrays.stream(places).map(place -> codes[(int) place]).toArray();
            if (Arrays.stream(picked).anyMatch(code -> code == NONE)) {
                throw new IllegalStateException("a step must draw codes where it drew them before: are there too many"
                        + " places at once, so that they are drawn in parts?");
            }
            return Tensors.longs(picked);
        }
        double[] log = Tensors.toDoubles(logProbabilities);
        int codes = (int) logProbabilities.size(1);
        double[][][] laws = new double[rows][(int) length][];
        for (int i = 0; i < places.length; i++) {
            laws[(int) (places[i] / length)][(int) (places[i] % length)] =
                    shares(Arrays.copyOfRange(log, i * codes, (i + 1) * codes));
        }
        throw new Codes(laws, codes);
    }

    @Override
    public Tensor first(Use use, long step, Tensor logWeights, Tensor count) {
        long[] counts = Tensors.toLongs(count);
        if (Arrays.stream(counts).sum() == 0) {
            return torch.zeros_like(logWeights).to(ScalarType.Bool);
        }
        if (decided()) {
            return choice(next());
        }
        double[] log = Tensors.toDoubles(logWeights);
        int length = (int) logWeights.size(1);
        Branches branches = new Branches(length);
        for (int row = 0; row < rows; row++) {
            addFirst(branches, row, Arrays.copyOfRange(log, row * length, (row + 1) * length), counts[row]);
        }
        throw branches;
    }

    /** All sets of {@code count} places, each with its probability over all orders in which it may come about. */
    private static void addFirst(Branches branches, int row, double[] logWeights, long count) {
        int length = logWeights.length;
        double[] shares = new double[1 << length]; // of each set to be what has come so far
        shares[0] = 1;
        for (int set = 0; set < shares.length; set++) {
            if (shares[set] == 0) {
                continue;
            }
            double[] rest = logWeights.clone();
            for (int place = 0; place < length; place++) {
                if ((set >> place & 1) == 1) {
                    rest[place] = Double.NEGATIVE_INFINITY;
                }
            }
            if (Integer.bitCount(set) == count || Arrays.stream(rest).allMatch(Double::isInfinite)) {
                long[] chosen = new long[length];
                for (int place = 0; place < length; place++) {
                    chosen[place] = count == 0 ? NONE : set >> place & 1;
                }
                branches.add(row, shares[set], chosen);
                continue;
            }
            double[] next = shares(rest);
            for (int place = 0; place < length; place++) {
                if (next[place] > 0) {
                    shares[set | 1 << place] += shares[set] * next[place]; // a greater number, so its turn is to come
                }
            }
        }
    }

    /** Once a draw for step 0, otherwise in each row. */
    @Override
    public Tensor permutation(Use use, long step, long length) {
        if (step == 0) {
            return ofDraw(use, () -> permutations((int) length));
        }
        if (decided()) {
            return Tensors.longs(next()).view(rows, -1);
        }
        List<long[]> all = permutations((int) length);
        Branches branches = new Branches((int) length);
        for (int row = 0; row < rows; row++) {
            for (long[] ranks : all) {
                branches.add(row, 1.0 / all.size(), ranks);
            }
        }
        throw branches;
    }

    /** Once a draw. */
    @Override
    public Tensor below(Use use, long step, long count) {
        if (step != 0) {
            throw new UnsupportedOperationException(
                    "a number of each grid is decided once a draw, and step " + step + " asks for one of use " + use);
        }
        return ofDraw(use, () -> LongStream.range(0, count)
                .mapToObj(number -> new long[] {number})
                .toList());
    }

    /** The same in each row. [B, n] */
    private Tensor ofDraw(Use use, Supplier<List<long[]>> outcomes) {
        long[] outcome = ofDraws.get(use);
        if (outcome == null) {
            throw new Undecided(use, outcomes.get());
        }
        return Tensors.longs(outcome).view(1, -1).expand(rows, outcome.length);
    }

    /** The ranks of all orders of so many places. */
    static List<long[]> permutations(int length) {
        List<long[]> all = new ArrayList<>();
        all.add(new long[0]);
        for (int size = 1; size <= length; size++) {
            List<long[]> longer = new ArrayList<>();
            for (long[] shorter : all) {
                for (int last = 0; last < size; last++) {
                    long[] ranks = Arrays.copyOf(shorter, size);
                    for (int place = 0; place < size - 1; place++) {
                        ranks[place] += ranks[place] >= last ? 1 : 0;
                    }
                    ranks[size - 1] = last;
                    longer.add(ranks);
                }
            }
            all = longer;
        }
        return all;
    }

    /** Whether it was; a decision with no part in these rows wasn't asked for in them, and so isn't asked for now. */
    private boolean decided() {
        while (next < script.size() && Arrays.stream(script.get(next)).allMatch(each -> each == NONE)) {
            next++;
        }
        return next < script.size();
    }

    private long[] next() {
        return script.get(next++);
    }

    /** Where 1 was decided. [B · L] -> bool [B, L] */
    private Tensor choice(long[] outcomes) {
        return Tensors.longs(outcomes).view(rows, -1).eq(new Scalar(1L));
    }

    /** exp of each, as shares of their sum. */
    private static double[] shares(double[] log) {
        double most = Arrays.stream(log).max().orElseThrow();
        double[] shares = Arrays.stream(log).map(each -> Math.exp(each - most)).toArray();
        double sum = Arrays.stream(shares).sum();
        if (!(sum >= 1)) {
            throw Categorical.noNumbers();
        }
        return Arrays.stream(shares).map(each -> each / sum).toArray();
    }
}
