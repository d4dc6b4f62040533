package dev.smalti.tensor;

import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** Writes what {@code torch.save} writes of dictionaries, lists, plain values, {@link Numbers} and {@link Thing}s. */
public final class TorchSave {
    private static final int BLOCK = 4_096; // numbers after which they come again

    private final TorchPickle pickle = new TorchPickle();
    private final Map<String, Numbers> storages = new LinkedHashMap<>();

    private TorchSave() {}

    /** A float32 tensor whose numbers, from -0.05 to 0.05, follow from the seed. */
    public record Numbers(int seed, long... shape) {
        /** How many. */
        public long count() {
            return Arrays.stream(shape).reduce(1, Math::multiplyExact);
        }

        /** The {@code i}-th. */
        public float at(long i) {
            int hash = (int) (i % BLOCK) * 0x9E3779B1 + seed * 0x85EBCA6B;
            return ((hash >>> 8) / (float) (1 << 24) - 0.5f) / 10;
        }

        /** All of them, as they are stored. */
        public void write(OutputStream out) throws IOException {
            ByteBuffer block = ByteBuffer.allocate(4 * BLOCK).order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < BLOCK; i++) {
                block.putFloat(at(i));
            }
            for (long left = 4 * count(); left > 0; left -= block.capacity()) {
                out.write(block.array(), 0, (int) Math.min(left, block.capacity()));
            }
        }
    }

    /** The first numbers of others, where they are stored once. */
    public record Shared(Numbers numbers, long... shape) {}

    /** Of a class that only the writer has. */
    public record Thing(String module, String name) {}

    /** As since PyTorch 1.6. */
    public static Path zip(Path file, Object value) throws IOException {
        TorchSave save = new TorchSave();
        byte[] pickled = save.value(value).stop();
        try (ZipOutputStream zip = new ZipOutputStream(new BufferedOutputStream(Files.newOutputStream(file)))) {
            CRC32 crc = new CRC32();
            crc.update(pickled);
            entry(zip, "archive/data.pkl", pickled.length, crc);
            zip.write(pickled);
            for (Map.Entry<String, Numbers> each : save.storages.entrySet()) {
                CRC32 sum = new CRC32();
                each.getValue().write(updating(sum));
                entry(zip, "archive/data/" + each.getKey(), 4 * each.getValue().count(), sum);
                each.getValue().write(zip);
            }
        }
        return file;
    }

    private static OutputStream updating(CRC32 crc) {
        return new OutputStream() {
            @Override
            public void write(int each) {
                crc.update(each);
            }

            @Override
            public void write(byte[] bytes, int from, int count) {
                crc.update(bytes, from, count);
            }
        };
    }

    private static void entry(ZipOutputStream zip, String name, long size, CRC32 crc) throws IOException {
        ZipEntry entry = new ZipEntry(name);
        entry.setMethod(ZipEntry.STORED);
        entry.setSize(size);
        entry.setCrc(crc.getValue());
        zip.putNextEntry(entry);
    }

    /** As before. */
    public static Path legacy(Path file, Object value) throws IOException {
        TorchSave save = new TorchSave();
        byte[] pickled = save.value(value).stop();
        try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(file))) {
            out.write(legacyHead());
            out.write(pickled);
            TorchPickle keys = new TorchPickle().op(']').op('(');
            save.storages.keySet().forEach(keys::text);
            out.write(keys.op('e').stop());
            for (Numbers each : save.storages.values()) {
                out.write(ByteBuffer.allocate(8)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(each.count())
                        .array());
                each.write(out);
            }
        }
        return file;
    }

    /** Magic number, version and system. */
    static byte[] legacyHead() {
        TorchPickle magic = new TorchPickle().op(0x8a).op(10);
        byte[] number = new BigInteger("1950a86a20f9469cfc6c", 16).toByteArray();
        for (int i = number.length - 1; i >= 0; i--) {
            magic.op(number[i]);
        }
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        all.writeBytes(magic.stop());
        all.writeBytes(new TorchPickle().op('M').op(1001 & 255).op(1001 >> 8).stop());
        all.writeBytes(
                new TorchPickle().op('}').text("little_endian").op(0x88).op('s').stop());
        return all.toByteArray();
    }

    private TorchPickle value(Object value) {
        if (value == null) {
            pickle.op('N');
        } else if (value instanceof Boolean truth) {
            pickle.op(truth ? 0x88 : 0x89);
        } else if (value instanceof Integer number) {
            pickle.number(number);
        } else if (value instanceof Double number) {
            pickle.op('G');
            for (byte each : ByteBuffer.allocate(8).putDouble(number).array()) {
                pickle.op(each);
            }
        } else if (value instanceof String text) {
            pickle.text(text);
        } else if (value instanceof List<?> list) {
            pickle.op(']').op('(');
            list.forEach(this::value);
            pickle.op('e');
        } else if (value instanceof Map<?, ?> map) {
            pickle.dictionary();
            map.forEach((key, each) -> {
                value(key);
                value(each);
            });
            pickle.op('u');
        } else if (value instanceof Thing thing) {
            pickle.global(thing.module(), thing.name()).op(')').op(0x81).op('}').op('b');
        } else if (value instanceof Shared shared) {
            Optional<String> stored = storages.entrySet().stream()
                    .filter(each -> each.getValue() == shared.numbers())
                    .map(Map.Entry::getKey)
                    .findFirst();
            numbers(stored.orElse(null), shared.numbers(), shared.shape());
        } else {
            numbers(null, (Numbers) value, ((Numbers) value).shape());
        }
        return pickle;
    }

    private void numbers(String stored, Numbers numbers, long... sizes) {
        String key = stored == null ? Integer.toString(storages.size()) : stored;
        storages.put(key, numbers);
        int[] shape = Arrays.stream(sizes).mapToInt(Math::toIntExact).toArray();
        int[] strides = new int[shape.length];
        for (int i = shape.length - 1, stride = 1; i >= 0; stride *= shape[i], i--) {
            strides[i] = stride;
        }
        pickle.global("torch._utils", "_rebuild_tensor_v2")
                .op('(')
                .storage("FloatStorage", key, Math.toIntExact(numbers.count()))
                .number(0)
                .tuple(shape)
                .tuple(strides)
                .op(0x89);
        pickle.global("collections", "OrderedDict").op(')').op('R').op('t').op('R');
    }
}
