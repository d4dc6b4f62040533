package dev.smalti.recipe;

import dev.smalti.tensor.AtomicFile;
import dev.smalti.tensor.Phrase;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** Small text files, read within bounds and written whole. */
final class TextFile {
    private TextFile() {}

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
                throw new RecipeException(
                        Phrase.of("%s is too large: at most %d bytes are read").with(file, largest));
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

    /** @throws RecipeException if {@code file} cannot be written; it is then as it was */
    static void write(Path file, String text) {
        try (AtomicFile beside = AtomicFile.of(file)) {
            Files.writeString(beside.path(), text);
            beside.commit();
        } catch (NoSuchFileException e) {
            throw new RecipeException("cannot write " + file + ": its folder does not exist", e);
        } catch (IOException e) {
            throw new RecipeException("cannot write " + file + ": " + reason(e), e);
        }
    }

    private static String reason(IOException e) {
        return e instanceof AccessDeniedException ? "permission denied" : e.getMessage();
    }
}
