package dev.smalti.train;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * What TensorBoard would show of a folder: reads event files in the order of their names, checks both checksums of each record, ends a
 * file at a record that is cut off, and forgets later steps where a session starts. It shares nothing with what writes them.
 */
public final class EventFiles {
    private final Map<String, Map<Long, Float>> scalars = new TreeMap<>();
    private final Map<String, Map<Long, byte[]>> images = new TreeMap<>();
    private final List<Double> times = new ArrayList<>();
    private int count;
    private int truncated;

    private EventFiles() {}

    /** @throws IllegalStateException if a whole record is damaged */
    public static EventFiles of(Path folder) throws IOException {
        EventFiles events = new EventFiles();
        try (Stream<Path> files = Files.list(folder)) {
            for (Path each : files.filter(file -> file.getFileName().toString().contains("tfevents"))
                    .sorted()
                    .toList()) {
                events.read(Files.readAllBytes(each));
                events.count++;
            }
        }
        return events;
    }

    /** Files. */
    public int count() {
        return count;
    }

    /** Files that end in the middle of a record. */
    int truncated() {
        return truncated;
    }

    /** By name and step. */
    public Map<String, Map<Long, Float>> scalars() {
        return scalars;
    }

    /** PNG files by name and step. */
    public Map<String, Map<Long, byte[]>> images() {
        return images;
    }

    /** Seconds since 1970 of all events. */
    List<Double> times() {
        return times;
    }

    private void read(byte[] bytes) {
        ByteBuffer file = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        boolean first = true;
        while (file.hasRemaining()) {
            if (file.remaining() < 12) {
                truncated++;
                return;
            }
            int at = file.position();
            long length = file.getLong();
            require(unmasked(file.getInt()) == crc(Arrays.copyOfRange(bytes, at, at + 8)), "checksum of a length");
            if (file.remaining() < length + 4) {
                truncated++;
                return;
            }
            byte[] data = new byte[(int) length];
            file.get(data);
            require(unmasked(file.getInt()) == crc(data), "checksum of data");
            event(data, first);
            first = false;
        }
    }

    private void event(byte[] data, boolean first) {
        Message event = new Message(data);
        times.add(event.real(1));
        long step = event.number(2);
        if (first) {
            require(event.text(3).equals("brain.Event:2"), "a version first");
        }
        for (Message session : event.messages(7)) {
            if (session.number(1) == 1) {
                scalars.values().forEach(each -> each.keySet().removeIf(known -> known >= step));
                images.values().forEach(each -> each.keySet().removeIf(known -> known >= step));
            }
        }
        for (Message summary : event.messages(5)) {
            for (Message value : summary.messages(1)) {
                String tag = value.text(1);
                if (value.has(2)) {
                    scalars.computeIfAbsent(tag, key -> new TreeMap<>()).put(step, value.small(2));
                }
                for (Message image : value.messages(4)) {
                    byte[] png = image.bytes(4);
                    ByteBuffer header = ByteBuffer.wrap(png);
                    require(header.getInt(16) == image.number(2), "the width of the picture");
                    require(header.getInt(20) == image.number(1), "the height of the picture");
                    require(image.number(3) == 3, "three channels");
                    images.computeIfAbsent(tag, key -> new TreeMap<>()).put(step, png);
                }
            }
        }
    }

    private static void require(boolean fact, String what) {
        if (!fact) {
            throw new IllegalStateException("not there: " + what);
        }
    }

    private static int unmasked(int masked) {
        int turned = masked - 0xa282ead8;
        return turned >>> 17 | turned << 15;
    }

    /** Of Castagnoli, bit by bit. */
    private static int crc(byte[] bytes) {
        int crc = -1;
        for (byte each : bytes) {
            crc ^= each & 255;
            for (int bit = 0; bit < 8; bit++) {
                crc = crc >>> 1 ^ ((crc & 1) == 0 ? 0 : 0x82f63b78);
            }
        }
        return ~crc;
    }

    /** The fields of a message of protocol buffers. */
    private static final class Message {
        private final Map<Integer, List<Object>> fields = new TreeMap<>();

        Message(byte[] data) {
            ByteBuffer in = ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN);
            while (in.hasRemaining()) {
                long key = digits(in);
                Object value =
                        switch ((int) (key & 7)) {
                            case 0 -> digits(in);
                            case 1 -> in.getDouble();
                            case 2 -> {
                                byte[] bytes = new byte[(int) digits(in)];
                                in.get(bytes);
                                yield bytes;
                            }
                            case 5 -> in.getFloat();
                            default -> throw new IllegalStateException("type " + (key & 7));
                        };
                fields.computeIfAbsent((int) (key >>> 3), each -> new ArrayList<>())
                        .add(value);
            }
        }

        private static long digits(ByteBuffer in) {
            long value = 0;
            int shift = 0;
            byte next;
            do {
                next = in.get();
                value |= (long) (next & 0x7f) << shift;
                shift += 7;
            } while (next < 0);
            return value;
        }

        boolean has(int field) {
            return fields.containsKey(field);
        }

        private Object only(int field, Object usual) {
            return fields.getOrDefault(field, List.of(usual)).get(0);
        }

        long number(int field) {
            return (Long) only(field, 0L);
        }

        double real(int field) {
            return (Double) only(field, 0.0);
        }

        float small(int field) {
            return (Float) only(field, 0f);
        }

        byte[] bytes(int field) {
            return (byte[]) only(field, new byte[0]);
        }

        String text(int field) {
            return new String(bytes(field), StandardCharsets.UTF_8);
        }

        List<Message> messages(int field) {
            return fields.getOrDefault(field, List.of()).stream()
                    .map(each -> new Message((byte[]) each))
                    .toList();
        }
    }
}
