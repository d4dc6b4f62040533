package dev.smalti.tensor;

import java.io.EOFException;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.msgpack.core.ExtensionTypeHeader;
import org.msgpack.core.MessageInsufficientBufferException;
import org.msgpack.core.MessagePack;
import org.msgpack.core.MessagePackException;
import org.msgpack.core.MessageUnpacker;

/**
 * What a file of flax says beside its numbers, as {@code flax.serialization} writes it: maps of maps in msgpack, an array as an
 * extension of type 1 or 3 that holds (shape, name of the type, bytes), one of more than 1 GiB as a map of such parts.
 *
 * <p>The numbers are passed over. Of texts at most {@value #MOST_BYTES} bytes are kept, and of values {@value #MOST_VALUES}.
 */
final class FlaxReader {
    private static final int MOST_BYTES = 64 << 20;
    private static final int MOST_VALUES = 4 << 20;
    private static final int DEEPEST = 100;
    private static final int MOST_DIMENSIONS = 64;
    private static final int BLOCK = 8192; // what is passed over by reading it
    private static final String CHUNKED = "__msgpack_chunked_array__";
    private static final Map<String, ElementType> TYPES = Map.ofEntries(
            Map.entry("float64", ElementType.F64),
            Map.entry("float32", ElementType.F32),
            Map.entry("float16", ElementType.F16),
            Map.entry("bfloat16", ElementType.BF16),
            Map.entry("int64", ElementType.I64),
            Map.entry("int32", ElementType.I32),
            Map.entry("int16", ElementType.I16),
            Map.entry("int8", ElementType.I8),
            Map.entry("uint8", ElementType.U8),
            Map.entry("uint16", ElementType.U16),
            Map.entry("uint32", ElementType.U32),
            Map.entry("uint64", ElementType.U64),
            Map.entry("bool", ElementType.BOOL));

    private final Path file;
    private final FileChannel channel;
    private final long length;
    private MessageUnpacker in;
    private long base; // where in the file {@code in} began
    private long bytes; // of texts
    private int values;

    private FlaxReader(Path file, FileChannel channel) throws IOException {
        this.file = file;
        this.channel = channel;
        this.length = channel.size();
    }

    /** Bytes of the file. */
    record Extent(long position, long bytes) {}

    /** An array, whose numbers lie in the file one part behind the other. */
    record Numbers(ElementType type, long[] shape, List<Extent> extents) {}

    /**
     * What was read.
     *
     * @param root maps, lists, numbers, words, truths, {@link Numbers} and {@link Unpickler.Opaque}
     * @param bytes that the names and values take in the file, at least
     */
    record Contents(Object root, long bytes) {}

    /**
     * Reads a file from its first byte on.
     *
     * @throws BadFileException naming what isn't as flax writes it
     * @throws EOFException if it is cut off
     */
    static Contents read(Path file, FileChannel channel) throws IOException {
        FlaxReader reader = new FlaxReader(file, channel);
        try {
            reader.seek(0);
            Object root = reader.value(0);
            if (reader.position() != reader.length) {
                throw reader.bad("must end with its map, and more follows");
            }
            return new Contents(root, reader.bytes + reader.values);
        } catch (MessageInsufficientBufferException e) {
            throw new EOFException();
        } catch (MessagePackException e) {
            throw new BadFileException(file, "is no msgpack of flax: " + Excerpt.of(String.valueOf(e.getMessage())), e);
        }
    }

    private Object value(int depth) throws IOException {
        if (depth > DEEPEST) {
            throw bad(Phrase.of("must not have more than %d levels of maps, has more")
                    .with(DEEPEST));
        }
        if (++values > MOST_VALUES) {
            throw bad(Phrase.of("must not have more than %,d values, has more").with(MOST_VALUES));
        }
        return switch (in.getNextFormat().getValueType()) {
            case NIL -> {
                in.unpackNil();
                yield null;
            }
            case BOOLEAN -> in.unpackBoolean();
            case INTEGER -> in.unpackBigInteger();
            case FLOAT -> in.unpackDouble();
            case STRING -> text(in.unpackRawStringHeader());
            case BINARY -> {
                pass(in.unpackBinaryHeader());
                yield null;
            }
            case ARRAY -> list(in.unpackArrayHeader(), depth);
            case MAP -> map(in.unpackMapHeader(), depth);
            case EXTENSION -> array(in.unpackExtensionTypeHeader());
        };
    }

    private Object map(int size, int depth) throws IOException {
        Map<Object, Object> map = new LinkedHashMap<>();
        for (int i = 0; i < size; i++) {
            Object key = value(depth + 1);
            if (key == null || key instanceof Map || key instanceof List) {
                throw bad("must have names for keys of its maps");
            }
            map.put(key.toString().replace('/', '.'), value(depth + 1));
        }
        return map.containsKey(CHUNKED) ? whole(map) : map;
    }

