package dev.smalti.exchange.onnx;

import dev.smalti.exchange.onnx.OnnxGraph.Known;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.ProtocolMessage;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Stopping;
import dev.smalti.tensor.TensorBytes;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A file of ONNX: a ModelProto around a graph. Weights that are too large for one message of protocol buffers, which ends at 2 GiB, lie
 * in a second file beside it, as the format has it.
 */
final class OnnxFile {
    /** The first set of operations in which LayerNormalization is. */
    static final int FIRST_OPSET = 17;

    /** The last whose operations are known to mean what they do here. */
    static final int LAST_OPSET = 22;

    private static final int IR_VERSION = 8;
    private static final long MOST_INSIDE = 2_000_000_000L;
    private static final int SMALL =
            1024; // bytes that stay inside in any case, since shapes must be seen without the other file
    private static final int PAGE = 4096; // at which weights in the other file begin

    private final OnnxGraph graph;
    private final int opset;
    private final Map<String, String> notes;
    private final long mostInside;

    /** A TensorProto up to its numbers, which come last where they are inside. */
    private record Entry(Known known, ProtocolMessage head, boolean inside) {
        long length() {
            return head.length() + (inside ? known.bytes() : 0);
        }

        ProtocolMessage announced() {
            return new ProtocolMessage().announce(5, length());
        }
    }

    /** @param notes what the file says besides, by name */
    OnnxFile(OnnxGraph graph, int opset, Map<String, String> notes) {
        this(graph, opset, notes, MOST_INSIDE);
    }

    /** @param mostInside how many bytes of weights may be in the file itself */
    OnnxFile(OnnxGraph graph, int opset, Map<String, String> notes, long mostInside) {
        this.graph = graph;
        this.opset = checked(opset);
        this.notes = notes;
        this.mostInside = mostInside;
    }

    /** @throws IllegalArgumentException if it is not one of the sets that are known */
    static int checked(int opset) {
        if (opset < FIRST_OPSET || opset > LAST_OPSET) {
            throw new IllegalArgumentException(
                    Phrase.of("opset must be from %d to %d, got %d").with(FIRST_OPSET, LAST_OPSET, opset));
        }
        return opset;
    }

    /** @throws IOException if it can't be written, or not wholly */
    void write(Path file) throws IOException {
        graph.check();
        Path beside = file.resolveSibling(file.getFileName() + ".data");
        List<Entry> entries = entries(beside.getFileName().toString());
        ProtocolMessage ahead = new ProtocolMessage();
        graph.nodes().forEach(node -> ahead.message(1, node));
        ahead.text(2, "smalti");
        ProtocolMessage behind = new ProtocolMessage();
        graph.inputs().forEach(input -> behind.message(11, input));
        graph.outputs().forEach(output -> behind.message(12, output));
        long length = (long) ahead.length() + behind.length();
        for (Entry each : entries) {
            length += each.announced().length() + each.length();
        }
        try (FileChannel channel = create(file)) {
            append(channel, model().announce(7, length));
            append(channel, ahead);
            for (Entry each : entries) {
                append(channel, each.announced());
                append(channel, each.head());
                if (each.inside()) {
                    append(channel, each.known());
                }
            }
            append(channel, behind);
            channel.force(true);
        }
        if (!entries.stream().allMatch(Entry::inside)) {
            write(beside, entries);
        }
    }

    private ProtocolMessage model() {
        ProtocolMessage model = new ProtocolMessage()
                .number(1, IR_VERSION)
                .text(2, "smalti")
                .message(8, new ProtocolMessage().text(1, "").number(2, opset));
        notes.forEach((key, value) -> model.message(14, pair(key, value)));
        return model;
    }

    private static ProtocolMessage pair(String key, String value) {
        return new ProtocolMessage().text(1, key).text(2, value);
    }

    /** @param beside name of the other file */
    private List<Entry> entries(String beside) {
        boolean all = graph.known().stream().mapToLong(Known::bytes).sum() <= mostInside;
        List<Entry> entries = new ArrayList<>();
        long offset = 0;
        for (Known each : graph.known()) {
            if (all || each.bytes() <= SMALL) {
                entries.add(new Entry(each, head(each).announce(9, each.bytes()), true));
            } else {
                entries.add(new Entry(each, head(each, beside, offset), false));
                offset += upToPage(each.bytes());
            }
        }
        return entries;
    }

    private static long upToPage(long bytes) {
        return (bytes + PAGE - 1) / PAGE * PAGE;
    }

    private static ProtocolMessage head(Known known) {
        ProtocolMessage head = new ProtocolMessage();
        for (long size : known.shape()) {
            head.number(1, size);
        }
        return head.number(2, known.type().code()).text(8, known.name());
    }

    private static ProtocolMessage head(Known known, String beside, long offset) {
        return head(known)
                .message(13, pair("location", beside))
                .message(13, pair("offset", Long.toString(offset)))
                .message(13, pair("length", Long.toString(known.bytes())))
                .number(14, 1);
    }

    private static void write(Path beside, List<Entry> entries) throws IOException {
        try (FileChannel channel = create(beside)) {
            for (Entry each : entries) {
                if (!each.inside()) {
                    long bytes = each.known().bytes();
                    append(channel, each.known());
                    append(channel, ByteBuffer.allocate((int) (upToPage(bytes) - bytes)));
                }
            }
            channel.force(true);
        }
    }

    private static FileChannel create(Path file) throws IOException {
        return FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    }

    private static void append(FileChannel channel, Known known) throws IOException {
        try {
            Scope.free(() -> TensorBytes.of(known.values().get().cpu().contiguous())
                    .forEach(piece -> appendUnchecked(channel, piece)));
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    private static void appendUnchecked(FileChannel channel, ByteBuffer bytes) {
        try {
            append(channel, bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void append(FileChannel channel, ProtocolMessage message) throws IOException {
        append(channel, ByteBuffer.wrap(message.toBytes()));
    }

    private static void append(FileChannel channel, ByteBuffer bytes) throws IOException {
        Stopping.check();
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }
}
