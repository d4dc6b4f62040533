package dev.smalti.app;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/** The command line {@code smalti}. */
public final class Main {
    private Main() {}

    public static void main(String[] args) {
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        PrintStream err = new PrintStream(new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8);
        int code = run(args, new Console(out, err, Console.onTerminal()));
        out.flush();
        System.exit(code);
    }

    /** Runs one command and returns its exit code. */
    static int run(String[] args, PrintStream out, PrintStream err) {
        return run(args, new Console(out, err, false));
    }

    private static int run(String[] args, Console console) {
        boolean debug =
                "1".equals(System.getenv("SMALTI_DEBUG")) || Arrays.asList(args).contains("--debug");
        CommandLine line = new CommandLine(new Root(console));
        line.addSubcommand(new DemoVerb(console));
        line.addSubcommand(new PlanVerb(console));
        line.addSubcommand(new TrainTokenizerVerb(console));
        line.addSubcommand(new EncodeVerb(console));
        line.addSubcommand(new TrainPriorVerb(console));
        line.addSubcommand(new GenerateVerb(console));
        line.addSubcommand(new EditVerb(console));
        line.addSubcommand(new LikelihoodVerb(console));
        line.addSubcommand(new SearchStepsVerb(console));
        line.addSubcommand(new TrainFeaturesVerb(console));
        line.addSubcommand(new EvaluateVerb(console));
        line.addSubcommand(new NeighboursVerb(console));
        line.addSubcommand(new CompareVerb(console));
        line.addSubcommand(new InfoVerb(console));
        line.addSubcommand(new PackVerb(console));
        line.setOut(new PrintWriter(console.out(), true, StandardCharsets.UTF_8));
        line.setErr(new PrintWriter(console.err(), true, StandardCharsets.UTF_8));
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.setUsageHelpAutoWidth(true);
        line.setParameterExceptionHandler((e, all) -> misused(e, console, debug));
        line.setExecutionExceptionHandler((e, command, parsed) -> failed(e, console, debug));
        return line.execute(args);
    }

    private static int misused(ParameterException e, Console console, boolean debug) {
        String name = e.getCommandLine().getCommandSpec().qualifiedName();
        console.err().println("smalti: " + Usage.message(e) + " (" + name + " --help says more)");
        if (debug) {
            e.printStackTrace(console.err());
        }
        return Failure.BAD_INPUT;
    }

    private static int failed(Exception e, Console console, boolean debug) {
        console.err().println("smalti: " + Failure.message(e));
        if (debug) {
            e.printStackTrace(console.err());
        }
        return Failure.code(e);
    }
}
