package dev.smalti.app;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.tngtech.archunit.ArchConfiguration;
import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.AccessTarget.CodeUnitAccessTarget;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.lang.ArchRule;
import dev.smalti.tensor.Scope;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

/** What is written and said is the same in every locale: some have other digits, others other small letters. */
class LocaleTest {
    private static final Set<String> DEPENDENT = Set.of(
            "java.lang.String.format",
            "java.lang.String.formatted",
            "java.lang.String.toLowerCase",
            "java.lang.String.toUpperCase",
            "java.io.PrintStream.format",
            "java.io.PrintStream.printf",
            "java.io.PrintWriter.format",
            "java.io.PrintWriter.printf",
            "java.io.Console.printf",
            "java.util.Formatter.<init>",
            "java.text.DecimalFormat.<init>",
            "java.text.SimpleDateFormat.<init>",
            "java.text.NumberFormat.getInstance",
            "java.text.NumberFormat.getIntegerInstance",
            "java.text.NumberFormat.getPercentInstance",
            "java.text.MessageFormat.format",
            "java.time.format.DateTimeFormatter.ofPattern");

    private static final ArchRule RULE = noClasses()
            .should()
            .accessTargetWhere(dependsOnTheLocale())
            .because("digits and letters of the default locale must not get into files and messages:"
                    + " Phrase.of(…).with(…)");

    @Test
    void no_class_of_the_library_or_the_command_line_writes_in_the_default_locale() throws URISyntaxException {
        ArchConfiguration.get().setResolveMissingDependenciesFromClassPath(false);
        RULE.check(new ClassFileImporter().importPaths(List.of(classes(Scope.class), classes(Main.class))));
    }

    @Test
    void the_rule_sees_calls_and_references() {
        for (Class<?> wrong : List.of(Calls.class, Refers.class)) {
            assertThatThrownBy(() -> RULE.check(new ClassFileImporter().importClasses(wrong)))
                    .isInstanceOf(AssertionError.class)
                    .hasMessageContaining("formatted");
        }
    }

    private record Calls(int number) {
        String text() {
            return "%d".formatted(number);
        }
    }

    private record Refers(String pattern) {
        UnaryOperator<String> text() {
            return pattern::formatted;
        }
    }

    private static DescribedPredicate<JavaAccess<?>> dependsOnTheLocale() {
        return DescribedPredicate.describe(
                "formats or changes case without a Locale",
                access -> access.getTarget() instanceof CodeUnitAccessTarget target
                        && DEPENDENT.contains(target.getOwner().getName() + "." + target.getName())
                        && target.getRawParameterTypes().stream()
                                .map(JavaClass::getName)
                                .noneMatch(Locale.class.getName()::equals));
    }

    private static Path classes(Class<?> of) throws URISyntaxException {
        return Path.of(of.getProtectionDomain().getCodeSource().getLocation().toURI());
    }
}
