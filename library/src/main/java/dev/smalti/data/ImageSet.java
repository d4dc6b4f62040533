package dev.smalti.data;

import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Pictures by index, some with a class. Only their names and places are held in memory (an {@code .npz} and packed IDX files
 * excepted), and all methods may be called from many threads.
 */
public interface ImageSet extends AutoCloseable {
    /**
     * Which way pictures are read, for what is kept and depends on their pixels: the fingerprint of a set stays where only the
     * reading changes. 2 turns pictures upright, puts first frames on their screens, and reads WebP as libwebp does.
     */
    int READING = 2;

    /**
     * Opens what {@code path} holds:
     *
     * <ul>
     *   <li>a folder or a zip of pictures (jpg, jpeg, png, bmp, gif, webp): the first folder level is the class, and
     *       pictures that lie in no folder have none. Where one folder holds all others, the level in it is that of the
     *       classes. What else lies there is ignored, and what {@link #ignores} names;
     *   <li>tar shards in the layout of WebDataset: one {@code .tar}, a folder of them, or a list {@code
     *       shard-{000000..000031}.tar}. Files whose names agree up to the first dot behind the last / are a sample: a
     *       picture, and {@code .cls} with its class, a number or a name; without, the folder in the tar is the class;
     *   <li>IDX files, as of MNIST: the images' file, or a folder with it, packed by gzip or not; labels are looked
     *       for beside it under the same name with {@code labels} and {@code idx1};
     *   <li>CIFAR-10 or CIFAR-100 in their binary version: a {@code .bin} file, or the folder with them;
     *   <li>{@code .npz}: see {@link NumpyFile#open}.
     * </ul>
     *
     * @throws DataException if there is nothing of that kind
     */
    static ImageSet open(Path path) {
        return Opener.open(path);
    }

    /**
     * Whether files and folders of this name are a system's own and left out of folders and zips: {@code .git}, {@code
     * __MACOSX}, {@code @eaDir}, {@code Thumbs.db}.
     */
    static boolean ignores(String name) {
        return Tree.hidden(name);
    }

    int size();

    /** From 0 to the number of classes, exclusive; -1 where there are no classes. */
    int label(int index);

    /**
     * What labels mean. Names of folders are in alphabetical order, or by number where all are numbers; other formats
     * give numbers, or the names of a list beside them in its order. Empty where there are no classes.
     */
    List<String> classNames();

    /** The names of the classes that no picture has, in order: sets whose labels are numbers may have gaps. */
    default List<String> emptyClasses() {
        BitSet seen = new BitSet();
        for (int i = 0; i < size() && !classNames().isEmpty(); i++) {
            seen.set(label(i));
        }
        return IntStream.range(0, classNames().size())
                .filter(label -> !seen.get(label))
                .mapToObj(classNames()::get)
                .toList();
    }

    /** What messages call a picture: {@code apple/12.jpg in fruits.zip}. */
    String name(int index);

    /** @throws DataException naming the file if it is broken */
    Pixels read(int index);

    /**
     * The picture's size, from its file's header alone where that says it: whether the rest is whole is not looked at.
     *
     * @throws DataException naming the file if it is none of a picture
     */
    default Extent extent(int index) {
        Pixels pixels = read(index);
        return new Extent(pixels.width(), pixels.height());
    }

    /** SHA-256 over names and sizes, in hexadecimal: changes as files come and go, but not with their contents. */
    String fingerprint();

    @Override
    void close();
}
