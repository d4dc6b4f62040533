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
import java.util.Objects;
import java.util.Set;

/**
 * Reads what a Python pickle says about tensors. A pickle is a program for a stack machine that may call any function; here it
 * can call none: of its instructions those that build plain values are known, and of its names those of PyTorch and Python that
 * make a tensor or a dictionary, each of which makes a description. All else is refused by name, or becomes {@link Opaque}, as
 * the {@link Language} says.
 *
 * <p>Of a pickle no more bytes are read than the language allows, and of its instructions {@value #MOST_INSTRUCTIONS} at most.
 * Each takes time and memory in proportion to its own bytes and those of the values that it takes off the stack, and nothing that
 * is remembered is copied but the sizes of a tensor, {@value #MOST_DIMENSIONS} at most; so the whole stays in proportion to the
 * bytes. Nothing here follows values into one another, which may be nested without end: whoever does, counts.
 *
 * <p>Values are strings, longs (or {@link BigInteger}), doubles, truths, null, lists (of tuples and sets too), maps with strings
 * and longs as keys, {@link Storage}, {@link View} and {@link Opaque}.
 */
final class Unpickler {
    private static final int MOST_INSTRUCTIONS = 4 << 20; // PyTorch writes 30 for a tensor
    private static final int MOST_TENSORS = 1 << 16;
    private static final int MOST_DIMENSIONS = 64; // of a tensor of PyTorch
    private static final int MOST_CLASSES = 100; // foreign ones that are told by name
    private static final int MOST_NAMES = 10_000; // of classes and functions, far more than a trainer has
    private static final int LONGEST_NAME = 1_000;
    private static final Object MARK = new Object();
    private static final String ORDERED_DICT = "collections.OrderedDict";
    private static final String REBUILD = "torch._utils._rebuild_tensor_v2";
    private static final String REBUILD_AS = "torch._tensor._rebuild_from_type_v2";
    private static final Set<String> NAMESPACES = Set.of("argparse.Namespace", "types.SimpleNamespace");
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
    private static final Map<String, Integer> UNREAD_STORAGES = Map.of( // bytes a number, to find what lies behind them
            "torch.ComplexFloatStorage", 8,
            "torch.ComplexDoubleStorage", 16,
            "torch.QInt8Storage", 1,
            "torch.QUInt8Storage", 1,
            "torch.QInt32Storage", 4,
            "torch.QUInt4x2Storage", 1,
            "torch.QUInt2x4Storage", 1);
    private static final Set<String> UNTYPED_STORAGES = Set.of("torch.storage.UntypedStorage", "torch.UntypedStorage");
    private static final Map<String, ElementType> TYPES = Map.ofEntries(
            Map.entry("torch.float64", ElementType.F64),
            Map.entry("torch.float32", ElementType.F32),
            Map.entry("torch.float16", ElementType.F16),
            Map.entry("torch.bfloat16", ElementType.BF16),
            Map.entry("torch.int64", ElementType.I64),
            Map.entry("torch.int32", ElementType.I32),
            Map.entry("torch.int16", ElementType.I16),
            Map.entry("torch.int8", ElementType.I8),
            Map.entry("torch.uint8", ElementType.U8),
            Map.entry("torch.uint16", ElementType.U16),
            Map.entry("torch.uint32", ElementType.U32),
            Map.entry("torch.uint64", ElementType.U64),
            Map.entry("torch.bool", ElementType.BOOL));

    /** What a pickle may say. */
    enum Language {
        /** Tensors, by the instructions that PyTorch writes; all else is refused by name. */
        PLAIN(
                4 << 20,
                "and only plain tensors are read from pickles; save it as safetensors"), // 500 tensors take 60 KB
        /** Whatever a trainer keeps beside its weights; what isn't known becomes {@link Opaque}. */
        ANY(64 << 20, "and PyTorch writes none; save it as safetensors"); // 3,000 tensors of an optimizer take 1 MB

        private final int mostBytes;
        private final String wayOut;

        Language(int mostBytes, String wayOut) {
            this.mostBytes = mostBytes;
            this.wayOut = wayOut;
        }
    }

