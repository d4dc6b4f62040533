package dev.smalti.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** Reads {@code metrics.jsonl}, line by line, and overlooks what is no line of it; of a file that isn't there, all. */
public final class MetricsFile {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int LONGEST = 1 << 20; // a line has a few hundred bytes

    private MetricsFile() {}

    /** Gives {@code each} the lines that are JSON objects; the last one of a run that is going on, or was killed, may be none. */
    public static void forEach(Path file, Consumer<JsonNode> each) throws IOException {
        forEachLine(file, line -> {
            JsonNode node = parsed(line);
            if (node != null && node.isObject()) {
                each.accept(node);
            }
        });
    }

    /** The lines that are text. */
    static List<String> lines(Path file) throws IOException {
        List<String> lines = new ArrayList<>();
        forEachLine(file, lines::add);
        return lines;
    }

    private static void forEachLine(Path file, Consumer<String> each) throws IOException {
        if (!Files.isRegularFile(file)) {
            return;
        }
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        try (InputStream in = new BufferedInputStream(Files.newInputStream(file))) {
            for (int next = in.read(); next >= 0; next = in.read()) {
                if (next == '\n') {
                    take(line, each);
                } else if (line.size() <= LONGEST) {
                    line.write(next);
                }
            }
        }
        take(line, each);
    }

    private static void take(ByteArrayOutputStream line, Consumer<String> each) {
        if (line.size() > 0 && line.size() <= LONGEST) {
            try {
                each.accept(StandardCharsets.UTF_8
                        .newDecoder()
                        .decode(ByteBuffer.wrap(line.toByteArray()))
                        .toString());
            } catch (CharacterCodingException e) {
                // no line of a log
            }
        }
        line.reset();
    }

    private static JsonNode parsed(String line) {
        try {
            return JSON.readTree(line);
        } catch (JsonProcessingException e) {
            return null;
        }
    }
}
