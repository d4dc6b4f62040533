package dev.smalti.tensor;

import java.io.File;
import java.io.IOException;
import java.net.JarURLConnection;
import java.net.URL;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.jar.JarFile;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.openblas.global.openblas;
import org.bytedeco.pytorch.global.torch;

/**
 * The folder that JavaCPP unpacks native libraries into, once for all processes: chosen, held and mended before anything is
 * loaded from it.
 *
 * <p>JavaCPP checks a library as it comes to load it, but the system loads those that it needs before that, unchecked: one
 * that a killed process left half-written ends every later start by a bus error. So all that lies there is compared
 * with the jars before, under a lock that later starts wait for, and what isn't whole is deleted, to be unpacked again.
 */
final class LibraryCache {
    private static final List<String> PROPERTIES =
            List.of("org.bytedeco.javacpp.cachedir", "org.bytedeco.javacpp.cacheDir");
    private static final String WAY_OUT =
            "; choose another folder with -D" + PROPERTIES.get(0) + "=DIR (for the launcher in SMALTI_JAVA_OPTS)";

    private LibraryCache() {}

    /** Where Java doesn't know the user's home, JavaCPP would make a folder called {@code ?}. To be called before it looks. */
    static void choose() {
        boolean chosen = PROPERTIES.stream().anyMatch(name -> System.getProperty(name) != null);
        if (!chosen && HomeFolder.named(System.getProperty("user.home")).isEmpty()) {
            System.setProperty(PROPERTIES.get(0), folder(System.getenv("XDG_CACHE_HOME"), System.getenv("HOME")));
        }
    }

    static String folder(String caches, String home) {
        try {
            Path folder = HomeFolder.named(caches)
                    .map(path -> path.resolve("javacpp"))
                    .orElse(null);
            if (folder == null) {
                folder = HomeFolder.named(home)
                        .map(path -> path.resolve(".javacpp/cache"))
                        .orElse(null);
            }
            return (folder == null ? HomeFolder.temporary("javacpp") : folder).toString();
        } catch (IOException e) {
            throw new NativeLibrariesException(
                    "there is no folder that native libraries can be unpacked into: " + e.getMessage() + WAY_OUT, e);
        }
    }