    /**
     * Numbers that lie elsewhere in the file.
     *
     * @param form by which PyTorch names it
     * @param type null for one that isn't read
     * @param width bytes of each number
     */
    record Storage(String form, ElementType type, int width, String key, long count) {}

    /**
     * A tensor: some of a storage's numbers, of this type, by which the offset and the strides count.
     *
     * @param storage null only in a plain pickle that no PyTorch writes
     */
    record View(Storage storage, ElementType type, long offset, List<Long> sizes, List<Long> strides) {
        /** How many numbers of the storage it spans, from its offset on; 0 if it has no numbers. */
        long span() {
            long last = 0;
            for (int i = 0; i < sizes.size(); i++) {
                if (sizes.get(i) == 0) {
                    return 0;
                }
                last += (sizes.get(i) - 1) * strides.get(i);
            }
            return last + 1;
        }

        /** @throws BadFileException unless the tensor lies in its storage and isn't larger */
        void checkInside(Path file, String name) {
            if (!isInside(storage.count() * storage.width() / type.bytes)) {
                throw new BadFileException(
                        file,
                        Phrase.of(
                                        "must have tensor %s within its storage of %,d numbers, has sizes %s and strides %s from %d")
                                .with(
                                        Excerpt.of(name),
                                        storage.count(),
                                        Excerpt.of(sizes.toString()),
                                        Excerpt.of(strides.toString()),
                                        offset));
            }
        }

        private boolean isInside(long count) {
            if (sizes.size() != strides.size() || offset < 0 || offset > count) {
                return false;
            }
            long most = sizes.contains(0L) ? Long.MAX_VALUE : count;
            long all = 1;
            long last = offset;
            for (int i = 0; i < sizes.size(); i++) {
                long size = Math.max(1, sizes.get(i)); // libtorch's strides overflow beside a 0, too
                long stride = strides.get(i);
                if (sizes.get(i) < 0 || stride < 0 || stride > most || all > most / size) {
                    return false;
                }
                if (size > 1 && stride > most / (size - 1)) {
                    return false;
                }
                all *= size;
                last += (size - 1) * stride;
            }
            return most > count || last < count;
        }
    }

    /** Something of a class that isn't known, which was not made. */
    static final class Opaque {
        private final String name;
        private Map<Object, Object> items; // null without any

        Opaque(String name) {
            this.name = name;
        }

        /** Its class, or the function that would make it. */
        String name() {
            return name;
        }

        /** Where it is a dictionary of its own kind, what lies in it; else null. */
        Map<Object, Object> items() {
            return items;
        }

        private Map<Object, Object> filled() {
            if (items == null) {
                items = new LinkedHashMap<>();
            }
            return items;
        }
    }

    /**
     * What was read.
     *
     * @param bytes that it takes in the file
     * @param storages that it speaks of, by key, even where what uses them was not made
     * @param foreign how many things of which class were not made
     */
    record Unpickled(Object root, long bytes, Map<String, Storage> storages, Map<String, Integer> foreign) {}

    /** A name of the pickle, and how it is told. */
    private record Global(String name, String told) {}

    private final Path file;
    private final DataInputStream in;
    private final List<Object> stack = new ArrayList<>();
    private final Deque<Integer> marks = new ArrayDeque<>();
    private final Map<Integer, Object> memo = new HashMap<>();
    private final Map<String, Storage> storages = new LinkedHashMap<>();
    private final Map<String, Integer> foreign = new LinkedHashMap<>();
    private final Map<List<String>, Global> names = new HashMap<>(); // by module and name in it
    private final Language language;
    private final long length;
    private int left;
    private int instructions;
    private int tensors;
    private long copied;

    private Unpickler(Path file, DataInputStream in, long length, Language language) {
        this.file = file;
        this.in = in;
        this.length = length;
        this.language = language;
        this.left = language.mostBytes;
    }

