package dev.smalti.tensor;

import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/** Arrays that flax saved as msgpack ({@code .msgpack}); slashes in their names become dots. */
final class FlaxWeights implements WeightSource {
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
            throw unreadable(file, e);
        }
    }

    private static BadFileException unreadable(Path file, IOException e) {
        return new BadFileException(
                file, e instanceof EOFException ? "is cut off" : "cannot be read: " + AtomicFile.reason(e), e);
    }

    @Override
    public String container() {
        return "msgpack of flax";
    }

    @Override
    public List<Path> files() {
        return List.of(file);
    }

    @Override
    public Map<String, long[]> shapes() {
        Map<String, long[]> shapes = new LinkedHashMap<>();
        flat.leaves().forEach((name, numbers) -> shapes.put(name, numbers.shape()));
        return shapes;
    }

    @Override
    public String dtype(String name) {
        return flat.leaves().get(name).type().name();
    }

    @Override
    public Map<String, String> settings() {
        return flat.settings();
    }

    @Override
    public Map<String, String> others() {
        return flat.others();
    }

    @Override
    public Tensor tensor(String name) {
        FlaxReader.Numbers numbers = flat.leaves().get(name);
        return Scope.keep(() -> {
            try {
                Tensor bits = torch.empty(
                        numbers.shape(), new TensorOptions(numbers.type().raw()), new MemoryFormatOptional());
                Tensor row = bits.view(-1);
                long from = 0;
                for (FlaxReader.Extent extent : numbers.extents()) {
                    long count = extent.bytes() / numbers.type().bytes;
                    FileBytes.read(channel, extent.position(), TensorBytes.of(row.narrow(0, from, count)));
                    from += count;
                }
                return numbers.type().value(bits);
            } catch (BadFileException e) {
                throw e;
            } catch (IllegalArgumentException e) {
                throw new BadFileException(
                        file, Phrase.of("tensor %s %s").with(Excerpt.brief(name), e.getMessage()), e);
            } catch (IOException e) {
                throw unreadable(file, e);
            }
        });
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
