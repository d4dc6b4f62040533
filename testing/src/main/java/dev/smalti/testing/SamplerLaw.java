package dev.smalti.testing;

import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.network.Denoiser;
import dev.smalti.network.NetworkConfiguration;
import dev.smalti.prior.Prior;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.prior.process.GridDraw;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The law of what a prior's own {@code sample} draws, exactly: nothing is drawn, but every way that a draw may take is gone, with its
 * probability. The rows of the batch are the states that a grid may be in before a step. The step is taken with decisions that were
 * written down; at the first one that wasn't, each row becomes as many as it may come to, and the step is taken again. After the step
 * rows that are alike become one.
 *
 * <p>There must be few states, a few hundred thousand at most after a step: grids of four to six places. Samplers must ask for what
 * they decide by {@link RandomStreams#coins}, {@link RandomStreams#pick}, {@link RandomStreams#first} or {@link
 * RandomStreams#permutation}, whose outcomes can be counted.
 */
public final class SamplerLaw {
    private static final double MEMORY_ROUNDING = 1e5;

    /** Rows that a step is taken with at once: more would leave the caches. */
    private static final int TOGETHER = 4096;

    private final Joint joint;
    private final int length;
    private final Decisions decisions = new Decisions();
    private final double[] start; // the law of a place, of K + 1 states
    private final double[] law;
    private double[] weights; // of the rows of the step
    private int asked; // in the step
    private double mean;
    private int passes;
    private double calls;

    /**
     * What comes of a draw.
     *
     * @param probability of all states of the joint, [K^L]
     * @param passes how often the network is asked in a draw, by whichever grid
     * @param calls how often the network is asked for a grid, the mean over all draws: below {@code passes} where grids need not all
     *     be asked for in each
     */
    public record Law(double[] probability, int passes, double calls) {}

    private SamplerLaw(Joint joint, double masked) {
        this.joint = joint;
        this.length = joint.length();
        this.start = new double[joint.codes() + 1];
        Arrays.fill(start, (1 - masked) / joint.codes());
        start[joint.codes()] = masked;
        this.law = new double[joint.states()];
    }

    /**
     * Of a prior whose network knows the joint.
     *
     * @param masked the share of masks before the first step, 1 where tokens are masked and 0 where they are replaced; the others are
     *     any code
     * @param network what it knows
     * @param method gives the prior's configuration with a network
     * @throws UnsupportedOperationException if the prior draws by random numbers whose outcomes can't be counted
     */
    public static Law of(
            Joint joint,
            double masked,
            ExactPosterior network,
            Function<NetworkConfiguration, PriorConfiguration> method,
            Sampling sampling) {
        SamplerLaw law = new SamplerLaw(joint, masked);
        NetworkConfiguration counted = (parameters, shape) -> law.counted(network.build(parameters, shape));
        Scope.free(() -> {
            try (Prior prior = method.apply(counted).build(joint.space(), 0, new Seed(0), Devices.cpu())) {
                law.sample(prior, sampling, 1);
            }
        });
        return new Law(law.law, law.passes, law.calls);
    }

    /** Adds what comes of all draws with the permutations that are decided on. */
    private void sample(Prior prior, Sampling sampling, double share) {
        try {
            decisions.begin(1, List.of());
            GridDraw draw = prior.draw(sampling, decisions);
            prior.sample(draw.walk((first, steps, stepper) -> {
                walk(draw, steps, stepper, share);
                return first;
            }));
        } catch (Decisions.Undecided permutation) {
            List<long[]> all = Decisions.permutations(permutation.length());
            for (long[] ranks : all) {
                decisions.permutation(permutation.use(), ranks);
                sample(prior, sampling, share / all.size());
            }
            decisions.permutation(permutation.use(), null);
        }
    }

    private void walk(GridDraw draw, int steps, GridDraw.Stepper stepper, double share) {
        List<Rows> all = List.of(start());
        int most = 0;
        for (int number = 1; number <= steps; number++) {
            Merged after = new Merged();
            for (Rows rows : all) {
                for (int from = 0; from < rows.count(); from += TOGETHER) {
                    take(draw, rows.part(from), number, stepper, after);
                }
            }
            all = after.rows();
            most += after.asked;
            calls += share * after.mean;
        }
        passes = Math.max(passes, most);
        for (Rows rows : all) {
            for (int row = 0; row < rows.count(); row++) {
                law[state(rows, row)] += share * rows.weight[row];
            }
        }
    }

    /** All that a grid may be before the first step. */
    private Rows start() {
        double[][] laws = new double[length][];
        Arrays.fill(laws, start);
        Branches branches = new Branches(length);
        branches.add(0, laws);
        long[] tokens = branches.outcomes(0, branches.count());
        double[] weight = IntStream.range(0, branches.count())
                .mapToDouble(branches::share)
                .toArray();
        return new Rows(length, tokens, weight, null, List.of());
    }

    /** Takes a step from some rows with all that may be decided in it. */
    private void take(GridDraw draw, Rows rows, int number, GridDraw.Stepper stepper, Merged after) {
        decisions.begin(rows.count(), rows.script);
        weights = rows.weight;
        asked = 0;
        mean = 0;
        try {
            Scope.free(() -> {
                draw.memory(rows.memory == null ? null : rows.memory.tensor());
                Tensor x = stepper.step(Tensors.longs(rows.tokens).view(-1, length), number);
                try {
                    after.add(Tensors.toLongs(x), rows.weight, draw.memory());
                } finally {
                    Scope.release(x);
                }
            });
            after.asked = Math.max(after.asked, asked);
            after.mean += mean;
        } catch (Branches branches) {
            for (int from = 0; from < branches.count(); from += TOGETHER) {
                take(draw, rows.branched(branches, from), number, stepper, after);
            }
        }
    }

    /**
     * States of a grid, with what is remembered and what was decided of each.
     *
     * @param tokens [B · L]
     * @param weight the probability of each, [B]
     * @param memory null for none
     * @param script each decision of the step so far, [B · L]
     */
    private record Rows(int length, long[] tokens, double[] weight, Memory memory, List<long[]> script) {
        int count() {
            return weight.length;
        }

        /** Those that some branches make of these, as many as are taken together. */
        Rows branched(Branches branches, int from) {
            int to = Math.min(branches.count(), from + TOGETHER);
            int[] parents = IntStream.range(from, to).map(branches::parent).toArray();
            double[] weights = IntStream.range(from, to)
                    .mapToDouble(each -> weight[branches.parent(each)] * branches.share(each))
                    .toArray();
            List<long[]> decided = new ArrayList<>();
            script.forEach(each -> decided.add(copied(each, parents)));
            decided.add(branches.outcomes(from, to));
            return new Rows(
                    length, copied(tokens, parents), weights, memory == null ? null : memory.copied(parents), decided);
        }

        /** Some of the rows, as many as are taken together. */
        Rows part(int from) {
            int[] own =
                    IntStream.range(from, Math.min(count(), from + TOGETHER)).toArray();
            double[] weights = IntStream.of(own).mapToDouble(row -> weight[row]).toArray();
            return new Rows(
                    length, copied(tokens, own), weights, memory == null ? null : memory.copied(own), List.of());
        }

        private long[] copied(long[] ofRows, int[] rows) {
            long[] copied = new long[rows.length * length];
            for (int i = 0; i < rows.length; i++) {
                System.arraycopy(ofRows, rows[i] * length, copied, i * length, length);
            }
            return copied;
        }
    }

    /**
     * What a step leaves for the next.
     *
     * @param values [B · size]
     * @param size how many numbers there are of a row
     * @param shape [n, ...], with n a multiple of B
     */
    private record Memory(double[] values, int size, long[] shape, ScalarType type) {
        static Memory of(Tensor left, int size) {
            return new Memory(Tensors.toDoubles(left), size, Dims.of(left), left.scalar_type());
        }

        Memory with(double[] others) {
            return new Memory(others, size, shape, type);
        }

        Memory copied(int[] rows) {
            double[] copied = new double[rows.length * size];
            for (int i = 0; i < rows.length; i++) {
                System.arraycopy(values, rows[i] * size, copied, i * size, size);
            }
            return with(copied);
        }

        Tensor tensor() {
            long[] own = shape.clone();
            own[0] = -1;
            return Tensors.doubles(values).view(own).to(type);
        }
    }

    /** The rows after a step, of which those that are alike become one. */
    private final class Merged {
        private final Map<ByteBuffer, Integer> numbers = new HashMap<>();
        private final List<long[]> tokens = new ArrayList<>();
        private final List<double[]> memories = new ArrayList<>(); // null for none
        private double[] sums = new double[64];
        private Memory memory; // of some rows; null for none
        private int asked;
        private double mean;

        void add(long[] x, double[] weight, Tensor remembered) {
            int size = remembered == null ? 0 : (int) (remembered.numel() / weight.length);
            memory = remembered == null ? memory : Memory.of(remembered, size);
            for (int row = 0; row < weight.length; row++) {
                ByteBuffer key = ByteBuffer.allocate(Long.BYTES * (length + size));
                for (int i = row * length; i < (row + 1) * length; i++) {
                    key.putLong(x[i]);
                }
                for (int i = row * size; i < (row + 1) * size; i++) {
                    key.putLong(Math.round(memory.values[i] * MEMORY_ROUNDING));
                }
                Integer number = numbers.putIfAbsent(key.flip(), tokens.size());
                if (number == null) {
                    number = tokens.size();
                    tokens.add(Arrays.copyOfRange(x, row * length, (row + 1) * length));
                    memories.add(size == 0 ? null : Arrays.copyOfRange(memory.values, row * size, (row + 1) * size));
                    sums = number < sums.length ? sums : Arrays.copyOf(sums, 2 * number);
                }
                sums[number] += weight[row];
            }
        }

        /** Those of which nothing is remembered, and the others. */
        List<Rows> rows() {
            return Stream.of(false, true)
                    .map(remembered -> IntStream.range(0, tokens.size())
                            .filter(row -> remembered == (memories.get(row) != null))
                            .toArray())
                    .filter(own -> own.length > 0)
                    .map(own -> new Rows(
                            length,
                            IntStream.of(own)
                                    .mapToObj(tokens::get)
                                    .flatMapToLong(Arrays::stream)
                                    .toArray(),
                            IntStream.of(own).mapToDouble(row -> sums[row]).toArray(),
                            memories.get(own[0]) == null
                                    ? null
                                    : memory.with(IntStream.of(own)
                                            .mapToObj(memories::get)
                                            .flatMapToDouble(Arrays::stream)
                                            .toArray()),
                            List.of()))
                    .toList();
        }
    }

    private int state(Rows rows, int row) {
        int state = 0;
        for (int i = row * length; i < (row + 1) * length; i++) {
            if (rows.tokens[i] >= joint.codes()) {
                throw new IllegalStateException("a draw must end without masks, and one left some");
            }
            state = state * joint.codes() + (int) rows.tokens[i];
        }
        return state;
    }

    /** The network, with its calls counted. */
    private Denoiser counted(Denoiser network) {
        return new Denoiser() {
            @Override
            public Tensor logits(Tensor xt, Tensor time, Tensor label, Tensor at) {
                return ask(Arrays.stream(weights).sum(), network, xt, time, label, at);
            }

            @Override
            public Denoiser of(Tensor which) {
                double share = Arrays.stream(Tensors.toLongs(which))
                        .mapToDouble(row -> weights[(int) row])
                        .sum();
                return (xt, time, label, at) -> ask(share, network, xt, time, label, at);
            }
        };
    }

    private Tensor ask(double share, Denoiser network, Tensor xt, Tensor time, Tensor label, Tensor at) {
        asked++;
        mean += share;
        return network.logits(xt, time, label, at);
    }
}