    /**
     * Reads one pickle and leaves {@code in} behind it.
     *
     * @param length bytes that there are at most in {@code in}
     * @throws BadFileException naming what was met and isn't known
     */
    static Unpickled read(Path file, DataInputStream in, long length, Language language) throws IOException {
        Unpickler machine = new Unpickler(file, in, length, language);
        try {
            Object root = machine.run();
            return new Unpickled(root, language.mostBytes - machine.left, machine.storages, machine.foreign);
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
            if (++instructions > MOST_INSTRUCTIONS) {
                throw refused(Phrase.of("more than %,d instructions").with(MOST_INSTRUCTIONS));
            }
            int code = next();
            switch (code) {
                case 0x80 -> version(next());
                case '(' -> marks.push(push(MARK));
                case '}' -> push(new LinkedHashMap<>());
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
                case 'c' -> push(global(line(), line()));
                case 'Q' -> push(storage(pop()));
                case 'R' -> {
                    List<?> arguments = (List<?>) pop();
                    push(call(pop(), arguments));
                }
                case 'b' -> state(pop());
                case 's' -> put(last(2));
                case 'u' -> put(sinceMark());
                case 'a' -> append(last(1));
                case 'e' -> append(sinceMark());
                case '.' -> {
                    return pop();
                }
                default -> further(code);
            }
        }
    }

    /** What pickles of a trainer have besides, and those of later protocols. */
    private void further(int code) throws IOException {
        if (language == Language.PLAIN) {
            throw unknown(code);
        }
        switch (code) {
            case 0x95 -> bytes(8); // how long a frame is
            case 0x8c -> push(new String(bytes(next()), StandardCharsets.UTF_8));
            case 0x8d -> push(new String(bytes(number(8)), StandardCharsets.UTF_8));
            case 'T' -> push(new String(bytes(number(4)), StandardCharsets.ISO_8859_1));
            case 'C' -> ignoreBytes(next());
            case 'B' -> ignoreBytes(number(4));
            case 0x8e, 0x96 -> ignoreBytes(number(8));
            case 0x8b -> push(whole(bytes(number(4))));
            case 0x94 -> memo.put(memo.size(), top());
            case 0x93 -> {
                String name = (String) pop();
                String module = (String) pop();
                if (module.length() + name.length() > LONGEST_NAME) {
                    throw refused(Phrase.of("a name of more than %,d letters")
                            .with(LONGEST_NAME)); // of two that are remembered
                }
                push(global(module, name));
            }
            case 0x81 -> {
                List<?> arguments = (List<?>) pop();
                push(call(pop(), arguments));
            }
            case 0x92 -> {
                pop(); // arguments by name
                List<?> arguments = (List<?>) pop();
                push(call(pop(), arguments));
            }
            case 0x8f -> push(new ArrayList<>());
            case 0x90 -> append(sinceMark());
            case 0x91 -> push(sinceMark());
            case '0' -> pop();
            case '1' -> sinceMark();
            case '2' -> push(top());
            default -> throw unknown(code);
        }
    }

    private BadFileException unknown(int code) {
        return refused(Phrase.of("the instruction 0x%02x").with(code));
    }

    private void ignoreBytes(long count) throws IOException {
        bytes(count);
        push(new Opaque("bytes"));
    }

    private void version(int version) {
        if (version < 2 || version > (language == Language.PLAIN ? 2 : 5)) {
            throw refused("version " + version + " of the format");
        }
    }

    /** PyTorch hangs the versions of its modules on a dictionary, which nothing here depends on. */
    private void state(Object state) {
        Object object = top();
        if (object instanceof Opaque opaque && NAMESPACES.contains(opaque.name) && state instanceof Map<?, ?>) {
            opaque.items = map(state);
        } else if (language == Language.PLAIN && !(object instanceof Map)) {
            throw refused("the state of an object");
        }
    }

    /** Kept, since the same two strings may be remembered, and joined again and again. */
    private Global global(String module, String name) {
        List<String> key = List.of(module, name);
        Global known = names.get(key);
        if (known == null) {
            if (names.size() >= MOST_NAMES) {
                throw refused(Phrase.of("more than %,d names of classes and functions")
                        .with(MOST_NAMES));
            }
            known = global(module + "." + name);
            names.put(key, known);
        }
        return known;
    }

