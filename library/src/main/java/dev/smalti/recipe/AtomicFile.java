package dev.smalti.recipe;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/** A small text file that is either whole or not there. */
final class AtomicFile {
    private AtomicFile() {}

    /** Reads at most {@code largest} bytes of UTF-8 text, and refuses folders, larger files and other bytes. */
    static String read(Path file, int largest) {
        if (Files.isDirectory(file)) {
            throw new RecipeException(file + " is a folder, not a file");
        }
        if (!Files.exists(file)) {
            throw new RecipeException(file + " does not exist");
        }
        try (var in = Files.newInputStream(file)) {
            byte[] bytes = in.readNBytes(largest + 1);
            if (bytes.length > largest) {
                throw new RecipeException("%s is too large: at most %d bytes are read".formatted(file, largest));
            }
            String text = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
            return text.startsWith("\uFEFF") ? text.substring(1) : text; // the mark that some editors put first
        } catch (CharacterCodingException e) {
            throw new RecipeException(file + " is not UTF-8 text", e);
        } catch (IOException e) {
            throw new RecipeException("cannot read " + file + ": " + reason(e), e);
        }
    }

    /** Writes beside {@code file} and renames, so that no reader ever sees half of it. */
    static void write(Path file, String text) {
        Path beside = file.resolveSibling("." + file.getFileName() + "." + UUID.randomUUID());
        try {
            Files.writeString(beside, text, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
            move(beside, file);
        } catch (NoSuchFileException e) {
            throw new RecipeException("cannot write " + file + ": its folder does not exist", e);
        } catch (IOException e) {
            throw new RecipeException("cannot write " + file + ": " + reason(e), e);
        } finally {
            deleteIfExists(beside);
        }
    }

    private static void move(Path from, Path to) throws IOException {
        try {
            Files.move(from, to, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (AtomicMoveNotSupportedException e) {
            Files.move(from, to, StandardCopyOption.REPLACE_EXISTING);
        }
    }

    private static void deleteIfExists(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String reason(IOException e) {
        return e instanceof AccessDeniedException ? "permission denied" : e.getMessage();
    }
}