    private List<Object> list(int size, int depth) throws IOException {
        List<Object> list = new ArrayList<>();
        for (int i = 0; i < size; i++) {
            list.add(value(depth + 1));
        }
        return list;
    }

    private String text(int size) throws IOException {
        bytes += size;
        if (size > length - position()) {
            throw new EOFException();
        }
        if (bytes > MOST_BYTES) {
            throw bad(Phrase.of("must not have texts of more than %,d bytes in all, has more")
                    .with(MOST_BYTES));
        }
        return new String(in.readPayload(size), StandardCharsets.UTF_8);
    }

    private Object array(ExtensionTypeHeader header) throws IOException {
        long end = position() + header.getLength();
        if (header.getType() != 1 && header.getType() != 3) {
            pass(header.getLength());
            return new Unpickler.Opaque("an extension of type " + header.getType());
        }
        if (in.unpackArrayHeader() != 3) {
            throw bad("must have arrays of shape, type and bytes");
        }
        long[] shape = new long[dimensions(in.unpackArrayHeader())];
        for (int i = 0; i < shape.length; i++) {
            shape[i] = in.unpackLong();
        }
        String name = text(rawHeader());
        long size = rawHeader();
        Extent extent = new Extent(position(), size);
        if (extent.position() + size != end) {
            throw bad("must have arrays as long as they say");
        }
        pass(size);
        ElementType type = TYPES.get(name);
        return type == null
                ? new Unpickler.Opaque("an array of " + Excerpt.brief(name))
                : checked(new Numbers(type, shape, List.of(extent)));
    }

    /** Of bytes, or of what old versions of msgpack wrote for them. */
    private int rawHeader() throws IOException {
        return in.getNextFormat().getValueType().isBinaryType() ? in.unpackBinaryHeader() : in.unpackRawStringHeader();
    }

    /** Of its parts. */
    private Numbers whole(Map<Object, Object> map) {
        List<Object> shape = items(map.get("shape"));
        long[] sizes = new long[dimensions(shape.size())];
        for (int i = 0; i < sizes.length; i++) {
            if (!(shape.get(i) instanceof Number size)) {
                throw bad("must have numbers for a shape");
            }
            sizes[i] = size.longValue();
        }
        ElementType type = null;
        List<Extent> extents = new ArrayList<>();
        for (Object chunk : items(map.get("chunks"))) {
            if (!(chunk instanceof Numbers part) || (type != null && type != part.type())) {
                throw bad("must have parts of an array that are arrays of one type");
            }
            type = part.type();
            extents.addAll(part.extents());
        }
        if (type == null) {
            throw bad("must have parts of an array");
        }
        return checked(new Numbers(type, sizes, extents));
    }

    /** A list, or a map of 0, 1, and so on, in their order. */
    private List<Object> items(Object value) {
        List<Object> items = new ArrayList<>();
        if (value instanceof List<?> list) {
            items.addAll(list);
        } else if (value instanceof Map<?, ?> map) {
            for (int i = 0; i < map.size(); i++) {
                items.add(map.get(Integer.toString(i)));
            }
        }
        return items;
    }

    private int dimensions(int count) {
        if (count > MOST_DIMENSIONS) {
            throw bad(Phrase.of("must have arrays of at most %d dimensions, has one of %,d")
                    .with(MOST_DIMENSIONS, count));
        }
        return count;
    }

    /** Its bytes are in the file, so its shape can't be larger than that. */
    private Numbers checked(Numbers numbers) {
        long there = 0;
        for (Extent extent : numbers.extents()) {
            there += extent.bytes();
        }
        long wanted = numbers.type().bytes;
        boolean nothing = false;
        try {
            for (long size : numbers.shape()) {
                nothing |= size == 0;
                wanted = Math.multiplyExact(wanted, Math.max(size, size < 0 ? Long.MAX_VALUE : 1));
            }
        } catch (ArithmeticException e) {
            wanted = -1;
        }
        if (wanted < 0 || there != (nothing ? 0 : wanted)) {
            throw bad(Phrase.of("must have %s numbers of type %s in an array, has %,d bytes")
                    .with(Dims.text(numbers.shape()), numbers.type(), there));
        }
        return numbers;
    }

    private long position() {
        return base + in.getTotalReadBytes();
    }

    /** Passes over bytes, most of which aren't read. */
    private void pass(long size) throws IOException {
        if (size > length - position()) {
            throw new EOFException();
        }
        if (size <= BLOCK) {
            in.readPayload((int) size);
        } else {
            seek(position() + size);
        }
    }

    @SuppressWarnings("resource") // closing it would close the file
    private void seek(long position) throws IOException {
        channel.position(position);
        base = position;
        in = MessagePack.newDefaultUnpacker(Channels.newInputStream(channel));
    }

    private BadFileException bad(String problem) {
        return new BadFileException(file, problem);
    }
}
