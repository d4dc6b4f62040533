package dev.smalti.data;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.FileSystemLoopException;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.EnumSet;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A folder. Symbolic links are followed, but not in circles. */
final class FolderTree implements Tree {
    private static final Logger LOG = LoggerFactory.getLogger(FolderTree.class);

    private final Path folder;

    FolderTree(Path folder) {
        this.folder = folder;
    }

    @Override
    public String name() {
        return folder.toString();
    }

    @Override
    public String place(String inside) {
        return folder.resolve(inside).toString();
    }

    @Override
    public void list(Consumer<String> action) throws IOException {
        Files.walkFileTree(
                folder, EnumSet.of(FileVisitOption.FOLLOW_LINKS), Integer.MAX_VALUE, new SimpleFileVisitor<>() {
                    @Override
                    public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes) {
                        return !directory.equals(folder)
                                        && Tree.hidden(directory.getFileName().toString())
                                ? FileVisitResult.SKIP_SUBTREE
                                : FileVisitResult.CONTINUE;
                    }

                    @Override
                    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                        if (attributes.isRegularFile()
                                && !Tree.hidden(file.getFileName().toString())) {
                            action.accept(folder.relativize(file).toString().replace(File.separatorChar, '/'));
                        }
                        return FileVisitResult.CONTINUE;
                    }

                    @Override
                    public FileVisitResult visitFileFailed(Path file, IOException failure) throws IOException {
                        if (failure instanceof FileSystemLoopException) {
                            LOG.warn("{} leads back to a folder above it and is not followed", file);
                            return FileVisitResult.CONTINUE;
                        }
                        throw failure;
                    }
                });
    }

    @Override
    public byte[] read(String file) throws IOException {
        try (InputStream stream = Files.newInputStream(folder.resolve(file))) {
            byte[] bytes = stream.readNBytes(MOST_BYTES + 1);
            if (bytes.length > MOST_BYTES) {
                throw Tree.tooLarge(file + " in " + name(), size(file));
            }
            return bytes;
        }
    }

    @Override
    public byte[] start(String file, int most) throws IOException {
        try (InputStream stream = Files.newInputStream(folder.resolve(file))) {
            return stream.readNBytes(most);
        }
    }

    @Override
    public long size(String file) throws IOException {
        return Files.size(folder.resolve(file));
    }

    @Override
    public void close() {}
}
