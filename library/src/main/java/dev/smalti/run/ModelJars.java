package dev.smalti.run;

import dev.smalti.tensor.AtomicFile;
import dev.smalti.tensor.HomeFolder;
import dev.smalti.tensor.Phrase;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;

/**
 * Models on the class path, each a jar with a run folder inside.
 *
 * <p>The jar names its models in {@code META-INF/smalti/models}, one a line. A model's files lie under
 * {@code dev/smalti/models/<name>/}, where {@code SHA256SUMS} lists them as {@code sha256sum} does. A run folder is read as files,
 * so a model is unpacked when it is first opened, into the user's cache ({@code -Dsmalti.cache} is another), under its
 * name and the first digits of that list's own hash: another version is another folder. It is whole or not there, however many
 * processes unpack it at once.
 */
final class ModelJars {
    private static final String NAMES = "META-INF/smalti/models";
    private static final String FILES = "dev/smalti/models/";
    private static final String SUMS = "SHA256SUMS";

    private ModelJars() {}

    /** Of all models on the class path, sorted. */
    static List<String> names() {
        TreeSet<String> names = new TreeSet<>();
        for (ClassLoader loader : loaders()) {
            try {
                for (URL list : Collections.list(loader.getResources(NAMES))) {
                    try (InputStream in = list.openStream()) {
                        text(in).lines()
                                .map(String::strip)
                                .filter(line -> !line.isEmpty())
                                .forEach(names::add);
                    }
                }
            } catch (IOException e) {
                throw new UncheckedIOException("the class path's " + NAMES + " cannot be read: " + e, e);
            }
        }
        return List.copyOf(names);
    }

    /**
     * The run folder of a model on the class path.
     *
     * @throws JobException if it can't be unpacked, or isn't whole
     */
    static Optional<Path> folder(String name) {
        for (ClassLoader loader : loaders()) {
            if (loader.getResource(FILES + name + "/" + SUMS) != null) {
                return Optional.of(folder(loader, name));
            }
        }
        return Optional.empty();
    }

    private static List<ClassLoader> loaders() {
        List<ClassLoader> loaders = new ArrayList<>();
        if (Thread.currentThread().getContextClassLoader() != null) {
            loaders.add(Thread.currentThread().getContextClassLoader());
        }
        if (!loaders.contains(ModelJars.class.getClassLoader())) {
            loaders.add(ModelJars.class.getClassLoader());
        }
        return loaders;
    }

    private static Path folder(ClassLoader loader, String name) {
        Path models = cache().resolve("models");
        try {
            byte[] sums = bytes(loader, name, SUMS);
            Path folder = models.resolve(name + "-" + sha256(sums).substring(0, 16));
            if (!Files.isDirectory(folder)) {
                Files.createDirectories(models);
                try (Claim claim = Claim.waiting(models)) {
                    unpack(loader, name, new String(sums, StandardCharsets.UTF_8), folder);
                }
            }
            return folder;
        } catch (IOException e) {
            throw new JobException(
                    "the model " + name + " on the class path cannot be unpacked to " + models + ": " + e
                            + "; choose a folder that can be written with -Dsmalti.cache=DIR",
                    e);
        }
    }

    private static void unpack(ClassLoader loader, String name, String sums, Path folder) throws IOException {
        if (Files.isDirectory(folder)) {
            return; // another process was quicker
        }
        try (AtomicFile beside = AtomicFile.of(folder)) {
            for (Map.Entry<String, String> file : files(name, sums).entrySet()) {
                byte[] bytes = bytes(loader, name, file.getKey());
                if (!sha256(bytes).equals(file.getValue())) {
                    throw new JobException(Phrase.of(
                                    "%s of the model %s on the class path must have the hash %s, got %s: the jar is damaged")
                            .with(file.getKey(), name, file.getValue(), sha256(bytes)));
                }
                Path target = beside.path().resolve(file.getKey());
                Files.createDirectories(target.getParent());
                Files.write(target, bytes);
            }
            beside.commit();
        }
    }

    /** Paths to hashes. */
    private static Map<String, String> files(String name, String sums) {
        Map<String, String> files = new LinkedHashMap<>();
        for (String line : sums.lines().toList()) {
            if (!line.matches("[0-9a-f]{64}  [A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*") || line.contains("..")) {
                throw new JobException("a line of " + SUMS + " of the model " + name
                        + " on the class path must be a SHA-256, two blanks and a path, got " + line);
            }
            files.put(line.substring(66), line.substring(0, 64));
        }
        return files;
    }

    private static byte[] bytes(ClassLoader loader, String name, String file) throws IOException {
        try (InputStream in = loader.getResourceAsStream(FILES + name + "/" + file)) {
            if (in == null) {
                throw new JobException("the model " + name + " on the class path has no " + file + ", which its " + SUMS
                        + " lists: the jar is damaged");
            }
            return in.readAllBytes();
        }
    }

    private static String text(InputStream in) throws IOException {
        return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }

    /** Where programs of this user keep what can be had again. */
    private static Path cache() {
        String chosen = System.getProperty("smalti.cache");
        if (chosen != null) {
            return Path.of(chosen);
        }
        String home = HomeFolder.path().toString();
        String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        if (system.startsWith("mac")) {
            return Path.of(home, "Library", "Caches", "smalti");
        }
        String local = System.getenv(system.startsWith("windows") ? "LOCALAPPDATA" : "XDG_CACHE_HOME");
        return local == null || local.isEmpty() ? Path.of(home, ".cache", "smalti") : Path.of(local, "smalti");
    }

    private static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
