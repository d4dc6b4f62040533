package dev.smalti.data;

import dev.smalti.tensor.Phrase;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Enumeration;
import java.util.function.Consumer;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;

/** A zip, read where it lies: nothing is unpacked. */
final class ZipTree implements Tree {
    private static final Charset DOS = Charset.forName("IBM437");

    private final Path path;
    private final ZipFile zip;

    /** @throws DataException if the file is not a zip */
    ZipTree(Path path) {
        this.path = path;
        try {
            zip = open(path);
        } catch (IOException e) {
            throw new DataException(
                    Phrase.of("%s must be a zip, but cannot be read as one (%s); pack it again, or give a folder")
                            .with(path, e.getMessage()),
                    e);
        }
    }

    @Override
    public String name() {
        return path.toString();
    }

    @Override
    public String place(String inside) {
        return inside + ", unpacked or packed by itself";
    }

    /** @throws DataException naming the first entry whose name would lead out of a folder that it is unpacked to */
    @Override
    public void list(Consumer<String> action) {
        for (Enumeration<? extends ZipEntry> entries = zip.entries(); entries.hasMoreElements(); ) {
            ZipEntry entry = next(entries);
            String name = entry.getName();
            if (!Tree.hidden(path, name) && !entry.isDirectory()) {
                action.accept(name);
            }
        }
    }

    /** Java looks at names that say to be UTF-8 as late as here. */
    private ZipEntry next(Enumeration<? extends ZipEntry> entries) {
        try {
            return entries.nextElement();
        } catch (IllegalArgumentException e) {
            throw new DataException(
                    Phrase.of("%s has an entry whose name says to be UTF-8 and isn't; pack it again")
                            .with(path),
                    e);
        }
    }

    @Override
    public byte[] read(String file) throws IOException {
        ZipEntry entry = entry(file);
        if (entry.getSize() > MOST_BYTES) {
            throw Tree.tooLarge(file + " in " + path, entry.getSize());
        }
        try (InputStream stream = zip.getInputStream(entry)) {
            byte[] bytes = stream.readNBytes((int) Math.max(0, entry.getSize()));
            if (bytes.length < entry.getSize() || stream.read() >= 0) {
                throw new ZipException(Phrase.of("its size is not the %,d bytes that the zip's directory says")
                        .with(entry.getSize()));
            }
            return bytes;
        }
    }

    @Override
    public byte[] start(String file, int most) throws IOException {
        try (InputStream stream = zip.getInputStream(entry(file))) {
            return stream.readNBytes(most);
        }
    }

    @Override
    public long size(String file) throws IOException {
        return entry(file).getSize();
    }

    @Override
    public void close() {
        try {
            zip.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private ZipEntry entry(String file) throws IOException {
        ZipEntry entry = zip.getEntry(file);
        if (entry == null) {
            throw new FileNotFoundException(file);
        }
        return entry;
    }

    /**
     * Names without the UTF-8 flag are in code page 437 by the specification (APPNOTE.TXT, appendix D); but packers on Unix
     * write UTF-8 without it, which other bytes beyond ASCII hardly ever are by chance.
     */
    private static ZipFile open(Path path) throws IOException {
        try {
            return new ZipFile(path.toFile(), StandardCharsets.UTF_8);
        } catch (ZipException e) { // also where a name isn't UTF-8
            return new ZipFile(path.toFile(), DOS);
        }
    }
}
