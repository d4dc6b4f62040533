package dev.smalti.job;

import dev.smalti.run.JobException;
import dev.smalti.tensor.Phrase;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** A text file of UTF-8 with the name of each class in a line, in the order of the classes. */
final class ClassList {
    private static final int MOST_BYTES = 1 << 20;

    private ClassList() {}

    /**
     * The names, without blanks around them; empty lines at the end are none.
     *
     * @throws JobException if the file can't be read, is no text, or has an empty line among others, which would shift the classes
     *     behind it
     */
    static List<String> read(Path file) {
        List<String> lines =
                text(file).stripTrailing().lines().map(String::strip).toList();
        int empty = lines.indexOf("");
        if (empty >= 0) {
            throw new JobException(Phrase.of("%s must have the name of a class in each line, and line %d is empty")
                    .with(file, empty + 1));
        }
        return lines;
    }

    private static String text(Path file) {
        if (!Files.isRegularFile(file)) {
            throw new JobException(file + " must be a text file of class names, and is "
                    + (Files.exists(file) ? "no file" : "not there"));
        }
        try (InputStream in = Files.newInputStream(file)) {
            byte[] bytes = in.readNBytes(MOST_BYTES + 1);
            if (bytes.length > MOST_BYTES) {
                throw new JobException(file + " must be a list of class names of at most 1 MiB, and is larger");
            }
            String text = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
            return text.startsWith("\uFEFF") ? text.substring(1) : text; // the mark that some editors put first
        } catch (CharacterCodingException e) {
            throw new JobException(
                    file + " must be a list of class names in UTF-8, and is no such text: save it as UTF-8", e);
        } catch (IOException e) {
            throw new JobException(file + " can't be read as a list of class names: " + e, e);
        }
    }
}
