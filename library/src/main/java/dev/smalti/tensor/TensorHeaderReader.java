package dev.smalti.tensor;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import dev.smalti.tensor.TensorHeader.Entry;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads the header of a safetensors file that may come from anywhere: before a tensor is allocated, its size is known to
 * fit its shape and the file, and the tensors are known to cover the data once.
 */
final class TensorHeaderReader {
    private static final int MAX_DIMENSIONS = 64;
    private static final JsonFactory JSON = JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(16)
                    .maxStringLength((int) TensorHeader.MAX_BYTES)
                    .build())
            .build();

    private final Path file;
    private final Map<String, Entry> entries = new LinkedHashMap<>();
    private final Map<String, String> metadata = new LinkedHashMap<>();
    private String part = "header"; // of which the parser reads now

    private TensorHeaderReader(Path file) {
        this.file = file;
    }

    /** @throws BadFileException if the header breaks a rule of the format */
    static TensorHeader read(Path file, FileChannel channel) throws IOException {
        return new TensorHeaderReader(file).read(channel);
    }

    private TensorHeader read(FileChannel channel) throws IOException {
        long size = channel.size();
        if (size < 8) {
            throw bad(
                    size == 0
                            ? "the file is empty"
                            : Phrase.of("a safetensors file has at least 8 bytes, got %d (is it truncated?)")
                                    .with(size));
        }
        long length = bytes(channel, 0, 8).order(ByteOrder.LITTLE_ENDIAN).getLong();
        if (length < 2 || length > TensorHeader.MAX_BYTES) {
            throw bad(Phrase.of("header length must be 2 to %d bytes, got %s (is it a safetensors file?)")
                    .with(TensorHeader.MAX_BYTES, Long.toUnsignedString(length)));
        }
        if (length > size - 8) {
            throw bad(Phrase.of("header length is %d bytes, but only %d follow (is it truncated?)")
                    .with(length, size - 8));
        }
        byte[] text = bytes(channel, 8, (int) length).array();
        if (text[0] != '{') {
            throw bad(Phrase.of("header must be a JSON object and start with {, got byte %d")
                    .with(text[0] & 0xff));
        }
        parse(text);
        checkCover(size - 8 - length);
        return new TensorHeader(entries, metadata, 8 + length);
    }

    private ByteBuffer bytes(FileChannel channel, long position, int length) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(length);
        while (buffer.hasRemaining()) {
            if (channel.read(buffer, position + buffer.position()) < 0) {
                throw bad("the file became shorter while it was read");
            }
        }
        return buffer.flip();
    }

    private void parse(byte[] text) throws IOException {
        Reader characters =
                new InputStreamReader(new ByteArrayInputStream(text), StandardCharsets.UTF_8.newDecoder()); // strict
        try (JsonParser json = JSON.createParser(characters)) {
            json.nextToken();
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String name = json.currentName();
                boolean about = name.equals(TensorHeader.METADATA);
                part = about ? TensorHeader.METADATA : "tensor " + Excerpt.brief(name);
                json.nextToken();
                if (about) {
                    parseMetadata(json);
                } else {
                    entries.put(name, parseEntry(json));
                }
                part = "header after " + part;
            }
            if (json.nextToken() != null) {
                throw bad("header must be one JSON object, but more follows it");
            }
        } catch (JsonProcessingException e) {
            throw new BadFileException(
                    file, Phrase.of("%s is not valid JSON: %s").with(part, Excerpt.of(e.getOriginalMessage())), e);
        } catch (CharacterCodingException e) {
            throw new BadFileException(file, part + " is not valid UTF-8", e);
        }
    }

    private void parseMetadata(JsonParser json) throws IOException {
        require(json.currentToken() == JsonToken.START_OBJECT, "must be an object of strings", json);
        while (json.nextToken() == JsonToken.FIELD_NAME) {
            String key = json.currentName();
            require(
                    json.nextToken() == JsonToken.VALUE_STRING,
                    "must have strings for values at " + Excerpt.brief(key),
                    json);
            metadata.put(key, json.getText());
        }
    }

    private Entry parseEntry(JsonParser json) throws IOException {
        require(json.currentToken() == JsonToken.START_OBJECT, "must be described by an object", json);
        String dtype = null;
        long[] shape = null;
        long[] offsets = null;
        while (json.nextToken() == JsonToken.FIELD_NAME) {
            String key = json.currentName();
            json.nextToken();
            switch (key) {
                case "dtype" -> {
                    require(json.currentToken() == JsonToken.VALUE_STRING, "must have a string for dtype", json);
                    dtype = json.getText();
                }
                case "shape" -> shape = parseNumbers(json, key, MAX_DIMENSIONS);
                case "data_offsets" -> offsets = parseNumbers(json, key, 2);
                default -> json.skipChildren(); // a later version of the format may say more
            }
        }
        return entry(dtype, shape, offsets);
    }

    private long[] parseNumbers(JsonParser json, String key, int most) throws IOException {
        require(json.currentToken() == JsonToken.START_ARRAY, "must have an array for " + key, json);
        List<Long> numbers = new ArrayList<>();
        while (json.nextToken() != JsonToken.END_ARRAY) {
            boolean whole = json.currentToken() == JsonToken.VALUE_NUMBER_INT
                    && json.getNumberType() != JsonParser.NumberType.BIG_INTEGER
                    && json.getLongValue() >= 0;
            require(whole, "must have whole numbers from 0 to 2^63 - 1 for " + key, json);
            numbers.add(json.getLongValue());
            if (numbers.size() > most) {
                throw bad(Phrase.of("%s has more than %d numbers for %s").with(part, most, key));
            }
        }
        return numbers.stream().mapToLong(Long::longValue).toArray();
    }

    private Entry entry(String dtype, long[] shape, long[] offsets) {
        if (dtype == null || shape == null || offsets == null) {
            throw bad(Phrase.of("%s lacks %s")
                    .with(part, dtype == null ? "dtype" : shape == null ? "shape" : "data_offsets"));
        }
        ElementType type = ElementType.named(dtype)
                .orElseThrow(() -> bad(Phrase.of("%s must have one of the types %s, got %s")
                        .with(part, ElementType.known(), Excerpt.brief(dtype))));
        if (offsets.length != 2) {
            throw bad(Phrase.of("%s must have 2 data_offsets, got %d").with(part, offsets.length));
        }
        Entry entry = new Entry(type, shape, offsets[0], offsets[1]);
        if (entry.begin() > entry.end()) {
            throw bad(Phrase.of("%s has data_offsets in reverse: %s").with(part, Arrays.toString(offsets)));
        }
        long bytes = bytes(entry);
        if (bytes != entry.bytes()) {
            throw bad(Phrase.of("%s of shape %s and type %s takes %d bytes, but data_offsets %s hold %d")
                    .with(part, Dims.text(shape), type, bytes, Arrays.toString(offsets), entry.bytes()));
        }
        return entry;
    }

    private long bytes(Entry entry) {
        try {
            long bytes = entry.type().bytes;
            boolean nothing = false;
            for (long size : entry.shape()) {
                nothing |= size == 0;
                bytes = Math.multiplyExact(bytes, Math.max(size, 1)); // libtorch's strides overflow beside a 0, too
            }
            return nothing ? 0 : bytes;
        } catch (ArithmeticException e) {
            throw bad(Phrase.of("%s has a shape whose size overflows: %s").with(part, Dims.text(entry.shape())));
        }
    }

    private void checkCover(long length) {
        List<Map.Entry<String, Entry>> ordered = new ArrayList<>(entries.entrySet());
        ordered.sort(Comparator.comparing(
                        (Map.Entry<String, Entry> each) -> each.getValue().begin())
                .thenComparing(each -> each.getValue().end())
                .thenComparing(Map.Entry::getKey));
        long end = 0;
        String before = "the start";
        for (Map.Entry<String, Entry> each : ordered) {
            Entry entry = each.getValue();
            String name = "tensor " + Excerpt.brief(each.getKey());
            if (entry.end() > length) {
                throw bad(Phrase.of("%s ends at byte %d of the data, but there are %d (is the file truncated?)")
                        .with(name, entry.end(), length));
            }
            if (entry.begin() != end) {
                throw bad(Phrase.of("%s must begin at byte %d of the data, after %s, got %d: tensors must not %s")
                        .with(name, end, before, entry.begin(), entry.begin() < end ? "overlap" : "leave gaps"));
            }
            end = entry.end();
            before = name;
        }
        if (end != length) {
            throw bad(Phrase.of("tensors must cover the data, but %d of its %d bytes follow %s")
                    .with(length - end, length, before));
        }
    }

    private void require(boolean condition, String rule, JsonParser json) throws IOException {
        if (!condition) {
            throw bad(Phrase.of("%s %s, got %s").with(part, rule, got(json)));
        }
    }

    private static String got(JsonParser json) throws IOException {
        JsonToken token = json.currentToken();
        if (token == null) {
            return "the end of the header";
        }
        return switch (token) {
            case START_OBJECT -> "an object";
            case START_ARRAY -> "an array";
            default -> Excerpt.brief(json.getText());
        };
    }

    private BadFileException bad(String problem) {
        return new BadFileException(file, problem);
    }
}
