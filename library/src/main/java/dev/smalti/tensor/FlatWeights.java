package dev.smalti.tensor;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;

/**
 * One file whose tensors lie in dictionaries and lists, of which a {@link Flattening} has made names.
 *
 * @param <L> what stands for a tensor until its numbers are asked for
 */
interface FlatWeights<L> extends WeightSource {
    /** That was opened. */
    Path file();

    /** What is in it. */
    Flattening<L> flat();

    /** The sizes of a tensor. */
    long[] shape(L leaf);

    /** The type in which it is stored. */
    ElementType type(L leaf);

    /** Reads a tensor. @param name what messages call it @throws IOException if the file can't be read, or ends too early */
    Tensor numbers(String name, L leaf) throws IOException;

    @Override
    default List<Path> files() {
        return List.of(file());
    }

    @Override
    default Map<String, long[]> shapes() {
        Map<String, long[]> shapes = new LinkedHashMap<>();
        flat().leaves().forEach((name, leaf) -> shapes.put(name, shape(leaf)));
        return shapes;
    }

    @Override
    default String dtype(String name) {
        return type(flat().leaves().get(name)).name();
    }

    @Override
    default Map<String, String> settings() {
        return flat().settings();
    }

    @Override
    default Map<String, String> others() {
        return flat().others();
    }

    @Override
    default Tensor tensor(String name) {
        L leaf = flat().leaves().get(name);
        return Scope.keep(() -> {
            try {
                return numbers(name, leaf);
            } catch (BadFileException e) {
                throw e;
            } catch (IllegalArgumentException e) {
                throw new BadFileException(
                        file(), Phrase.of("tensor %s %s").with(Excerpt.brief(name), e.getMessage()), e);
            } catch (IOException e) {
                throw BadFileException.unreadable(file(), e);
            }
        });
    }
}
