package dev.smalti.train;

import dev.smalti.tensor.ProtocolMessage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import java.util.zip.CRC32C;

/**
 * Writes {@code events.out.tfevents.<seconds>.<host>} into a run folder, which TensorBoard shows: each number of {@code metrics.jsonl}
 * as a scalar of the same name, each preview as an image. A run that goes on begins a file behind those that are there, whose first
 * events have TensorBoard forget what the others say of later steps.
 *
 * <p>A file is records, one behind the other: the length of the data (8 bytes, little-endian), the checksum of those 8 bytes, the data,
 * its checksum. A checksum is CRC-32C, turned right by 15 bits, plus a constant, 4 bytes. The data is a message {@code Event}
 * (tensorflow/core/util/event.proto), which has a {@code Summary} (tensorflow/core/framework/summary.proto). A record is written at once,
 * so that what a killed run leaves has at most its last one cut off, which readers expect.
 */
public final class EventLog implements Watcher {
    private static final Pattern NAME = Pattern.compile("events\\.out\\.tfevents\\.(\\d{1,18})\\..*");
    private static final int MASK = 0xa282ead8;
    private static final int START = 1; // of SessionLog
    private static final int RGB = 3; // channels

    private final Path folder;
    private final Clock clock;
    private Path file;

    /** @param folder of the run */
    public EventLog(Path folder) {
        this(folder, Clock.systemUTC());
    }

    EventLog(Path folder, Clock clock) {
        this.folder = folder;
        this.clock = clock;
    }

    @Override
    public void started(Run run) {
        file = create();
        append(event(0).text(3, "brain.Event:2"));
        append(event(run.begun() + 1).message(7, new ProtocolMessage().number(1, START)));
    }

    @Override
    public void measured(long step, Map<String, Double> measures) {
        ProtocolMessage summary = new ProtocolMessage();
        measures.forEach((name, value) -> {
            if (!value.isNaN()) {
                summary.message(1, new ProtocolMessage().text(1, name).real(2, value.floatValue()));
            }
        });
        append(event(step).message(5, summary));
    }

    @Override
    public void pictured(long step, String name, Path png, int width, int height) {
        ProtocolMessage image = new ProtocolMessage()
                .number(1, height)
                .number(2, width)
                .number(3, RGB)
                .bytes(4, read(png));
        ProtocolMessage value = new ProtocolMessage().text(1, name).message(4, image);
        append(event(step).message(5, new ProtocolMessage().message(1, value)));
    }

    private ProtocolMessage event(long step) {
        ProtocolMessage event = new ProtocolMessage().precise(1, clock.millis() / 1e3);
        return step == 0 ? event : event.number(2, step); // 0 is what a field is that isn't there
    }

    private void append(ProtocolMessage event) {
        byte[] record = record(event.toBytes());
        try {
            Files.write(file, record, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new UncheckedIOException(file + " cannot be written", e);
        }
    }

    private static byte[] record(byte[] data) {
        ByteBuffer record = ByteBuffer.allocate(data.length + 16).order(ByteOrder.LITTLE_ENDIAN);
        record.putLong(data.length);
        record.putInt(checksum(record.array(), 8));
        record.put(data);
        record.putInt(checksum(data, data.length));
        return record.array();
    }

    private static int checksum(byte[] bytes, int length) {
        CRC32C sum = new CRC32C();
        sum.update(bytes, 0, length);
        return Integer.rotateRight((int) sum.getValue(), 15) + MASK;
    }

    /** An empty file that readers, who go by the seconds in the names, take for the newest. */
    private Path create() {
        try {
            long seconds = Math.max(clock.millis() / 1000, newest() + 1);
            while (true) {
                try {
                    return Files.createFile(folder.resolve("events.out.tfevents." + seconds + "." + host()));
                } catch (FileAlreadyExistsException e) {
                    seconds++;
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException("an event file cannot be written in " + folder, e);
        }
    }

    /** The seconds in the name of the newest file; -1 where there is none. */
    private long newest() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            LongStream seconds = files.map(
                            each -> NAME.matcher(each.getFileName().toString()))
                    .filter(Matcher::matches)
                    .mapToLong(each -> Long.parseLong(each.group(1)));
            return seconds.max().orElse(-1);
        }
    }

    private static String host() {
        try {
            return InetAddress.getLocalHost().getHostName().replaceAll("[^A-Za-z0-9.-]", "-");
        } catch (UnknownHostException e) {
            return "localhost";
        }
    }

    private static byte[] read(Path png) {
        try {
            return Files.readAllBytes(png);
        } catch (IOException e) {
            throw new UncheckedIOException(png + " cannot be read", e);
        }
    }
}