    private Global global(String name) {
        if (language == Language.PLAIN
                && !name.equals(ORDERED_DICT)
                && !name.equals(REBUILD)
                && !STORAGES.containsKey(name)) {
            throw refused("the name " + told(name));
        }
        return new Global(name, told(name));
    }

    private static String told(String name) {
        return Excerpt.of(name).replaceAll("[^\\w.…]", "?");
    }

    private Object call(Object function, List<?> arguments) {
        if (language == Language.ANY) {
            return function instanceof Global global ? described(global, arguments) : opaque("a value");
        }
        String name = ((Global) function).name();
        if (name.equals(ORDERED_DICT) && arguments.isEmpty()) {
            return new LinkedHashMap<>();
        }
        if (name.equals(REBUILD) && arguments.size() >= 6) {
            return view(arguments, null);
        }
        throw refused("a call of " + name + " with " + arguments.size() + " arguments");
    }

    /** What a call would make. */
    private Object described(Global called, List<?> arguments) {
        return switch (called.name()) {
            case ORDERED_DICT, "collections.defaultdict", "builtins.dict", "__builtin__.dict" -> dictionary(arguments);
            case "torch._utils._rebuild_tensor", REBUILD ->
                arguments.get(0) instanceof Storage storage
                        ? viewOrOpaque(arguments, storage.type(), storage.form())
                        : opaque(called.told());
            case "torch._utils._rebuild_tensor_v3" ->
                arguments.get(0) instanceof Storage && arguments.get(6) instanceof Global type
                        ? viewOrOpaque(arguments, TYPES.get(type.name()), type.told())
                        : opaque(called.told());
            case "torch._utils._rebuild_parameter",
                    "torch._utils._rebuild_parameter_with_state",
                    "torch.Size",
                    "torch.device",
                    "builtins.set",
                    "__builtin__.set" -> arguments.get(0);
            case REBUILD_AS ->
                arguments.get(0) instanceof Global function && !function.name().equals(REBUILD_AS)
                        ? described(function, (List<?>) arguments.get(2))
                        : opaque(called.told());
            default -> opaque(called.told());
        };
    }

    /** Empty, or of a list of pairs, as Python 2 wrote one; a factory of values goes before. */
    private Map<Object, Object> dictionary(List<?> arguments) {
        Map<Object, Object> map = new LinkedHashMap<>();
        if (!arguments.isEmpty() && arguments.get(arguments.size() - 1) instanceof List<?> pairs) {
            copied += pairs.size();
            if (copied > language.mostBytes - left) { // each took some bytes when it was first said
                throw refused("a list that is copied again and again");
            }
            for (Object pair : pairs) {
                if (pair instanceof List<?> both && both.size() == 2) {
                    put(map, both.get(0), both.get(1));
                }
            }
        }
        return map;
    }

    private Object viewOrOpaque(List<?> arguments, ElementType type, String told) {
        return type == null ? opaque(told) : view(arguments, type);
    }

    /** @param type null for that of its storage */
    private View view(List<?> arguments, ElementType type) {
        if (++tensors > MOST_TENSORS) {
            throw refused(Phrase.of("more than %,d tensors").with(MOST_TENSORS));
        }
        Storage storage = (Storage) arguments.get(0);
        List<Long> sizes = sizes((List<?>) arguments.get(2));
        List<Long> strides = sizes((List<?>) arguments.get(3));
        ElementType own = storage == null ? null : storage.type();
        return new View(storage, type == null ? own : type, (Long) arguments.get(1), sizes, strides);
    }

    private Opaque opaque(String told) {
        foreign.merge(foreign.size() < MOST_CLASSES || foreign.containsKey(told) ? told : "others", 1, Integer::sum);
        return new Opaque(told);
    }

