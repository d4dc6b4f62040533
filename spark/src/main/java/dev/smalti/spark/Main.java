package dev.smalti.spark;

import dev.smalti.app.Jobs;
import dev.smalti.evaluate.EvaluationCard;
import dev.smalti.tensor.Part;
import dev.smalti.tensor.Phrase;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.apache.spark.sql.SparkSession;

/**
 * For {@code spark-submit}: {@code encode}, {@code generate} or {@code features} with the options of the command line's {@code encode},
 * {@code generate} and {@code evaluate}, and {@code --parts N} for how many tasks do the work. Paths must be absolute.
 */
public final class Main {
    private static final String PARTS = "--parts";
    private static final int BAD_INPUT = 2;

    private Main() {}

    public static void main(String[] arguments) {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        int code = run(List.of(arguments), out, System.err);
        if (code != 0) {
            System.exit(code);
        }
    }

    static int run(List<String> arguments, PrintStream out, PrintStream err) {
        try {
            if (arguments.contains("--help") || arguments.isEmpty()) {
                return help(arguments, arguments.isEmpty() ? err : out);
            }
            Command command = Command.parse(arguments);
            command.check();
            SparkSession spark = SparkSession.builder()
                    .appName("smalti " + command.verb)
                    .config("spark.speculation", "false") // over whatever the cluster has: parts are claimed
                    .getOrCreate();
            try {
                out.println(command.answer(spark));
            } finally {
                spark.stop();
            }
            return 0;
        } catch (RuntimeException | Error e) {
            return Jobs.complain(e, err);
        }
    }

    private static int help(List<String> arguments, PrintStream out) {
        if (arguments.isEmpty() || arguments.get(0).equals("--help")) {
            out.println(
                    "encode|generate|features OPTIONS --parts N: as the command line's encode, generate and evaluate, in N tasks;"
                            + " encode --help says more");
            return arguments.isEmpty() ? BAD_INPUT : 0;
        }
        String verb = arguments.get(0);
        Jobs.help(verb.equals("features") ? "evaluate" : verb, out);
        return 0;
    }

    /** @param arguments without verb and number of parts */
    private record Command(String verb, List<String> arguments, int parts) {
        static Command parse(List<String> all) {
            List<String> rest = new ArrayList<>(all.subList(1, all.size()));
            for (String other : List.of("--part", "--json")) {
                if (rest.stream().anyMatch(each -> each.equals(other) || each.startsWith(other + "="))) {
                    throw new IllegalArgumentException(other + " is for a single process: leave it out");
                }
            }
            return new Command(all.get(0), rest, parts(rest));
        }

        private static int parts(List<String> rest) {
            int place = rest.indexOf(PARTS);
            if (place < 0 || place + 1 == rest.size()) {
                throw new IllegalArgumentException(PARTS + " N says in how many tasks the work is done: give it");
            }
            rest.remove(place);
            String text = rest.remove(place);
            if (!text.matches("[1-9]\\d{0,5}")) {
                throw new IllegalArgumentException(
                        Phrase.of("%s must be from 1 to %d, got %s").with(PARTS, Part.MOST, text));
            }
            return Integer.parseInt(text);
        }

        /** Refuses what the driver can see, before a cluster is asked. */
        void check() {
            List<String> first = with(arguments, new Part(1, parts));
            switch (verb) {
                case "encode" -> SmaltiSpark.check(Jobs.encode(first));
                case "generate" -> SmaltiSpark.check(Jobs.generate(first));
                case "features" -> SmaltiSpark.check(Jobs.evaluate(first));
                default ->
                    throw new IllegalArgumentException("a verb must be encode, generate or features, got " + verb);
            }
        }

        String answer(SparkSession spark) {
            List<String> own = arguments; // and not this, which doesn't travel
            return switch (verb) {
                case "encode" -> said(() -> SmaltiSpark.encode(spark, parts, part -> Jobs.encode(with(own, part))));
                case "generate" -> said(() -> SmaltiSpark.draw(spark, parts, part -> Jobs.generate(with(own, part))));
                default ->
                    new EvaluationCard(SmaltiSpark.features(spark, parts, part -> Jobs.evaluate(with(own, part))))
                            .text();
            };
        }

        private static List<String> with(List<String> arguments, Part part) {
            List<String> all = new ArrayList<>(arguments);
            all.addAll(List.of("--part", part.toString()));
            return all;
        }

        private String said(Supplier<List<PartDone>> work) {
            long started = System.nanoTime();
            List<PartDone> done = work.get();
            double seconds = (System.nanoTime() - started) / 1e9;
            long made = done.stream().mapToLong(PartDone::made).sum();
            return Phrase.of(
                            "%d images in %d parts, %d of them made now in %.1f s (%.3g/s), by tasks of %.1f s together; %d parts were begun more than once")
                    .with(
                            done.stream().mapToLong(PartDone::images).sum(),
                            parts,
                            made,
                            seconds,
                            made / seconds,
                            done.stream().mapToDouble(PartDone::seconds).sum(),
                            done.stream().filter(each -> each.attempt() > 0).count());
        }
    }
}
