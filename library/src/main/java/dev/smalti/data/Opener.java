package dev.smalti.data;

import dev.smalti.tensor.Part;
import dev.smalti.tensor.Phrase;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/** Which format a path holds. */
final class Opener {
    private static final String CHOICE =
            "a folder or a zip of pictures, tar shards, IDX files, CIFAR binaries or an .npz";

    private static final int HEADER = 512; // of a tar, where it is told by

    private Opener() {}

    static ImageSet open(Path path) {
        try {
            if (!Files.exists(path)) {
                Optional<List<Path>> listed = ShardNames.listed(path);
                if (listed.isPresent()) {
                    return new Shards(path.toString(), listed.get());
                }
                throw new DataException(Phrase.of("%s does not exist; give %s").with(path, CHOICE));
            }
            return Files.isDirectory(path) ? openFolder(path) : openFile(path);
        } catch (IOException e) {
            throw new DataException(
                    Phrase.of("%s cannot be read (%s); check that it may be read")
                            .with(path, e),
                    e);
        }
    }

    private static ImageSet openFolder(Path folder) throws IOException {
        requireWhole(folder);
        Optional<Path> idx = IdxFile.in(folder);
        if (idx.isPresent()) {
            return IdxFile.open(idx.get());
        }
        List<Path> cifar = CifarFile.in(folder);
        if (!cifar.isEmpty()) {
            return CifarFile.open(folder.toString(), cifar);
        }
        List<Path> tars = ShardNames.in(folder);
        return tars.isEmpty() ? ImageTree.of(new FolderTree(folder)) : new Shards(folder.toString(), tars);
    }

    private static void requireWhole(Path folder) throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            List<String> parts = entries.map(each -> each.getFileName().toString())
                    .filter(each -> each.contains("-of-"))
                    .toList();
            Part.problem(parts).ifPresent(problem -> {
                throw new DataException(folder + " is not whole: " + problem);
            });
        }
    }

    private static ImageSet openFile(Path file) throws IOException {
        String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
        byte[] start;
        try (InputStream stream = Files.newInputStream(file)) {
            start = stream.readNBytes(HEADER);
        }
        if (name.endsWith(".npz")) {
            return NumpyFile.open(file);
        }
        if (name.endsWith(".bin")) {
            return CifarFile.open(file.toString(), List.of(file));
        }
        if (IdxFile.isImages(file) || Octets.is(start, 0, "\0\0\b\3")) {
            return IdxFile.open(file);
        }
        if (name.endsWith(".zip") || Octets.is(start, 0, "PK\3\4")) {
            return ImageTree.of(new ZipTree(file));
        }
        if (ShardNames.isTar(file) || Octets.is(start, 257, "ustar")) {
            return new Shards(file.toString(), List.of(file));
        }
        ShardNames.refusePacked(file);
        throw new DataException(Phrase.of("%s is of no known kind: data must be %s; put single pictures into a folder")
                .with(file, CHOICE));
    }
}