    /** ('storage', type, key, device, count) and, in old files, which part of another storage it is. */
    private Object storage(Object reference) {
        if (language == Language.ANY
                && !(reference instanceof List<?> parts && !parts.isEmpty() && "storage".equals(parts.get(0)))) {
            return opaque("a reference");
        }
        List<?> id = (List<?>) reference;
        Global named = (Global) id.get(1);
        String form = named.name();
        ElementType type = UNTYPED_STORAGES.contains(form) ? ElementType.U8 : STORAGES.get(form);
        boolean part = id.size() > 5 && id.get(5) != null;
        if (language == Language.PLAIN && (!"storage".equals(id.get(0)) || type == null || part)) {
            throw refused("a reference to something that is no storage");
        }
        Integer width = type == null ? UNREAD_STORAGES.get(form) : Integer.valueOf(type.bytes);
        if (width == null || part) {
            return opaque(named.told());
        }
        if (!(id.get(2) instanceof String key)) {
            throw refused("a storage without a name");
        }
        Storage storage = new Storage(form, type, width, key, (Long) id.get(4));
        if (storage.count() < 0 || storage.count() > Long.MAX_VALUE / width) {
            throw refused(Phrase.of("a storage of %,d numbers").with(storage.count()));
        }
        Storage before = storages.putIfAbsent(storage.key(), storage);
        if (before != null && !before.equals(storage)) {
            throw refused("a storage " + Excerpt.brief(storage.key()) + " of two types or sizes");
        }
        return storage;
    }

    private List<Long> sizes(List<?> values) {
        if (values.size() > MOST_DIMENSIONS) {
            throw refused(Phrase.of("a tensor of %,d dimensions").with(values.size()));
        }
        List<Long> sizes = new ArrayList<>();
        for (Object value : values) {
            if (!(value instanceof Long size)) {
                throw refused("a tensor with a size or stride that is no whole number");
            }
            sizes.add(size);
        }
        return sizes;
    }

    private void put(List<Object> pairs) {
        Map<Object, Object> map = top() instanceof Opaque opaque ? opaque.filled() : map(top());
        for (int i = 0; i < pairs.size(); i += 2) {
            put(map, pairs.get(i), pairs.get(i + 1));
        }
    }

    /** Other keys than strings and whole numbers name nothing here, and what they lead to is left out. */
    private void put(Map<Object, Object> map, Object key, Object value) {
        if (language == Language.PLAIN) {
            map.put(Objects.requireNonNull((String) key, "a name must be a string"), value);
        } else if (key instanceof String || key instanceof Long) {
            map.put(key, value);
        }
    }

    @SuppressWarnings("unchecked") // all maps are made here
    private static Map<Object, Object> map(Object value) {
        return (Map<Object, Object>) value;
    }

    private void append(List<Object> values) {
        if (top() instanceof Opaque) {
            return; // a list of a kind of its own
        }
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
        return value(stack.get(stack.size() - 1));
    }

    private Object pop() {
        return value(stack.remove(stack.size() - 1));
    }

    private static Object value(Object value) {
        if (value == MARK) {
            throw new IndexOutOfBoundsException("a mark lies among values");
        }
        return value;
    }

    private List<Object> sinceMark() {
        if (marks.isEmpty()) {
            throw new IndexOutOfBoundsException("there is no mark");
        }
        int mark = marks.pop();
        List<Object> values = from(mark + 1);
        stack.remove(mark);
        return values;
    }

    private List<Object> last(int count) {
        return from(stack.size() - count);
    }

    private List<Object> from(int place) {
        List<Object> part = stack.subList(place, stack.size());
        List<Object> values = new ArrayList<>(part);
        values.forEach(Unpickler::value);
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

    private void spend(long count) throws EOFException {
        if (count < 0 || count > left) {
            throw refused(Phrase.of("more than %,d bytes of it").with(language.mostBytes));
        }
        left -= (int) count;
        if (language.mostBytes - left > length) {
            throw new EOFException(); // before memory is taken for what isn't there
        }
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
        return new BadFileException(file, "has a pickle with " + what + ", " + language.wayOut);
    }

    /** What was read, which must be a dictionary with names for keys. */
    static Map<String, Object> dictionary(Path file, Object value) {
        if (value instanceof Map<?, ?> map) {
            Map<String, Object> copy = new LinkedHashMap<>();
            map.forEach((key, each) -> copy.put((String) key, each));
            return Collections.unmodifiableMap(copy);
        }
        throw new BadFileException(file, "must hold a dictionary of tensors (a state dict), holds something else");
    }
}
