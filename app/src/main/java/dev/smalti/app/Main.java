package dev.smalti.app;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import picocli.AutoComplete.GenerateCompletion;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/** The command line {@code smalti}. */
public final class Main {
    private Main() {}

    public static void main(String[] args) {
        PrintStream err = new PrintStream(new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8);
        int code = 1;
        try {
            code = run(args, new FileOutputStream(FileDescriptor.out), err, Console.onTerminal());
        } catch (LinkageError | TypeNotPresentException e) { // be it the class that would say it better
            err.println("smalti: a part of Smalti can't be read (" + e.getMessage()
                    + "): let the process open at least 256 files, ulimit -n 256, or install Smalti anew");
        }
        System.exit(code);
    }

    /** Runs one command and returns its exit code. */
    static int run(String[] args, OutputStream out, PrintStream err) {
        return run(args, out, err, false);
    }

    private static int run(String[] args, OutputStream out, PrintStream err, boolean terminal) {
        ResultStream result = new ResultStream(out);
        Console console = new Console(new PrintStream(result, true, StandardCharsets.UTF_8), err, terminal);
        int code = run(args, console);
        console.out().flush();
        if (result.failure().isEmpty()) {
            return code;
        }
        if (!result.abandoned()) {
            console.complain("standard output can't be written, so the result is lost: "
                    + result.failure().get().getMessage());
        }
        return code == Failure.DONE ? Failure.FAILED : code;
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
        line.addSubcommand(new ImportVerb(console));
        line.addSubcommand(new ExportVerb(console));
        line.addSubcommand(new ServeVerb(console));
        line.addSubcommand(new StudioVerb(console));
        line.addSubcommand(new GenerateCompletion());
        line.setOut(new PrintWriter(console.out(), true, StandardCharsets.UTF_8));
        line.setErr(new PrintWriter(console.err(), true, StandardCharsets.UTF_8));
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.setUsageHelpAutoWidth(true);
        line.setParameterExceptionHandler((e, all) -> misused(e, console, debug));
        line.setExecutionExceptionHandler((e, command, parsed) -> failed(e, console, debug));
        try {
            return line.execute(args);
        } catch (Error e) { // which picocli hands on
            return failed(e, console, debug);
        }
    }

    private static int misused(ParameterException e, Console console, boolean debug) {
        String name = e.getCommandLine().getCommandSpec().qualifiedName();
        console.complain(Usage.message(e) + " (" + name + " --help says more)");
        if (debug) {
            e.printStackTrace(console.err());
        }
        return Failure.BAD_INPUT;
    }

    private static int failed(Throwable e, Console console, boolean debug) {
        console.complain(e, debug);
        return Failure.code(e);
    }
}
