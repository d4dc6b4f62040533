package dev.smalti.draw;

import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.List;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The random numbers that a batch of grids is drawn with. Each is a function of the seed of its grid, its use, the step and the
 * place: so what is drawn for a grid depends neither on the grids beside it nor on what was drawn before, and any number can be
 * had anywhere, on the device of the network too.
 */
public interface RandomStreams {
    /** What numbers are for; each use has a stream of its own in each step. */
    enum Use {
        /** The grid before the first step. */
        START,
        /** Which places change in a step. */
        PLACES,
        /** Which code is drawn at a place. */
        CODES,
        /** Which of the places come first. */
        ORDER,
        /** The noise of a step of a continuous process. */
        NOISE,
        /** What becomes of known tokens. */
        KNOWN,
        /** Through which window a place is seen. */
        WINDOWS,
        /** Which places are masked again. */
        REMASKED,
        /** Which token a masked place shows. */
        MASKS
    }

    /** B, the number of grids. */
    long grids();

    /**
     * Uniform numbers in [0, 1), one for each of {@code length} places.
     *
     * @param step 0 for what is drawn once a grid, else that of the draw, from 1
     * @return float64 [B, length]
     */
    Tensor uniform(Use use, long step, long length);

    /** Standard normal numbers by the inverse of their distribution function. float64 [B, numbers] */
    default Tensor normal(Use use, long step, long numbers) {
        return uniform(use, step, numbers)
                .mul(new Scalar(2.0))
                .sub(new Scalar(1.0))
                .clamp_min(new Scalar(Math.nextUp(-1.0)))
                .erfinv()
                .mul(new Scalar(Math.sqrt(2)));
    }

    /** Exponential numbers of mean 1: -ln of them are Gumbel numbers. float64 [B, length], above 0 */
    default Tensor exponential(Use use, long step, long length) {
        return uniform(use, step, length)
                .neg()
                .add(new Scalar(1.0)) // exact, and never 0
                .log()
                .neg()
                .clamp_min(new Scalar(Double.MIN_NORMAL));
    }

    /**
     * Codes for some places, with one number each.
     *
     * @param at ascending indices into the B·L places, int64 [M]
     * @param length L
     * @param logProbabilities up to a number of each row, float64 [M, K]
     * @return int64 [M]; on a GPU {@link Categorical#NONE} for a row that can't be drawn from
     * @throws ArithmeticException on the CPU, if there is such a row
     */
    default Tensor pick(long step, Tensor at, long length, Tensor logProbabilities) {
        Tensor u = uniform(Use.CODES, step, length).flatten().index_select(0, at); // [M]
        return logProbabilities.is_cuda()
                ? Categorical.drawOrNone(logProbabilities, u)
                : Categorical.draw(logProbabilities, u);
    }

    /**
     * Those of {@code where} that are chosen with probability p, each by itself.
     *
     * @param where bool [B, L]
     * @return bool [B, L]
     */
    default Tensor coins(Use use, long step, Tensor where, double p) {
        return where.logical_and(uniform(use, step, where.size(1)).lt(new Scalar(p)));
    }

    /**
     * A whole number of each grid that is below {@code count}, all alike.
     *
     * @return int64 [B, 1]
     */
    default Tensor below(Use use, long step, long count) {
        return uniform(use, step, 1).mul(new Scalar(count)).floor().to(ScalarType.Long);
    }

    /**
     * An order of the places of each grid, all orders alike.
     *
     * @return the number of each place in it, from 0, int64 [B, length]
     */
    default Tensor permutation(Use use, long step, long length) {
        return uniform(use, step, length).argsort(1, false);
    }

    /**
     * Places that are drawn one after the other, none twice, in proportion to their weights.
     *
     * @param logWeights float64 [B, L], -∞ where none is drawn
     * @param counts how many of each grid, at most as many as have weight, int64 [B]
     * @return bool [B, L]
     */
    default Tensor first(Use use, long step, Tensor logWeights, Tensor counts) {
        return greatest(
                logWeights.sub(exponential(use, step, logWeights.size(1)).log()), counts);
    }

    /** Where the {@code counts} greatest of each grid are. float64 [B, L], int64 [B] -> bool [B, L] */
    static Tensor greatest(Tensor scores, Tensor counts) {
        Tensor rank = scores.argsort(1, true).argsort(1, false);
        return rank.lt(counts.unsqueeze(1));
    }

    /**
     * Those of several steps.
     *
     * @return float64 [S, B, length]
     */
    default Tensor uniform(Use use, long[] steps, long length) {
        return torch.stack(new TensorVector(LongStream.of(steps)
                .mapToObj(step -> uniform(use, step, length))
                .toArray(Tensor[]::new)));
    }

    /** Whether {@link #inTurn} can give numbers. */
    default boolean turns() {
        return false;
    }

