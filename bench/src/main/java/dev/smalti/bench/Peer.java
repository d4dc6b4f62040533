package dev.smalti.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The programs of {@code bench/peer} in plain PyTorch, where SMALTI_PEER_PYTHON names a Python that has it; beside them the released
 * code of Unleashing Transformers, where SMALTI_RELEASED names a clone of it.
 */
final class Peer {
    private static final String PYTHON = System.getenv("SMALTI_PEER_PYTHON");
    private static final String RELEASED = System.getenv("SMALTI_RELEASED");

    private Peer() {}

    static boolean present() {
        return PYTHON != null;
    }

    /** What the released code takes for what {@code released.py} is asked, null where there is no clone of it. */
    static JsonNode released(Path home, String request) throws IOException {
        return present() && RELEASED != null ? run(home, "released.py", List.of(request, RELEASED)) : null;
    }

    /** What a program prints, with the defaults of its own libraries, as its users start it. */
    static JsonNode run(Path home, String script, List<String> arguments) throws IOException {
        List<String> command = new ArrayList<>(
                List.of(PYTHON, home.resolve("bench/peer").resolve(script).toString()));
        command.addAll(arguments);
        ProcessBuilder builder = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
        builder.environment()
                .keySet()
                .removeIf(name -> name.matches("OMP_WAIT_POLICY|GOMP_SPINCOUNT|MALLOC_.*|GLIBC_TUNABLES"));
        return new ObjectMapper().readTree(builder.start().getInputStream().readAllBytes());
    }
}
