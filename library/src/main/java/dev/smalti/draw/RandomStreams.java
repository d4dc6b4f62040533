package dev.smalti.draw;

import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.List;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/**
 * The random numbers that a batch of grids is drawn with, float64 on the CPU. Each grid has its own stream, so what is
 * drawn for it doesn't depend on the grids beside it.
 */
public interface RandomStreams extends AutoCloseable {
    /** B, the number of grids. */
    long grids();

    /** Uniform numbers in [0, 1) for every position. [B, L] */
    Tensor uniform(long length);

    /** Standard normal numbers, so many a grid, by the inverse of their distribution function. [B, numbers] */
    default Tensor normal(long numbers) {
        return uniform(numbers)
                .mul(new Scalar(2.0))
                .sub(new Scalar(1.0))
                .clamp_min(new Scalar(Math.nextUp(-1.0)))
                .erfinv()
                .mul(new Scalar(Math.sqrt(2)));
    }

    /**
     * Exponential numbers of mean 1 for every code at some positions.
     *
     * @param at ascending indices into the B·L positions
     * @return [M, K]
     */
    Tensor exponential(long[] at, long length, long codes);

    /**
     * Codes for some positions.
     *
     * @param at ascending indices into the B·L positions, int64 [M] on the CPU
     * @param logProbabilities up to a number of each row, float64 [M, K] on the CPU
     * @return int64 [M]
     */
    default Tensor pick(Tensor at, long length, Tensor logProbabilities) {
        Tensor race = exponential(Tensors.toLongs(at), length, logProbabilities.size(1));
        return Categorical.draw(logProbabilities, race);
    }

    /** Sees what codes are drawn from, before a step is done. */
    @FunctionalInterface
    interface Listener {
        /**
         * @param at where, ascending indices into the B·L positions, int64 [M]
         * @param logProbabilities up to a number of each row, tempered and guided; of the codes, and for methods that draw a
         *     state of masked or replaced tokens, of that. float64 [M, K]
         * @param codes what is drawn, int64 [M]; not all of it need stay
         */
        void picked(Tensor at, Tensor logProbabilities, Tensor codes);
    }

    /** These draws, with a listener. */
    default RandomStreams heard(Listener listener) {
        RandomStreams own = this;
        return new RandomStreams() {
            @Override
            public long grids() {
                return own.grids();
            }

            @Override
            public Tensor uniform(long length) {
                return own.uniform(length);
            }

            @Override
            public Tensor normal(long numbers) {
                return own.normal(numbers);
            }

            @Override
            public Tensor exponential(long[] at, long length, long codes) {
                return own.exponential(at, length, codes);
            }

            @Override
            public Tensor pick(Tensor at, long length, Tensor logProbabilities) {
                Tensor codes = own.pick(at, length, logProbabilities);
                listener.picked(at, logProbabilities, codes);
                return codes;
            }

            @Override
            public long[] noiseSeeds() {
                return own.noiseSeeds();
            }

            @Override
            public void close() {
                own.close();
            }
        };
    }

    /** The seed of each grid's Gaussian noise, for methods of a diffusion tokenizer. [B] */
    default long[] noiseSeeds() {
        throw new UnsupportedOperationException("these draws have no noise");
    }

    @Override
    void close();

    /** The seed of the Gaussian noise of the grid that is drawn from {@code grid}. */
    static long noiseSeed(Seed grid) {
        return grid.child("noise").value();
    }

    /** One generator a grid; grid i's is grown from {@code seeds.get(i)}. */
    static RandomStreams of(List<Seed> seeds) {
        return new PerGrid(seeds);
    }

    /** {@link RandomStreams#of}. */
    final class PerGrid implements RandomStreams {
        private final List<SplittableRandom> random;
        private final long[] noiseSeeds;

        PerGrid(List<Seed> seeds) {
            this.noiseSeeds = seeds.stream().mapToLong(RandomStreams::noiseSeed).toArray();
            this.random = seeds.stream().map(Seed::random).toList();
        }

        @Override
        public long grids() {
            return random.size();
        }

        @Override
        public Tensor uniform(long length) {
            int columns = Math.toIntExact(length);
            double[] numbers = new double[random.size() * columns];
            for (int i = 0; i < numbers.length; i++) {
                numbers[i] = random.get(i / columns).nextDouble();
            }
            return Tensors.doubles(numbers).view(-1, length);
        }

        @Override
        public Tensor exponential(long[] at, long length, long codes) {
            int columns = Math.toIntExact(codes);
            double[] numbers = new double[Math.multiplyExact(at.length, columns)];
            for (int row = 0; row < at.length; row++) {
                SplittableRandom own = random.get(Math.toIntExact(at[row] / length));
                for (int i = 0; i < columns; i++) {
                    numbers[row * columns + i] = -Math.log(1 - own.nextDouble()); // 1 - u is exact, and log1p slow
                }
            }
            return Tensors.doubles(numbers).view(-1, codes);
        }

        @Override
        public long[] noiseSeeds() {
            return noiseSeeds.clone();
        }

        @Override
        public void close() {}
    }
}
