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
 * written down; at the first one that wasn't, each row becomes as many as it may come to, and the step is taken again. Codes that are
 * drawn last, and are what the step then gives, are not gone one combination after the other: places are drawn each by itself, and so
 * it's enough to see that a step gives each place each of its codes. After the step rows that are alike become one.
 *
 * <p>There must be few states, a few hundred thousand at most after a step: grids of four to six places. Samplers must ask for what
 * they decide by {@link RandomStreams#coins}, {@link RandomStreams#pick}, {@link RandomStreams#first}, {@link RandomStreams#below} or
 * {@link RandomStreams#permutation}, whose outcomes can be counted.
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

    /** Adds what comes of all draws with what is decided once a draw. */
    private void sample(Prior prior, Sampling sampling, double share) {
        try {
            decisions.begin(1, List.of());
            GridDraw draw = prior.draw(sampling, decisions);
            prior.sample(draw.walk((first, steps, stepper) -> {
                walk(draw, steps, stepper, share);
                return first;
            }));
        } catch (Decisions.Undecided once) {
            List<long[]> all = once.outcomes();
            for (long[] outcome : all) {
                decisions.ofDraw(once.use(), outcome);
                sample(prior, sampling, share / all.size());
            }
            decisions.ofDraw(once.use(), null);
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
        try {
            Taken taken = taken(draw, rows, rows.script, number, stepper);
            after.add(rows, taken, new double[rows.count()][][]);
        } catch (Codes codes) {
            Taken any = anyCode(draw, rows, codes, number, stepper);
            if (any == null) {
                take(draw, rows, codes.branches(), number, stepper, after);
            } else {
                after.add(rows, any, codes.laws());
            }
        } catch (Branches branches) {
            take(draw, rows, branches, number, stepper, after);
        }
    }

    private void take(GridDraw draw, Rows rows, Branches branches, int number, GridDraw.Stepper stepper, Merged after) {
        for (int from = 0; from < branches.count(); from += TOGETHER) {
            take(draw, rows.branched(branches, from), number, stepper, after);
        }
    }

    /**
     * What a step leaves of some rows.
     *
     * @param tokens [B · L]
     * @param memory null for none
     */
    private record Taken(long[] tokens, Memory memory, int asked, double mean) {}

    private Taken taken(GridDraw draw, Rows rows, List<long[]> script, int number, GridDraw.Stepper stepper) {
        decisions.begin(rows.count(), script);
        weights = rows.weight;
        asked = 0;
        mean = 0;
        long[][] tokens = new long[1][];
        Memory[] memory = new Memory[1];
        Scope.free(() -> {
            draw.memory(rows.memory == null ? null : rows.memory.tensor());
            Tensor x = stepper.step(Tensors.longs(rows.tokens).view(-1, length), number);
            try {
                tokens[0] = Tensors.toLongs(x);
                Tensor left = draw.memory();
                memory[0] = left == null ? null : Memory.of(left, (int) (left.numel() / rows.count()));
            } finally {
                Scope.release(x);
            }
        });
        return new Taken(tokens[0], memory[0], asked, mean);
    }

    /**
     * The step with codes that are drawn last: it must give each place whichever code is drawn there, and be the same in all else. Each
     * place gets each code once.
     *
     * @return with any codes where some are drawn; null if more hangs on them
     */
    private Taken anyCode(GridDraw draw, Rows rows, Codes codes, int number, GridDraw.Stepper stepper) {
        Taken first = null;
        for (int each = 0; each < codes.states(); each++) {
            long[] drawn = codes.cycled(each);
            List<long[]> script = new ArrayList<>(rows.script);
            script.add(drawn);
            Taken taken;
            try {
                taken = taken(draw, rows, script, number, stepper);
            } catch (Branches | Codes more) {
                return null;
            }
            first = first == null ? taken : first;
            for (int i = 0; i < drawn.length; i++) {
                long expected = drawn[i] == Decisions.NONE ? first.tokens[i] : drawn[i];
                if (taken.tokens[i] != expected) {
                    return null;
                }
            }
            if (!Memory.same(taken.memory, first.memory)) {
                return null;
            }
        }
        return first;
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

        static boolean same(Memory one, Memory other) {
            return one == null || other == null
                    ? one == other
                    : one.size == other.size && Arrays.equals(one.values, other.values);
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

    /** The rows after a step, of which those that are alike become one: by what is remembered of them, and by their tokens. */
    private final class Merged {
        private final Map<ByteBuffer, Integer> numbers = new HashMap<>();
        private final List<double[]> memories = new ArrayList<>();
        private final List<double[]> sums = new ArrayList<>(); // of each memory, by the grid's number [(K + 1)^L]
        private final int states = joint.codes() + 1; // of a place
        private final double[] forgotten = new double[(int) Math.pow(states, length)]; // of rows without memory
        private Memory memory; // of some rows; null for none
        private int asked;
        private double mean;

        /** @param laws of the codes that are drawn last, [B][L][]; null where none are */
        void add(Rows rows, Taken taken, double[][][] laws) {
            asked = Math.max(asked, taken.asked);
            mean += taken.mean;
            memory = taken.memory == null ? memory : taken.memory;
            for (int row = 0; row < rows.count(); row++) {
                double[] into = taken.memory == null ? forgotten : sums.get(number(taken.memory, row));
                long[] x = Arrays.copyOfRange(taken.tokens, row * length, (row + 1) * length);
                add(into, x, laws[row], 0, 0, rows.weight[row]);
            }
        }

        private void add(double[] into, long[] x, double[][] laws, int place, int grid, double weight) {
            if (place == length) {
                into[grid] += weight;
            } else if (laws == null || laws[place] == null) {
                add(into, x, laws, place + 1, grid * states + (int) x[place], weight);
            } else {
                for (int code = 0; code < laws[place].length; code++) {
                    if (laws[place][code] > Branches.RARE) {
                        add(into, x, laws, place + 1, grid * states + code, weight * laws[place][code]);
                    }
                }
            }
        }

        /** Of what is remembered of a row. */
        private int number(Memory memory, int row) {
            double[] own = Arrays.copyOfRange(memory.values, row * memory.size, (row + 1) * memory.size);
            ByteBuffer key = ByteBuffer.allocate(Long.BYTES * own.length);
            for (double each : own) {
                key.putLong(Math.round(each * MEMORY_ROUNDING));
            }
            Integer number = numbers.putIfAbsent(key.flip(), sums.size());
            if (number != null) {
                return number;
            }
            memories.add(own);
            sums.add(new double[forgotten.length]);
            return sums.size() - 1;
        }

        /** Those of which nothing is remembered, and the others. */
        List<Rows> rows() {
            return Stream.of(rows(List.of(forgotten), null), rows(sums, memory))
                    .filter(rows -> rows.count() > 0)
                    .toList();
        }

        private Rows rows(List<double[]> sums, Memory memory) {
            int count = (int) sums.stream()
                    .flatMapToDouble(Arrays::stream)
                    .filter(sum -> sum > 0)
                    .count();
            int size = memory == null ? 0 : memory.size;
            long[] tokens = new long[count * length];
            double[] weight = new double[count];
            double[] values = new double[count * size];
            int row = 0;
            for (int of = 0; of < sums.size(); of++) {
                double[] own = sums.get(of);
                for (int grid = 0; grid < own.length; grid++) {
                    if (own[grid] == 0) {
                        continue;
                    }
                    weight[row] = own[grid];
                    for (int place = length - 1, rest = grid; place >= 0; place--, rest /= states) {
                        tokens[row * length + place] = rest % states;
                    }
                    if (memory != null) {
                        System.arraycopy(memories.get(of), 0, values, row * size, size);
                    }
                    row++;
                }
            }
            return new Rows(length, tokens, weight, memory == null ? null : memory.with(values), List.of());
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
