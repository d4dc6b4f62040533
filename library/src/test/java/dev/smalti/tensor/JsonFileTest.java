package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JsonFileTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    private Path folder;

    record Thing(int count, String name, List<String> parts) {
        Thing {
            if (count < 0) {
                throw new IllegalArgumentException("count must be 0 or more, got " + count);
            }
        }
    }

    @Test
    void reads_an_object_into_a_record() throws IOException {
        assertThat(thing("{\"count\": 3, \"name\": \"n\", \"parts\": [\"a\"]}"))
                .isEqualTo(new Thing(3, "n", List.of("a")));
    }

    @Test
    void says_what_is_no_json_and_where() {
        for (String text :
                new String[] {"", "{", "[1]", "null", "3", "{\"count\": x}", "{\"a\": \"" + "x".repeat(9000)}) {
            refused(text, "JSON");
        }
        refused("{\n\"count\": x}", "line 2");
    }

    @Test
    void says_which_part_is_of_another_type() {
        refused("{\"count\": \"many\"}", "count must be a whole number");
        refused("{\"count\": {}}", "count must be a whole number");
        refused("{\"parts\": 3}", "parts must be a list");
        refused("{\"parts\": [[]]}", "parts.[0] must be a text");
        refused("{\"count\": -1}", "count must be 0 or more, got -1");
    }

    @Test
    void refuses_what_is_no_small_file() throws IOException {
        Path file = folder.resolve("large.json");
        try (RandomAccessFile large = new RandomAccessFile(file.toFile(), "rw")) {
            large.setLength(1L << 31);
        }
        assertThatThrownBy(() -> JsonFile.read(file)).hasMessageContaining("at most 10,000,000 bytes");
        assertThatThrownBy(() -> JsonFile.read(folder)).hasMessageContaining("is none");
        assertThatThrownBy(() -> JsonFile.read(folder.resolve("none.json"))).hasMessageContaining("no such file");
        Files.write(file, new byte[] {'{', '"', (byte) 0xff, (byte) 0xfe, '"', '}'});
        assertThatThrownBy(() -> JsonFile.read(file)).hasMessageContaining("not valid JSON");
    }

    private Thing thing(String text) throws IOException {
        Path file = Files.writeString(folder.resolve("thing.json"), text);
        return JsonFile.convert(file, JsonFile.read(file), JSON.constructType(Thing.class), JSON);
    }

    private void refused(String text, String words) {
        assertThatThrownBy(() -> thing(text))
                .isInstanceOf(BadFileException.class)
                .hasMessageContaining("thing.json: ")
                .hasMessageContaining(words)
                .message()
                .hasLineCount(1)
                .hasSizeLessThan(500);
    }
}