    /** Held until it is closed; null where the folder can't be written, or another class loader of this process holds it. */
    static FileChannel lock() {
        FileChannel file = null;
        try {
            file = FileChannel.open(root().resolve("smalti.lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            file.lock();
            return file;
        } catch (IOException | OverlappingFileLockException e) {
            return null;
        }
    }

    /**
     * Deletes what isn't whole, and makes sure that what is missing has room.
     *
     * @throws NativeLibrariesException if it hasn't
     */
    static void mend() {
        try {
            long missing = 0;
            // JavaCPP's own lock: another program that unpacks just now is waited for
            try (FileChannel unpacking =
                    FileChannel.open(root().resolve(".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
                unpacking.lock();
                for (Jar jar : jars()) {
                    jar.mend();
                    missing += jar.missing();
                }
            } catch (OverlappingFileLockException | AccessDeniedException e) {
                return; // another thread of this process unpacks, or it is another user's to mend
            }
            check(missing, Files.getFileStore(root()).getUsableSpace(), root());
        } catch (IOException e) {
            throw new NativeLibrariesException(
                    "the native libraries cannot be unpacked: " + e.getMessage() + WAY_OUT, e);
        }
    }

    /** The names of all libraries that the jars have; none where they can't be read. */
    static List<String> libraries() {
        try {
            return jars().stream()
                    .flatMap(jar -> jar.entries().stream())
                    .map(Jar.Entry::name)
                    .toList();
        } catch (IOException e) {
            return List.of();
        }
    }

    /** {@code missing} and {@code room} in bytes. */
    static void check(long missing, long room, Path folder) {
        if (missing > room) {
            String message =
                    "unpacking the native libraries needs %,d MB in %s, and its disk has %,d MB left: make room%s";
            throw new NativeLibrariesException(
                    String.format(Locale.ROOT, message, missing >> 20, folder, room >> 20, WAY_OUT), null);
        }
    }

    /** What to say when the system refuses to load them. */
    static NativeLibrariesException refused(LinkageError e) {
        String where;
        try {
            where = " from " + root();
        } catch (IOException unknown) {
            where = "";
        }
        List<String> missing = Cuda.missing();
        if (!missing.isEmpty()) {
            return new NativeLibrariesException(
                    "the native libraries cannot be loaded" + where + ": " + Cuda.lacking(missing)
                            + "; without a card build without -Pcuda",
                    e);
        }
        String first = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
        return new NativeLibrariesException(
                "the native libraries cannot be loaded" + where + ": " + first
                        + " (they need Linux with glibc, macOS or Windows, a disk from which programs may run, and address"
                        + " space for half a gigabyte)" + WAY_OUT,
                e);
    }

    private static Path root() throws IOException {
        return Loader.getCacheDir().toPath();
    }

    private static List<Jar> jars() throws IOException {
        List<Jar> jars = new ArrayList<>();
        String platform = Loader.getPlatform();
        for (Library library : List.of(
                new Library(Loader.class, "jnijavacpp"),
                new Library(openblas.class, "jniopenblas"),
                new Library(torch.class, "jnitorch"))) {
            String name = platform + "/" + System.mapLibraryName(library.name());
            URL url = Loader.findResource(library.preset(), name);
            if (url != null && url.openConnection() instanceof JarURLConnection connection) {
                jars.add(Jar.of(connection, root()));
            }
        }
        return jars;
    }

    private record Library(Class<?> preset, String name) {}

    /**
     * The libraries of a jar and where they are unpacked.
     *
     * @param entries those in its folder, folders below it left out
     */
    record Jar(List<Entry> entries, Path folder) {
        /** A file in a jar. */
        record Entry(String name, long size, long time) {
            boolean library() {
                return name.contains(".so") || name.endsWith(".dll") || name.endsWith(".dylib");
            }
        }

        static Jar of(JarURLConnection connection, Path root) throws IOException {
            JarFile jar = connection.getJarFile(); // shared with the class loader, so it stays open
            String inside = connection
                    .getEntryName()
                    .substring(0, connection.getEntryName().lastIndexOf('/') + 1);
            List<Entry> entries = jar.stream()
                    .filter(entry -> entry.getName().startsWith(inside)
                            && !entry.getName().substring(inside.length()).contains("/"))
                    .map(entry ->
                            new Entry(entry.getName().substring(inside.length()), entry.getSize(), entry.getTime()))
                    .filter(Entry::library)
                    .toList();
            return new Jar(
                    entries, root.resolve(new File(jar.getName()).getName()).resolve(inside));
        }

        /** A file is whole if one of the jar's has its size and time, which JavaCPP sets last; names may be changed. */
        void mend() throws IOException {
            if (!Files.isDirectory(folder)) {
                return;
            }
            List<Path> files;
            try (Stream<Path> list = Files.list(folder)) {
                files = list.filter(file -> Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS))
                        .toList();
            }
            for (Path file : files) {
                if (!whole(file)) {
                    Files.delete(file);
                }
            }
        }

        private boolean whole(Path file) throws IOException {
            long size = Files.size(file);
            long time = Files.getLastModifiedTime(file).toMillis();
            return entries.stream().anyMatch(entry -> entry.size() == size && entry.time() == time);
        }

        /** Bytes that are still to be unpacked. */
        long missing() {
            return entries.stream()
                    .filter(entry -> !Files.exists(folder.resolve(entry.name())))
                    .filter(entry ->
                            Stream.of("_full", "_gloo", "_nccl").noneMatch(entry.name()::contains)) // not asked for
                    .mapToLong(Entry::size)
                    .sum();
        }
    }
}
