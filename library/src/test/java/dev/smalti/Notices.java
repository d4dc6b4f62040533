package dev.smalti;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** What is logged while something is done. */
public final class Notices {
    private Notices() {}

    /** Something that may fail. */
    public interface Work {
        void run() throws Exception;
    }

    /** All lines that {@code work} logs; it must not be run beside other tests of the same process. */
    public static String of(Work work) throws Exception {
        PrintStream usual = System.err;
        ByteArrayOutputStream lines = new ByteArrayOutputStream();
        try (PrintStream instead = new PrintStream(lines, true, StandardCharsets.UTF_8)) {
            System.setErr(instead);
            work.run();
        } finally {
            System.setErr(usual);
        }
        return lines.toString(StandardCharsets.UTF_8);
    }
}
