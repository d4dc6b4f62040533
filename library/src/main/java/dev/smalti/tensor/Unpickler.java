package dev.smalti.tensor;

import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads what a Python pickle says about tensors, and refuses all else by name. A pickle is a program for a stack machine
 * that may call any function; here it can call none: of its instructions those that build plain values are known, and of
 * its names {@code OrderedDict}, {@code _rebuild_tensor_v2} and the storages of PyTorch, each of which makes a
 * description.
 *
 * <p>Of a pickle at most {@value #MOST_BYTES} bytes are read. Each instruction takes time and memory in proportion to its own
 * bytes and those of the values that it takes off the stack, and nothing that is remembered is copied but the sizes of a
 * tensor, {@value #MOST_DIMENSIONS} at most; so the whole stays in proportion to the bytes.
 *
 * <p>Values are strings, longs (or {@link BigInteger}), doubles, truths, null, lists (of tuples too), maps with strings as
 * keys, {@link Storage} and {@link View}.
 */
final class Unpickler {
    private static final int MOST_BYTES = 4 << 20; // a state dict of 500 tensors takes 60 KB
    private static final int MOST_TENSORS = 1 << 16;
    private static final int MOST_DIMENSIONS = 64; // of a tensor of PyTorch
    private static final Object MARK = new Object();
    private static final String ORDERED_DICT = "collections.OrderedDict";
    private static final String REBUILD = "torch._utils._rebuild_tensor_v2";
    private static final Map<String, ElementType> STORAGES = Map.of(
            "torch.DoubleStorage", ElementType.F64,
            "torch.FloatStorage", ElementType.F32,
            "torch.HalfStorage", ElementType.F16,
            "torch.BFloat16Storage", ElementType.BF16,
            "torch.LongStorage", ElementType.I64,
            "torch.IntStorage", ElementType.I32,
            "torch.ShortStorage", ElementType.I16,
            "torch.CharStorage", ElementType.I8,
            "torch.ByteStorage", ElementType.U8,
            "torch.BoolStorage", ElementType.BOOL);

    private final Path file;
    private final DataInputStream in;
    private final List<Object> stack = new ArrayList<>();
    private final Deque<Integer> marks = new ArrayDeque<>();
    private final Map<Integer, Object> memo = new HashMap<>();
    private int left = MOST_BYTES;
    private int tensors;

    private Unpickler(Path file, DataInputStream in) {
        this.file = file;
        this.in = in;
    }

    /** Numbers that lie elsewhere in the file. */
    record Storage(ElementType type, String key, long count) {}

    /** A tensor: some of a storage's numbers. */
    record View(Storage storage, long offset, List<Long> sizes, List<Long> strides) {}

    /** A name of the pickle that is known. */
    private record Global(String name) {}

    /**
     * Reads one pickle and leaves {@code in} behind it.
     *
     * @throws BadFileException naming what was met and isn't known
     */
    static Object read(Path file, DataInputStream in) throws IOException {
        try {
            return new Unpickler(file, in).run();
        } catch (EOFException e) {
            throw new BadFileException(file, "is cut off within its pickle", e);
        } catch (IndexOutOfBoundsException | ClassCastException | NullPointerException e) {
            // an operand isn't there, or is of another kind than its instruction takes
            throw new BadFileException(
                    file, "has a pickle that no PyTorch writes: " + Excerpt.of(String.valueOf(e.getMessage())), e);
        }
    }

    private Object run() throws IOException {
        while (true) {
            int code = next();
            switch (code) {
                case 0x80 -> version(next());
                case '(' -> marks.push(push(MARK));
                case '}' -> push(new LinkedHashMap<String, Object>());
                case ']', ')' -> push(new ArrayList<>());
                case 't' -> push(sinceMark());
                case 0x85 -> push(last(1));
                case 0x86 -> push(last(2));
                case 0x87 -> push(last(3));
                case 'N' -> push(null);
                case 0x88 -> push(true);
                case 0x89 -> push(false);
                case 'J' -> push(number(4));
                case 'K' -> push((long) next());
                case 'M' -> push((long) (next() | next() << 8));
                case 0x8a -> push(whole(bytes(next())));
                case 'G' -> push(Double.longBitsToDouble(new BigInteger(bytes(8)).longValue()));
                case 'X' -> push(new String(bytes(number(4)), StandardCharsets.UTF_8));
                case 'U' -> push(new String(bytes(next()), StandardCharsets.ISO_8859_1));
                case 'q' -> memo.put(next(), top());
                case 'r' -> memo.put((int) number(4), top());
                case 'h' -> push(remembered(next()));
                case 'j' -> push(remembered((int) number(4)));
                case 'c' -> push(global(line() + "." + line()));
                case 'Q' -> push(storage((List<?>) pop()));
                case 'R' -> {
                    List<?> arguments = (List<?>) pop();
                    push(call((Global) pop(), arguments));
                }
                case 'b' -> ignoreState();
                case 's' -> put(last(2));
                case 'u' -> put(sinceMark());
                case 'a' -> append(last(1));
                case 'e' -> append(sinceMark());
                case '.' -> {
                    return pop();
                }
                default -> throw refused(Phrase.of("the instruction 0x%02x").with(code));
            }
        }
    }

    private void version(int version) {
        if (version != 2) {
            throw refused("version " + version + " of the format");
        }
    }

    /** PyTorch hangs the versions of its modules on a dictionary, which nothing here depends on. */
    private void ignoreState() {
        pop();
        if (!(top() instanceof Map)) {
            throw refused("the state of an object");
        }
    }

    private Global global(String name) {
        if (!name.equals(ORDERED_DICT) && !name.equals(REBUILD) && !STORAGES.containsKey(name)) {
            throw refused("the name " + Excerpt.of(name).replaceAll("[^\\w.…]", "?"));
        }
        return new Global(name);
    }

    private Object call(Global function, List<?> arguments) {
        if (function.name().equals(ORDERED_DICT) && arguments.isEmpty()) {
            return new LinkedHashMap<String, Object>();
        }
        if (function.name().equals(REBUILD) && arguments.size() >= 6) {
            if (++tensors > MOST_TENSORS) {
                throw refused(Phrase.of("more than %,d tensors").with(MOST_TENSORS));
            }
            return new View(
                    (Storage) arguments.get(0), (Long) arguments.get(1), sizes((List<?>) arguments.get(2)), sizes((List<
                                    ?>)
                            arguments.get(3)));
        }
        throw refused("a call of " + function.name() + " with " + arguments.size() + " arguments");
    }

    /** ('storage', type, key, device, count) and, in old files, which part of another storage it is. */
    private Storage storage(List<?> id) {
        ElementType type = STORAGES.get(((Global) id.get(1)).name());
        if (!"storage".equals(id.get(0)) || type == null || (id.size() > 5 && id.get(5) != null)) {
            throw refused("a reference to something that is no storage");
        }
        return new Storage(type, (String) id.get(2), (Long) id.get(4));
    }

    private List<Long> sizes(List<?> values) {
        if (values.size() > MOST_DIMENSIONS) {
            throw refused(Phrase.of("a tensor of %,d dimensions").with(values.size()));
        }
        return values.stream().map(Long.class::cast).toList();
    }

    private void put(List<Object> pairs) {
        @SuppressWarnings("unchecked")
        Map<String, Object> map = (Map<String, Object>) top();
        for (int i = 0; i < pairs.size(); i += 2) {
            map.put((String) pairs.get(i), pairs.get(i + 1));
        }
    }

    private void append(List<Object> values) {
        @SuppressWarnings("unchecked")
        List<Object> list = (List<Object>) top();
        list.addAll(values);
    }

    /** @return its place */
    private int push(Object value) {
        stack.add(value);
        return stack.size() - 1;
    }

    private Object top() {
        return stack.get(stack.size() - 1);
    }

    private Object pop() {
        return stack.remove(stack.size() - 1);
    }

    private List<Object> sinceMark() {
        if (marks.isEmpty()) {
            throw new IndexOutOfBoundsException("there is no mark");
        }
        int mark = marks.pop();
        List<Object> values = from(mark + 1);
        pop();
        return values;
    }

    private List<Object> last(int count) {
        return from(stack.size() - count);
    }

    private List<Object> from(int place) {
        List<Object> part = stack.subList(place, stack.size());
        List<Object> values = new ArrayList<>(part);
        if (values.stream().anyMatch(each -> each == MARK)) {
            throw new IndexOutOfBoundsException("a mark lies among values");
        }
        part.clear();
        return values;
    }

    private Object remembered(int index) {
        if (!memo.containsKey(index)) {
            throw new IndexOutOfBoundsException("nothing was stored as " + index);
        }
        return memo.get(index);
    }

    private int next() throws IOException {
        spend(1);
        return in.readUnsignedByte();
    }

    private byte[] bytes(long count) throws IOException {
        spend(count);
        byte[] bytes = new byte[(int) count];
        in.readFully(bytes);
        return bytes;
    }

    private void spend(long count) {
        if (count < 0 || count > left) {
            throw refused(Phrase.of("more than %,d bytes of it").with(MOST_BYTES));
        }
        left -= (int) count;
    }

    /** Signed, little-endian. */
    private long number(int count) throws IOException {
        return ((Long) whole(bytes(count)));
    }

    private static Object whole(byte[] littleEndian) {
        byte[] bytes = littleEndian.clone();
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = littleEndian[bytes.length - 1 - i];
        }
        BigInteger value = bytes.length == 0 ? BigInteger.ZERO : new BigInteger(bytes);
        return value.bitLength() < 64 ? (Object) value.longValue() : value;
    }

    private String line() throws IOException {
        StringBuilder line = new StringBuilder();
        for (int c = next(); c != '\n'; c = next()) {
            line.append((char) c);
        }
        return line.toString();
    }

    private BadFileException refused(String what) {
        return new BadFileException(
                file,
                "has a pickle with " + what + ", and only plain tensors are read from pickles; save it as safetensors");
    }

    /** What was read, which must be a dictionary. */
    static Map<String, Object> dictionary(Path file, Object value) {
        if (value instanceof Map<?, ?> map) {
            Map<String, Object> copy = new LinkedHashMap<>();
            map.forEach((key, each) -> copy.put((String) key, each));
            return Collections.unmodifiableMap(copy);
        }
        throw new BadFileException(file, "must hold a dictionary of tensors (a state dict), holds something else");
    }
}