    /**
     * The same numbers where each place is at a step of its own.
     *
     * @param steps from 1, of the places of each grid [B·length]
     * @return float64 [B, length]
     * @throws UnsupportedOperationException if these can't be had so
     */
    default Tensor inTurn(Use use, long[] steps) {
        throw new UnsupportedOperationException("these draws go step by step");
    }

    /** The seed of each grid's Gaussian noise, for methods of a diffusion tokenizer. [B] */
    default long[] noiseSeeds() {
        throw new UnsupportedOperationException("these draws have no noise");
    }

    /** The seed of the Gaussian noise of the grid that is drawn from {@code grid}. */
    static long noiseSeed(Seed grid) {
        return grid.child("noise").value();
    }

    /** On the CPU; grid i's numbers follow from {@code seeds.get(i)}. */
    static RandomStreams of(List<Seed> seeds) {
        return new Counted(
                seeds, Tensors.longs(seeds.stream().mapToLong(Seed::value).toArray()));
    }

    /** The same numbers on a device. */
    static RandomStreams of(List<Seed> seeds, Device device) {
        return new Counted(
                seeds,
                Tensors.longs(seeds.stream().mapToLong(Seed::value).toArray()).to(device, ScalarType.Long));
    }

    /**
     * The n-th place's number is the n-th that SplitMix64 gives from the seed of its grid, use and step (Steele, Lea and Flood
     * 2014), which needs none of those before it: whole numbers of 64 bits alone, the same on every device.
     */
    final class Counted implements RandomStreams {
        private static final long GOLDEN = 0x9e3779b97f4a7c15L;

        private final List<Seed> seeds;
        private final Tensor values; // int64 [B]

        private Counted(List<Seed> seeds, Tensor values) {
            this.seeds = List.copyOf(seeds);
            this.values = values;
        }

        @Override
        public long grids() {
            return seeds.size();
        }

        @Override
        public Tensor uniform(Use use, long step, long length) {
            return numbers(child(used(use), new Scalar(Seed.hash(step))).unsqueeze(1), length);
        }

        @Override
        public Tensor uniform(Use use, long[] steps, long length) {
            Tensor each = child(used(use).unsqueeze(0), hashes(steps).unsqueeze(1)); // [S, B]
            return numbers(each.unsqueeze(2), length);
        }

        @Override
        public boolean turns() {
            return true;
        }

        @Override
        public Tensor inTurn(Use use, long[] steps) {
            Tensor each = child(used(use).unsqueeze(1), hashes(steps).view(grids(), -1)); // [B, length]
            return numbers(each, each.size(1));
        }

        /** The seeds of a use. int64 [B] */
        private Tensor used(Use use) {
            return child(values, new Scalar(Seed.hash(use.ordinal())));
        }

        /** The n-th number of the n-th place. int64 [..., 1] or [..., length] -> float64 [..., length] */
        private Tensor numbers(Tensor own, long length) {
            Tensor counter = torch.arange(
                            new Scalar(1L),
                            new Scalar(length + 1),
                            new Scalar(1L),
                            Tensors.options(ScalarType.Long, values.device()))
                    .mul(new Scalar(GOLDEN)); // [length]
            return shifted(mix(own.add(counter)), 11).to(ScalarType.Double).mul(new Scalar(0x1p-53));
        }

        private Tensor hashes(long[] steps) {
            long[] hashes = LongStream.of(steps).map(Seed::hash).toArray();
            return Devices.send(Tensors.longs(hashes), values.device(), ScalarType.Long);
        }

        /** {@link Seed#child(long)} of each, by the hash of the index. */
        private static Tensor child(Tensor values, Scalar hash) {
            return mix(mix(values.add(new Scalar(GOLDEN))).bitwise_xor(hash));
        }

        /** The same with an index of each. */
        private static Tensor child(Tensor values, Tensor hashes) {
            return mix(mix(values.add(new Scalar(GOLDEN))).bitwise_xor(hashes));
        }

        /** SplitMix64's finaliser, as {@link Seed} has it. */
        private static Tensor mix(Tensor z) {
            Tensor a = z.bitwise_xor(shifted(z, 30)).mul(new Scalar(0xbf58476d1ce4e5b9L));
            Tensor b = a.bitwise_xor(shifted(a, 27)).mul(new Scalar(0x94d049bb133111ebL));
            return b.bitwise_xor(shifted(b, 31));
        }

        /** To the right, with zeros coming in. */
        private static Tensor shifted(Tensor z, int bits) {
            return z.bitwise_right_shift(new Scalar((long) bits)).bitwise_and(new Scalar(-1L >>> bits));
        }

        @Override
        public long[] noiseSeeds() {
            return seeds.stream().mapToLong(RandomStreams::noiseSeed).toArray();
        }
    }
}
