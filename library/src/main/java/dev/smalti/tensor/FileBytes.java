package dev.smalti.tensor;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.List;

/** Bytes of an open file, to where they are wanted. */
final class FileBytes {
    private FileBytes() {}

    /**
     * Fills the memory, one piece behind the other, with what begins at {@code position}.
     *
     * @throws EOFException if the file ends before
     */
    static void read(FileChannel channel, long position, List<ByteBuffer> memory) throws IOException {
        long place = position;
        for (ByteBuffer piece : memory) {
            while (piece.hasRemaining()) {
                Stopping.check();
                int count = channel.read(piece, place);
                if (count < 0) {
                    throw new EOFException();
                }
                place += count;
            }
        }
    }
}
