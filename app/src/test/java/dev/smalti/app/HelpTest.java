package dev.smalti.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What somebody sees who meets a verb for the first time. */
class HelpTest {
    private static final Pattern OPTION = Pattern.compile("--[a-z-]+");

    @ParameterizedTest
    @ValueSource(
            strings = {
                "demo",
                "plan",
                "train-tokenizer",
                "encode",
                "train-prior",
                "generate",
                "edit",
                "likelihood",
                "search-steps",
                "train-features",
                "evaluate",
                "neighbours",
                "compare",
                "info",
                "pack",
                "export",
                "serve",
                "studio"
            })
    void lists_its_options_in_the_order_of_its_synopsis(String verb) {
        Command help = Command.run(verb, "--help");
        assertThat(help.code()).isZero();
        String[] parts = help.out().split("\n(?=[A-Z])", 2); // the description begins behind the synopsis
        String whole = parts[0].replaceAll("\\s+", " ");
        List<String> either = options(whole.replaceFirst("^[^(]*", "")); // of two options, which picocli puts last
        List<String> synopsis = options(whole.replaceFirst("\\(.*", ""));
        List<String> list = parts[1].lines()
                .filter(line -> line.matches(" {2,6}(-\\w, )?--.*"))
                .map(line -> options(line).get(0))
                .filter(option -> !option.equals("--help") && !either.contains(option)) // -h stands first in a synopsis
                .toList();
        assertThat(list).isNotEmpty().isEqualTo(synopsis);
    }

    @Test
    void what_a_recipe_leaves_to_the_method_is_by_default_and_not_unknown() {
        Command info = Command.run("info", Path.of("..", "models", "fruits-64-small"));
        assertThat(info.code()).as(info.err()).isZero();
        assertThat(info.out()).containsPattern("steps +by default").doesNotContain("unknown");
        assertThat(Command.run("info", Path.of("..", "models", "fruits-64-small"), "--json")
                        .json()
                        .get("recipe")
                        .get("prior")
                        .get("steps")
                        .isNull())
                .isTrue();
    }

    private static List<String> options(String text) {
        return OPTION.matcher(text).results().map(MatchResult::group).toList();
    }
}
