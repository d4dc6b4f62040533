package dev.smalti.app;

import dev.smalti.job.EncodeImages;
import dev.smalti.job.EvaluatePart;
import dev.smalti.job.GenerateImages;
import dev.smalti.model.Model;
import dev.smalti.model.Opening;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.function.Function;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/**
 * What the verbs that have parts would do, for a program that has it done elsewhere, such as on a cluster. Arguments are those of the
 * verb without its name.
 */
public final class Jobs {
    private Jobs() {}

    /**
     * What {@code generate} would do.
     *
     * @param overrides of the model's recipe
     * @param out where it goes
     * @param job with the model open
     */
    public record Draw(
            String model,
            Opening opening,
            List<String> overrides,
            GenerateImages.Output out,
            Function<Model, GenerateImages> job) {}

    /**
     * What {@code encode} would do.
     *
     * @throws IllegalArgumentException if the arguments are not understood
     * @throws dev.smalti.run.JobException if there can be no such job
     */
    public static EncodeImages encode(List<String> arguments) {
        return parsed(new EncodeVerb(console()), arguments).job();
    }

    /** What {@code generate} would do; throws as {@link #encode} does. */
    public static Draw generate(List<String> arguments) {
        GenerateVerb verb = parsed(new GenerateVerb(console()), arguments);
        verb.check();
        ModelOptions model = verb.model();
        return new Draw(model.name(), model.opening(), model.overrides(), verb.output(), verb::job);
    }

    /** What {@code evaluate --part} would do of images that are stored; throws as {@link #encode} does. */
    public static EvaluatePart evaluate(List<String> arguments) {
        return parsed(new EvaluateVerb(console()), arguments).partOfStored();
    }

    /** Says on one line what was wrong, and returns the exit code that it means. */
    public static int complain(Throwable failure, PrintStream err) {
        new Console(err, err, false).complain(failure, false);
        return Failure.code(failure);
    }

    /** Says what a verb takes: {@code encode}, {@code generate} or {@code evaluate}. */
    public static void help(String verb, PrintStream out) {
        Verb named =
                switch (verb) {
                    case "encode" -> new EncodeVerb(console());
                    case "generate" -> new GenerateVerb(console());
                    case "evaluate" -> new EvaluateVerb(console());
                    default ->
                        throw new IllegalArgumentException("a verb must be encode, generate or evaluate, got " + verb);
                };
        new CommandLine(named).usage(new PrintWriter(out, true, StandardCharsets.UTF_8));
    }

    private static <V extends Verb> V parsed(V verb, List<String> arguments) {
        CommandLine line = new CommandLine(verb);
        line.setCaseInsensitiveEnumValuesAllowed(true);
        try {
            line.parseArgs(arguments.toArray(String[]::new));
            return verb;
        } catch (ParameterException e) {
            throw new IllegalArgumentException(Usage.message(e), e);
        }
    }

    private static Console console() {
        return new Console(System.out, System.err, false);
    }
}
