package dev.smalti.run;

import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.tensor.AtomicFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.stream.Stream;

/**
 * A part of the pictures of an {@link ImageFolder}, under the names that they have in the whole. They come to their places when all of
 * the part are there, and then the part is marked.
 */
public final class PartImages implements ImageSink {
    private final Path folder;
    private final PartFolder parts;
    private final ImageFolder.Layout layout;
    private final Claim claim;
    private final Path beside;

    /**
     * @param parts that this is one of, which are in {@code folder}
     * @param classNames of the labels; empty without classes
     * @param count of the pictures of all parts
     * @param labels of all of them; ignored without classes
     */
    public PartImages(Path folder, PartFolder parts, List<String> classNames, int count, long[] labels) {
        this.folder = folder;
        this.parts = parts;
        this.layout = new ImageFolder.Layout(ImageFolder.safe(classNames), count, labels);
        Path target = parts.file("");
        this.claim = Claim.beside(target);
        this.beside = AtomicFile.of(target).path();
    }

    @Override
    public void image(int number, Pixels image) {
        Pictures.writePng(layout.file(beside, number), image);
    }

    @Override
    public void finish() {
        parts.check();
        try (Stream<Path> all = Files.walk(beside)) {
            for (Path file : all.filter(Files::isRegularFile).toList()) {
                Path target = folder.resolve(beside.relativize(file));
                Files.createDirectories(target.getParent());
                AtomicFile.force(file);
                Files.move(file, target, StandardCopyOption.REPLACE_EXISTING);
            }
        } catch (IOException e) {
            throw Outputs.failure(folder, e);
        }
        parts.mark();
    }

    @Override
    public void close() {
        try (claim) {
            AtomicFile.discard(beside);
        }
    }
}
