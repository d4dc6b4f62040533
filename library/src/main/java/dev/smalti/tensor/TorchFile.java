package dev.smalti.tensor;

import dev.smalti.tensor.Unpickler.Language;
import dev.smalti.tensor.Unpickler.Storage;
import dev.smalti.tensor.Unpickler.View;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/**
 * A state dict that PyTorch saved ({@code .pth}, {@code .pt}), in the zip of version 1.6 and later or the pickles of
 * before. Nothing in the file is executed: its pickle is interpreted for the tensors' shapes alone, by a list of what it
 * may say (see {@link Unpickler}), and no more memory is taken than the file is long, beside
 * what describes the tensors: a fixed multiple of the pickle, of which 4 MiB are read at most.
 */
public final class TorchFile {
    static {
        Native.load();
    }

    private static final byte[] LEGACY = {(byte) 0x80, 2, (byte) 0x8a, 10};

    private final Path file;
    private final TorchContainer container;
    private final Map<String, Tensor> storages = new LinkedHashMap<>(); // by key; each a row of numbers
    private long left; // bytes of the file that weren't read

    private TorchFile(Path file, long length, TorchContainer container) {
        this.file = file;
        this.left = length;
        this.container = container;
    }

    /** Whether the file begins as PyTorch's do. Says nothing on whether it can be read. */
    public static boolean looksLikeOne(Path file) {
        try (InputStream in = Files.newInputStream(file)) {
            byte[] start = in.readNBytes(9);
            boolean tensors = start.length == 9 && start[8] == '{'; // of safetensors, behind a length
            byte[] first = Arrays.copyOf(start, 4);
            return !tensors && (Arrays.equals(first, TorchZip.MAGIC) || Arrays.equals(first, LEGACY));
        } catch (IOException e) {
            return false;
        }
    }

    /**
     * The tensors by name, in the order of the file, on the CPU. Several may share memory.
     *
     * @throws BadFileException naming the file and what is wrong, or isn't allowed, in it
     */
    public static Map<String, Tensor> read(Path file) {
        return Scope.keep(() -> {
            try (TorchContainer container = TorchContainer.open(file, Language.PLAIN)) {
                return new TorchFile(file, Files.size(file), container).tensors();
            } catch (IOException e) {
                throw BadFileException.unreadable(file, e);
            }
        });
    }

    private Map<String, Tensor> tensors() throws IOException {
        Map<String, View> views =
                views(Unpickler.dictionary(file, container.pickled().root()));
        for (View view : views.values()) {
            if (!storages.containsKey(view.storage().key())) {
                storages.put(view.storage().key(), numbers(view.storage()));
            }
        }
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        views.forEach((name, view) -> tensors.put(name, tensor(name, view)));
        return tensors;
    }

    private Map<String, View> views(Map<String, Object> state) {
        Map<String, View> views = new LinkedHashMap<>();
        state.forEach((name, value) -> {
            if (!(value instanceof View view) || view.storage() == null) {
                throw new BadFileException(
                        file,
                        "must hold a dictionary of tensors (a state dict), and " + Excerpt.of(name)
                                + " in it is something else");
            }
            views.put(name, view);
        });
        return views;
    }

    private Tensor numbers(Storage storage) throws IOException {
        container.check(storage);
        if (storage.count() < 0 || storage.count() > left / storage.width()) {
            throw new BadFileException(
                    file,
                    Phrase.of("must have a storage %s of %,d numbers, and is too short for it")
                            .with(Excerpt.of(storage.key()), storage.count()));
        }
        left -= storage.count() * storage.width();
        Tensor numbers = torch.empty(
                new long[] {storage.count()}, new TensorOptions(storage.type().scalar), new MemoryFormatOptional());
        container.read(storage, 0, TensorBytes.of(numbers));
        return numbers;
    }

    private Tensor tensor(String name, View view) {
        view.checkInside(file, name);
        if (view.span() == 0) {
            return torch.empty(plain(view.sizes()), new TensorOptions(view.type().scalar), new MemoryFormatOptional());
        }
        return storages.get(view.storage().key())
                .as_strided(plain(view.sizes()), plain(view.strides()), new LongOptional(view.offset()));
    }

    private static long[] plain(List<Long> values) {
        return values.stream().mapToLong(Long::longValue).toArray();
    }
}
