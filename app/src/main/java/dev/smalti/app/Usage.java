package dev.smalti.app;

import dev.smalti.recipe.Nearest;
import dev.smalti.tensor.Excerpt;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** What is wrong with a command that was not understood, in one line. */
final class Usage {
    private Usage() {}

    static String message(ParameterException e) {
        if (e instanceof UnmatchedArgumentException unmatched
                && !unmatched.getUnmatched().isEmpty()) {
            return unknown(e.getCommandLine(), unmatched.getUnmatched().get(0));
        }
        List<String> others = e.getCommandLine().getUnmatchedArguments(); // a misspelt --out is also a missing one
        if (!others.isEmpty()) {
            return unknown(e.getCommandLine(), others.get(0));
        }
        return Failure.oneLine(String.valueOf(e.getMessage()));
    }

    private static String unknown(CommandLine command, String argument) {
        boolean option = argument.startsWith("-");
        boolean verb = !option && command.getParent() == null;
        List<String> known = new ArrayList<>();
        if (verb) {
            known.addAll(command.getSubcommands().keySet());
        } else if (option) {
            known.addAll(command.getCommandSpec().optionsMap().keySet());
        }
        String name = option ? argument.replaceFirst("=.*", "") : argument;
        String kind = verb ? "verb" : option ? "option" : "argument";
        String near = Nearest.name(name, known)
                .map(found -> "; did you mean " + found + "?")
                .orElse("");
        return kind + " " + Excerpt.of(name) + " is unknown" + near;
    }
}
