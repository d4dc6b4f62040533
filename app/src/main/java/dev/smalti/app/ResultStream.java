package dev.smalti.app;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Locale;
import java.util.Optional;

/** Standard output, which remembers that it couldn't be written: a {@link java.io.PrintStream} keeps that to itself. */
final class ResultStream extends FilterOutputStream {
    private IOException failure;

    ResultStream(OutputStream out) {
        super(out);
    }

    @Override
    public void write(int each) throws IOException {
        write(new byte[] {(byte) each}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int from, int count) throws IOException {
        try {
            out.write(bytes, from, count);
        } catch (IOException e) {
            failure = failure == null ? e : failure;
            throw e;
        }
    }

    /** Why it couldn't be written; empty if it could. */
    Optional<IOException> failure() {
        return Optional.ofNullable(failure);
    }

    /** Whether its reader wanted no more of it, as {@code head} does. */
    boolean abandoned() {
        return failure()
                .map(IOException::getMessage)
                .filter(message -> message.toLowerCase(Locale.ROOT).contains("broken pipe"))
                .isPresent();
    }
}
