package dev.smalti.app;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Stopping;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** What all verbs have in common: the result is printed as text or as one JSON object. */
@Command(sortOptions = false, sortSynopsis = false)
abstract class Verb implements Callable<Integer> {
    private final Console console;
    private Progress progress;

    @Option(names = "--json", order = 97, description = "print the result as one JSON object")
    private boolean json;

    @Option(names = "--debug", order = 98, description = "print the stack trace of an error")
    private boolean debug;

    @Option(
            names = {"-h", "--help"},
            order = 99,
            usageHelp = true,
            description = "show this help")
    private boolean help;

    Verb(Console console) {
        this.console = console;
    }

    /**
     * What a verb has to say.
     *
     * @param facts by name: strings, numbers, truths, paths, and lists and maps of them
     * @param text the same for people
     */
    record Answer(int code, Map<String, Object> facts, String text) {
        Answer(Map<String, Object> facts, String text) {
            this(Failure.DONE, facts, text);
        }
    }

    /**
     * Does the work, which is {@linkplain Stopping asked} to stop by the interruption, and told to {@link #progress}.
     *
     * @return null if all was {@linkplain #say said} already
     */
    abstract Answer answer(Interruption interruption);

    @Override
    public final Integer call() {
        try (Interruption interruption = new Interruption(console)) {
            Answer answer = answered(interruption);
            if (answer == null) {
                return Failure.DONE;
            }
            print(answer);
            return answer.code();
        } catch (StoppedException | Error e) {
            console.complain(e, debug);
            return Failure.code(e);
        }
    }

    /** Says what there is to say before the work ends, which from now on tells nothing of its progress. */
    final void say(Answer answer) {
        progress.close();
        print(answer);
    }

    private void print(Answer answer) {
        console.out().println(json ? json(answer.facts()) : answer.text());
        console.out().flush();
    }

    private Answer answered(Interruption interruption) {
        String name = getClass().getAnnotation(Command.class).name();
        try (Progress shown = Progress.of(console, name)) {
            progress = shown;
            return Stopping.value(interruption::check, () -> answer(interruption));
        }
    }

    /** Sees the phases of the work. */
    final Observer progress() {
        return progress;
    }

    final void warn(String message) {
        console.complain(message);
    }

    private static String json(Map<String, Object> facts) {
        try {
            return new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(plain(facts));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** JSON knows neither paths nor numbers that are none. */
    private static Object plain(Object value) {
        if (value instanceof Map<?, ?> map) {
            Map<String, Object> plain = new LinkedHashMap<>();
            map.forEach((key, each) -> plain.put(key.toString(), plain(each)));
            return plain;
        }
        if (value instanceof List<?> list) {
            return list.stream().map(Verb::plain).toList();
        }
        if (value instanceof Path path) {
            return path.toString();
        }
        return value instanceof Double number && !Double.isFinite(number) ? null : value;
    }
}
