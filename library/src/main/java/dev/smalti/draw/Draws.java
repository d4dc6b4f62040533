package dev.smalti.draw;

import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The random numbers that a batch of grids is drawn with, float64 on the CPU. Each grid has its own stream, so what is
 * drawn for it doesn't depend on the grids beside it.
 */
public interface Draws extends AutoCloseable {
    /** B, the number of grids. */
    long grids();

    /** Uniform numbers in [0, 1) for every position. [B, L] */
    Tensor uniform(long length);

    /**
     * Exponential numbers of mean 1 for every code at some positions.
     *
     * @param at ascending indices into the B·L positions
     * @return [M, K]
     */
    Tensor exponential(long[] at, long length, long codes);

    @Override
    void close();

    /** One generator a grid; grid i's is grown from {@code seeds.get(i)}. */
    static Draws of(List<Seed> seeds) {
        return new PerGrid(seeds);
    }

    /** {@link Draws#of}. */
    final class PerGrid implements Draws {
        private final List<Generator> generators = new ArrayList<>();

        PerGrid(List<Seed> seeds) {
            Scope.free(() -> seeds.forEach(seed -> generators.add(Scope.hold(seed.generator()))));
        }

        @Override
        public long grids() {
            return generators.size();
        }

        @Override
        public Tensor uniform(long length) {
            return Scope.keep(() -> {
                List<Tensor> rows = new ArrayList<>();
                for (Generator generator : generators) {
                    rows.add(torch.rand(
                            new long[] {1, length},
                            new GeneratorOptional(generator),
                            Tensors.options(ScalarType.Double)));
                }
                return Tensors.cat(rows);
            });
        }

        @Override
        public Tensor exponential(long[] at, long length, long codes) {
            return Scope.keep(() -> {
                List<Tensor> rows = new ArrayList<>();
                int from = 0;
                while (from < at.length) {
                    int grid = Math.toIntExact(at[from] / length);
                    int to = from;
                    while (to < at.length && at[to] / length == grid) {
                        to++;
                    }
                    Tensor row = torch.empty(new long[] {to - from, codes}, Tensors.options(ScalarType.Double), null);
                    rows.add(row.exponential_(1, new GeneratorOptional(generators.get(grid))));
                    from = to;
                }
                return Tensors.cat(rows);
            });
        }

        @Override
        public void close() {
            generators.forEach(Scope::release);
            generators.clear();
        }
    }
}
