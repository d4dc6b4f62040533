package dev.smalti.data;

import java.nio.file.Path;
import java.util.List;

/**
 * Pictures by index, some with a class. Only their names are held in memory (an {@code .npz} and packed IDX files
 * excepted), and all methods may be called from many threads.
 */
public interface ImageSet extends AutoCloseable {
    /**
     * Opens what {@code path} holds:
     *
     * <ul>
     *   <li>a folder or a zip of pictures (jpg, jpeg, png, bmp, gif, webp): the first folder level is the class, and
     *       pictures that lie in no folder have none. What else lies there is ignored;
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

    int size();

    /** From 0 to the number of classes, exclusive; -1 where there are no classes. */
    int label(int index);

    /**
     * What labels mean. Names of folders are in alphabetical order, or by number where all are numbers; other formats
     * give numbers, or the names of a list beside them in its order. Empty where there are no classes.
     */
    List<String> classNames();

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
