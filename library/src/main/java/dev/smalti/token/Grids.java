package dev.smalti.token;

import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** The codes of many grids, {@code [N, h, w]} or {@code [N, T, h, w]}, wherever they lie. */
interface Grids extends AutoCloseable {
    long PIECE = 1 << 24; // codes that are looked at together

    long[] shape();

    /** Some that follow one another, in the type in which they are kept. */
    Tensor rows(long from, long count);

    /** int64 [B] -> int64 [B, ...] */
    Tensor batch(Tensor indices);

    @Override
    void close();

    default long size() {
        return shape()[0];
    }

    /** All of them in order, piece by piece; a piece is freed before the next is read. */
    default void forEach(Consumer<Tensor> body) {
        long[] shape = shape();
        long size = LongStream.of(shape).skip(1).reduce(1, Math::multiplyExact);
        long together = Math.max(1, PIECE / Math.max(1, size));
        for (long from = 0; from < shape[0]; from += together) {
            long begin = from;
            Scope.free(() -> body.accept(rows(begin, Math.min(together, shape[0] - begin))));
        }
    }

    /** In memory; the tensor is another's. */
    record Held(Tensor codes) implements Grids {
        @Override
        public long[] shape() {
            return Dims.of(codes);
        }

        @Override
        public Tensor rows(long from, long count) {
            return codes.narrow(0, from, count);
        }

        @Override
        public Tensor batch(Tensor indices) {
            return codes.index_select(0, indices.cpu()).to(ScalarType.Long);
        }

        @Override
        public void close() {}
    }

    /** In a file, from which a batch is read when it is asked for. */
    record Stored(TensorFile file) implements Grids {
        private static final String NAME = "codes";

        @Override
        public long[] shape() {
            return file.shape(NAME);
        }

        @Override
        public Tensor rows(long from, long count) {
            return file.rows(NAME, from, count);
        }

        @Override
        public Tensor batch(Tensor indices) {
            return file.select(NAME, Tensors.toLongs(indices)).to(ScalarType.Long);
        }

        @Override
        public void close() {
            file.close();
        }
    }

    /** One behind the other, all of one shape. */
    record Joined(List<Grids> parts, long[] starts) implements Grids {
        static Joined of(List<Grids> parts) {
            long[] starts = new long[parts.size() + 1];
            for (int i = 0; i < parts.size(); i++) {
                starts[i + 1] = Math.addExact(starts[i], parts.get(i).size());
            }
            return new Joined(List.copyOf(parts), starts);
        }

        @Override
        public long[] shape() {
            long[] shape = parts.get(0).shape().clone();
            shape[0] = starts[parts.size()];
            return shape;
        }

        @Override
        public Tensor rows(long from, long count) {
            return Scope.keep(() -> {
                List<Tensor> found = new ArrayList<>();
                long at = from;
                while (at < from + count) {
                    int part = part(at);
                    long end = Math.min(from + count, starts[part + 1]);
                    found.add(parts.get(part).rows(at - starts[part], end - at));
                    at = end;
                }
                return Tensors.cat(found);
            });
        }

        @Override
        public Tensor batch(Tensor indices) {
            long[] which = Tensors.toLongs(indices);
            long[] shape = shape();
            shape[0] = which.length;
            Tensor batch = torch.empty(shape, new TensorOptions(ScalarType.Long), null);
            int[] part = LongStream.of(which).mapToInt(this::part).toArray();
            for (int each : Arrays.stream(part).distinct().toArray()) {
                long[] places = LongStream.range(0, which.length)
                        .filter(i -> part[(int) i] == each)
                        .toArray();
                long[] inside = LongStream.of(places)
                        .map(i -> which[(int) i] - starts[each])
                        .toArray();
                batch.index_copy_(0, Tensors.longs(places), parts.get(each).batch(Tensors.longs(inside)));
            }
            return batch;
        }

        private int part(long grid) {
            if (grid < 0 || grid >= starts[parts.size()]) {
                throw new IndexOutOfBoundsException(
                        Phrase.of("grid must be from 0 to %d, got %d").with(starts[parts.size()] - 1, grid));
            }
            int found = Arrays.binarySearch(starts, grid);
            return found >= 0 ? found : -found - 2; // no part is empty
        }

        @Override
        public void close() {
            parts.forEach(Grids::close);
        }
    }
}
