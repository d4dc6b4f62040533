package dev.smalti.tensor;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/** Arrays that flax saved as msgpack ({@code .msgpack}); slashes in their names become dots. */
final class FlaxWeights implements FlatWeights<FlaxReader.Numbers> {
    static {
        Native.load();
    }

    private final Path file;
    private final FileChannel channel;
    private final Flattening<FlaxReader.Numbers> flat;

    private FlaxWeights(Path file, FileChannel channel, Flattening<FlaxReader.Numbers> flat) {
        this.file = file;
        this.channel = channel;
        this.flat = flat;
    }

    static FlaxWeights open(Path file) {
        try {
            FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
            try {
                FlaxReader.Contents contents = FlaxReader.read(file, channel);
                Flattening<FlaxReader.Numbers> flat =
                        Flattening.of(file, contents.root(), FlaxReader.Numbers.class, contents.bytes());
                if (flat.leaves().isEmpty()) {
                    throw new BadFileException(file, "must hold arrays in dictionaries, holds none");
                }
                return new FlaxWeights(file, channel, flat);
            } catch (IOException | RuntimeException | Error e) {
                channel.close();
                throw e;
            }
        } catch (IOException e) {
            throw BadFileException.unreadable(file, e);
        }
    }

    @Override
    public String container() {
        return "msgpack of flax";
    }

    @Override
    public Path file() {
        return file;
    }

    @Override
    public Flattening<FlaxReader.Numbers> flat() {
        return flat;
    }

    @Override
    public long[] shape(FlaxReader.Numbers numbers) {
        return numbers.shape();
    }

    @Override
    public ElementType type(FlaxReader.Numbers numbers) {
        return numbers.type();
    }

    @Override
    public Tensor numbers(String name, FlaxReader.Numbers numbers) throws IOException {
        Tensor bits =
                torch.empty(numbers.shape(), new TensorOptions(numbers.type().raw()), new MemoryFormatOptional());
        Tensor row = bits.view(-1);
        long from = 0;
        for (FlaxReader.Extent extent : numbers.extents()) {
            long count = extent.bytes() / numbers.type().bytes;
            FileBytes.read(channel, extent.position(), TensorBytes.of(row.narrow(0, from, count)));
            from += count;
        }
        return numbers.type().value(bits);
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw new UncheckedIOException(Phrase.of("cannot close %s: %s").with(file, AtomicFile.reason(e)), e);
        }
    }
}
