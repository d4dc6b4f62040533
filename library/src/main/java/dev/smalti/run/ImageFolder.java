package dev.smalti.run;

import dev.smalti.data.ImageSet;
import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.tensor.AtomicFile;
import dev.smalti.tensor.Phrase;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A folder of pictures in the layout that {@link dev.smalti.data.ImageSet} reads, {@code <class>/<number>.png}, or
 * {@code <number>.png} without classes. It is written under another name and takes its own when it is complete.
 */
public final class ImageFolder implements ImageSink {
    private static final String REQUEST = "request.txt";
    private static final int LONGEST = 200; // bytes of a folder's name; most file systems take 255
    private static final Pattern IMAGE = Pattern.compile("\\d{5,}\\.png");
    private static final Pattern UNSAFE = Pattern.compile("[/\\\\:*?\"<>|\\p{Cntrl}]");
    private static final Pattern RESERVED = // by Windows
            Pattern.compile("(?i)(con|prn|aux|nul|com\\d|lpt\\d)(\\..*)?");

    private final Path folder;
    private final Claim claim;
    private final Path part;
    private final Layout layout;
    private final int count;
    private final boolean fresh;
    private final boolean kept;
    private boolean any;

    /**
     * Where pictures lie.
     *
     * @param folders of the classes; empty without classes
     * @param count how many pictures there will be
     * @param labels of all of them; ignored without classes
     */
    record Layout(List<String> folders, int count, long[] labels) {
        Path file(Path root, int number) {
            String name = "%0" + Math.max(5, Integer.toString(count - 1).length()) + "d.png";
            Path inside = folders.isEmpty() ? root : root.resolve(folders.get(Math.toIntExact(labels[number])));
            return inside.resolve(Phrase.of(name).with(number));
        }
    }

    /**
     * @param folder is not there, or empty
     * @param classNames of the labels; empty without classes
     * @param count how many pictures will come
     * @param labels of all of them; ignored without classes
     */
    public ImageFolder(Path folder, List<String> classNames, int count, long[] labels) {
        this(folder, classNames, count, labels, null);
    }

    /**
     * One that keeps what there is of it when it is closed too early, and begins with what an earlier one of the same request
     * has left.
     *
     * @param request all that the pictures depend on; null to keep nothing
     * @throws JobException if what is left was of another request
     */
    public ImageFolder(Path folder, List<String> classNames, int count, long[] labels, Identity request) {
        this.folder = folder;
        this.layout = new Layout(safe(classNames), count, labels);
        this.count = count;
        this.kept = request != null;
        Path parent = folder.toAbsolutePath().getParent();
        Outputs.makeFolder("--out", parent);
        this.claim = claim(folder, kept);
        try {
            this.fresh = !Files.exists(folder);
            if (kept && !fresh) {
                throw new JobException(
                        folder + " is there already, and --resume needs an --out that is not: choose another");
            }
            Outputs.emptyFolder("--out", folder);
            Path beside = fresh ? parent : folder; // an empty one may be a mounted disk
            this.part = kept
                    ? parent.resolve("." + folder.getFileName() + ".part")
                    : AtomicFile.of(folder, beside).path();
            Files.createDirectories(part);
            if (kept) {
                begin(request.json());
            }
        } catch (IOException e) {
            claim.close();
            throw Outputs.failure(folder, e);
        } catch (RuntimeException e) {
            claim.close();
            throw e;
        }
    }

    static Claim claim(Path folder, boolean kept) {
        if (kept || !Files.exists(folder)) {
            return Claim.beside(folder);
        }
        Outputs.emptyFolder("--out", folder); // else what is in it isn't known to be of such a one
        Claim claim = Claim.inside(folder);
        claim.clear(folder, AtomicFile::isPart);
        return claim;
    }

    private void begin(String request) throws IOException {
        Path of = part.resolve(REQUEST);
        List<Path> there = left();
        boolean same = Files.exists(of) && Files.readString(of).equals(request);
        if (!same && !there.isEmpty() && Files.exists(of)) {
            throw new JobException(
                    part + " holds images of another request, which cannot be gone on with: give the same"
                            + " model and options as before, or delete it");
        }
        if (!same) {
            there.forEach(AtomicFile::discard); // images that nobody knows the request of
            try (AtomicFile beside = AtomicFile.of(of)) {
                Files.writeString(beside.path(), request);
                beside.commit();
            }
        }
    }

    /** The images that are there; deletes what a killed process was in the middle of. */
    private List<Path> left() throws IOException {
        List<Path> images = new ArrayList<>();
        try (Stream<Path> files = Files.walk(part)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                String name = file.getFileName().toString();
                if (AtomicFile.isPart(name)) {
                    Files.delete(file);
                } else if (IMAGE.matcher(name).matches()) {
                    images.add(file);
                } else if (!file.equals(part.resolve(REQUEST))) {
                    throw new JobException(part + " holds something else than images, " + part.relativize(file)
                            + ", and is not gone on with: delete it");
                }
            }
        }
        return images;
    }

    @Override
    public int present() {
        int number = 0;
        while (kept && number < count && Files.exists(file(number))) {
            number++;
        }
        any |= number > 0;
        return number;
    }

    private Path file(int number) {
        return layout.file(part, number);
    }

    @Override
    public void image(int number, Pixels image) {
        Pictures.writePng(file(number), image);
        any = true;
    }

    @Override
    public void finish() {
        try {
            if (fresh) {
                Files.move(part, folder, StandardCopyOption.ATOMIC_MOVE);
                Files.deleteIfExists(folder.resolve(REQUEST)); // now that nobody can need it
                return;
            }
            try (Stream<Path> entries = Files.list(part)) {
                for (Path entry : entries.toList()) {
                    Files.move(entry, folder.resolve(entry.getFileName()));
                }
            }
            AtomicFile.discard(part);
        } catch (IOException e) {
            throw Outputs.failure(folder, e);
        }
    }

    /** Drops what was written, if it isn't finished and nobody will go on with it. */
    @Override
    public void close() {
        try (claim) {
            if (!kept || !any) {
                AtomicFile.discard(part);
            }
        }
    }

    /** Names of folders, different from one another on every file system, and as near to the classes' names as that allows. */
    static List<String> safe(List<String> names) {
        Set<String> taken = new HashSet<>();
        List<String> safe = new ArrayList<>();
        for (int i = 0; i < names.size(); i++) {
            String name = safe(names.get(i));
            String unique = name;
            for (int again = i; !taken.add(unique.toLowerCase(Locale.ROOT)); again += names.size()) {
                unique = name + "-" + again;
            }
            safe.add(unique);
        }
        return safe;
    }

    private static String safe(String name) {
        String safe =
                UNSAFE.matcher(name).replaceAll("_").replaceFirst("^[. ]+", "_").replaceFirst("[. ]+$", "_");
        while (safe.getBytes(StandardCharsets.UTF_8).length > LONGEST) {
            safe = safe.substring(0, safe.offsetByCodePoints(safe.length(), -1));
        }
        return safe.isEmpty() || RESERVED.matcher(safe).matches() || ImageSet.ignores(safe) ? "_" + safe : safe;
    }
}
