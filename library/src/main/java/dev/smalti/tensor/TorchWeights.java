package dev.smalti.tensor;

import dev.smalti.tensor.Unpickler.Language;
import dev.smalti.tensor.Unpickler.View;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/**
 * Whatever PyTorch saved that has tensors in dictionaries and lists: a state dict, a dictionary of some, the checkpoint of a trainer.
 * Of each tensor the part of its storage that it covers is read when it is asked for.
 */
final class TorchWeights implements FlatWeights<View> {
    private static final int SHOWN = 3;

    private final Path file;
    private final TorchContainer container;
    private final Flattening<View> flat;

    private TorchWeights(Path file, TorchContainer container, Flattening<View> flat) {
        this.file = file;
        this.container = container;
        this.flat = flat;
    }

    static TorchWeights open(Path file) {
        try {
            TorchContainer container = TorchContainer.open(file, Language.ANY);
            try {
                return of(file, container);
            } catch (IOException | RuntimeException | Error e) {
                container.close();
                throw e;
            }
        } catch (IOException e) {
            throw BadFileException.unreadable(file, e);
        }
    }

    private static TorchWeights of(Path file, TorchContainer container) throws IOException {
        Unpickler.Unpickled pickled = container.pickled();
        Flattening<View> flat = Flattening.of(file, pickled.root(), View.class, pickled.bytes());
        if (flat.leaves().isEmpty() || flat.leaves().containsKey("")) {
            String instead = pickled.foreign().isEmpty()
                    ? ""
                    : " but things of "
                            + String.join(", ", few(pickled.foreign().keySet()))
                            + ", whose code isn't run; save their state_dict()";
            throw new BadFileException(file, "must hold tensors in dictionaries and lists, holds none" + instead);
        }
        for (Map.Entry<String, View> each : flat.leaves().entrySet()) {
            each.getValue().checkInside(file, each.getKey());
            container.check(each.getValue().storage());
        }
        return new TorchWeights(file, container, flat);
    }

    private static List<String> few(Iterable<String> names) {
        List<String> few = new ArrayList<>();
        for (String each : names) {
            if (few.size() < SHOWN) {
                few.add(Excerpt.brief(each));
            }
        }
        return few;
    }

    @Override
    public String container() {
        return container.name();
    }

    @Override
    public Path file() {
        return file;
    }

    @Override
    public Flattening<View> flat() {
        return flat;
    }

    @Override
    public long[] shape(View view) {
        return plain(view.sizes());
    }

    @Override
    public ElementType type(View view) {
        return view.type();
    }

    @Override
    public Map<String, Integer> foreign() {
        return container.pickled().foreign();
    }

    @Override
    public Tensor numbers(String name, View view) throws IOException {
        try {
            long[] size = view.span() == 0 ? plain(view.sizes()) : new long[] {view.span()};
            Tensor row = torch.empty(size, new TensorOptions(view.type().raw()), new MemoryFormatOptional());
            container.read(view.storage(), view.offset() * view.type().bytes, TensorBytes.of(row));
            Tensor numbers = view.type().value(row);
            return view.span() == 0
                    ? numbers
                    : numbers.as_strided(plain(view.sizes()), plain(view.strides()), new LongOptional(0))
                            .contiguous();
        } catch (IllegalStateException e) { // of a zip that was closed
            throw new IllegalStateException(
                    Phrase.of("%s was closed before tensor %s was read").with(file, name), e);
        }
    }

    private static long[] plain(List<Long> values) {
        return values.stream().mapToLong(Long::longValue).toArray();
    }

    @Override
    public void close() {
        try {
            container.close();
        } catch (IOException e) {
            throw new UncheckedIOException(Phrase.of("cannot close %s: %s").with(file, AtomicFile.reason(e)), e);
        }
    }
}
