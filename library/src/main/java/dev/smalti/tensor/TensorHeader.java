package dev.smalti.tensor;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * What a safetensors file says about itself: its tensors in the header's order, its metadata, and the byte at which the
 * data starts. {@link TensorHeaderReader} makes one from a file, {@link #of} from tensors to be written.
 */
record TensorHeader(Map<String, Entry> entries, Map<String, String> metadata, long start) {
    static final String METADATA = "__metadata__";
    static final long MAX_BYTES = 100_000_000; // the limit of the reference implementation

    /** One tensor: bytes {@code begin} to {@code end} of the data. */
    record Entry(ElementType type, long[] shape, long begin, long end) {
        long bytes() {
            return end - begin;
        }
    }

    /** What is known of a tensor before it is laid out. */
    record Outline(ElementType type, long[] shape) {
        /** @throws IllegalArgumentException naming the tensor if the format lacks its name or type */
        static Outline of(String name, ScalarType type, long... shape) {
            if (name.equals(METADATA)) {
                throw new IllegalArgumentException("a tensor must not be named " + METADATA);
            }
            ElementType known = ElementType.of(type)
                    .orElseThrow(() ->
                            new IllegalArgumentException(Phrase.of("tensor %s must have one of the types %s, got %s")
                                    .with(name, ElementType.writable(), type)));
            return new Outline(known, shape);
        }

        private static Outline of(String name, Tensor tensor) {
            if (tensor == null || !tensor.defined()) {
                throw new IllegalArgumentException(
                        Phrase.of("tensor %s has no value").with(name));
            }
            return of(name, tensor.scalar_type().intern(), Dims.of(tensor));
        }

        private long bytes() {
            long bytes = type.bytes;
            for (long size : shape) {
                bytes = Math.multiplyExact(bytes, size);
            }
            return bytes;
        }
    }

    /** Lays out {@code tensors}, the widest type first, so that each is aligned, and then by name. */
    static TensorHeader of(Map<String, Tensor> tensors, Map<String, String> metadata) {
        Map<String, Outline> outlines = new LinkedHashMap<>();
        tensors.forEach((name, tensor) -> outlines.put(name, Outline.of(name, tensor)));
        return ofOutlines(outlines, metadata);
    }

    /** The same of tensors that are still to come; it knows where its data will start. */
    static TensorHeader ofOutlines(Map<String, Outline> outlines, Map<String, String> metadata) {
        List<String> names = new ArrayList<>(outlines.keySet());
        names.sort(Comparator.comparing((String name) -> -outlines.get(name).type().bytes)
                .thenComparing(Comparator.naturalOrder()));
        Map<String, Entry> entries = new LinkedHashMap<>();
        long begin = 0;
        for (String name : names) {
            Outline outline = outlines.get(name);
            long end = Math.addExact(begin, outline.bytes());
            entries.put(name, new Entry(outline.type(), outline.shape(), begin, end));
            begin = end;
        }
        TensorHeader header = new TensorHeader(entries, new TreeMap<>(metadata), 0);
        return new TensorHeader(entries, header.metadata(), header.encode().remaining());
    }

    /** How many bytes a file has, from its first on: those of the header and of all tensors. */
    long end() {
        return start + entries.values().stream().mapToLong(Entry::end).max().orElse(0);
    }

    /** The header as it is stored: its length, and JSON padded with spaces to a multiple of 8. */
    ByteBuffer encode() {
        byte[] json = json();
        int padded = (json.length + 7) / 8 * 8;
        if (padded > MAX_BYTES) {
            throw new IllegalArgumentException(
                    Phrase.of("the header of a safetensors file has at most %d bytes, got %d")
                            .with(MAX_BYTES, padded));
        }
        ByteBuffer buffer = ByteBuffer.allocate(8 + padded).order(ByteOrder.LITTLE_ENDIAN);
        buffer.putLong(padded).put(json);
        while (buffer.hasRemaining()) {
            buffer.put((byte) ' ');
        }
        return buffer.flip();
    }

    private byte[] json() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (JsonGenerator json = new JsonFactory().createGenerator(bytes)) {
            json.writeStartObject();
            if (!metadata.isEmpty()) {
                json.writeObjectFieldStart(METADATA);
                for (Map.Entry<String, String> each : metadata.entrySet()) {
                    json.writeStringField(each.getKey(), each.getValue());
                }
                json.writeEndObject();
            }
            for (Map.Entry<String, Entry> each : entries.entrySet()) {
                Entry entry = each.getValue();
                json.writeObjectFieldStart(each.getKey());
                json.writeStringField("dtype", entry.type.name());
                json.writeFieldName("shape");
                json.writeArray(entry.shape, 0, entry.shape.length);
                json.writeFieldName("data_offsets");
                json.writeArray(new long[] {entry.begin, entry.end}, 0, 2);
                json.writeEndObject();
            }
            json.writeEndObject();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write JSON to memory", e);
        }
        return bytes.toByteArray();
    }
}
