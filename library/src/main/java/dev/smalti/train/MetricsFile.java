package dev.smalti.train;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;

/** Reads {@code metrics.jsonl}, line by line. */
public final class MetricsFile {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int LONGEST = 1 << 20; // a line has a few hundred bytes

    private MetricsFile() {}

    /**
     * Gives {@code each} the lines that are JSON objects. Others are left out, such as the last one of a run that is going on
     * or was killed; of a file that isn't there, all.
     */
    public static void forEach(Path file, Consumer<JsonNode> each) throws IOException {
        if (!Files.isRegularFile(file)) {
            return;
        }
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        try (InputStream in = new BufferedInputStream(Files.newInputStream(file))) {
            for (int next = in.read(); next >= 0; next = in.read()) {
                if (next == '\n') {
                    read(line, each);
                    line.reset();
                } else if (line.size() <= LONGEST) {
                    line.write(next);
                }
            }
        }
        read(line, each);
    }

    private static void read(ByteArrayOutputStream line, Consumer<JsonNode> each) {
        JsonNode node = line.size() > LONGEST ? null : parsed(line.toByteArray());
        if (node != null && node.isObject()) {
            each.accept(node);
        }
    }

    private static JsonNode parsed(byte[] line) {
        try {
            return JSON.readTree(line);
        } catch (IOException e) {
            return null;
        }
    }
}
