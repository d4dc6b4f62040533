package dev.smalti;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.ArchConfiguration;
import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.library.dependencies.SliceAssignment;
import com.tngtech.archunit.library.dependencies.SliceIdentifier;
import dev.smalti.tensor.Scope;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** Who may use whom. */
class ArchitectureTest {
    /** Lowest first. A package may use those in the rows above its own, and nothing beside it in its row. */
    private static final List<List<String>> ROWS = List.of(
            List.of("tensor"),
            List.of("distributed"),
            List.of("token", "data", "network"),
            List.of("corruption", "draw", "metric"),
            List.of("tokenizer", "prior"),
            List.of("train"),
            List.of("recipe"),
            List.of("run"),
            List.of("exchange"),
            List.of("model"),
            List.of("evaluate"),
            List.of("job"),
            List.of("compare"));

    private static final List<String> ROOMS = List.of("run", "model", "evaluate", "job", "compare");

    private static final String PROCESS = "dev.smalti.prior.process..";

    private static final JavaClasses CLASSES = classes();

    /** The library's own classes, and not the tests' in the same packages. */
    private static JavaClasses classes() {
        ArchConfiguration.get().setResolveMissingDependenciesFromClassPath(false); // libtorch's are enormous
        try {
            return new ClassFileImporter()
                    .importPath(Path.of(Scope.class
                            .getProtectionDomain()
                            .getCodeSource()
                            .getLocation()
                            .toURI()));
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void every_class_is_in_a_package_of_the_architecture() {
        TreeSet<String> known = new TreeSet<>();
        ROWS.forEach(known::addAll);
        TreeSet<String> found = new TreeSet<>();
        CLASSES.forEach(each -> found.add(
                each.getPackageName().replaceFirst("^dev\\.smalti\\.?", "").split("\\.")[0]));
        assertThat(found).isEqualTo(known);
    }

    @Test
    void packages_use_only_those_below_them() {
        for (int row = 0; row < ROWS.size(); row++) {
            for (String name : ROWS.get(row)) {
                List<String> forbidden = new ArrayList<>();
                ROWS.subList(row, ROWS.size()).forEach(forbidden::addAll);
                forbidden.remove(name);
                check(noClasses()
                        .that()
                        .resideInAPackage(inside(name))
                        .should()
                        .dependOnClassesThat()
                        .resideInAnyPackage(inside(forbidden)));
            }
        }
    }

    @Test
    void the_training_loop_knows_neither_images_nor_tokens() {
        check(noClasses()
                .that()
                .resideInAPackage(inside("train"))
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        inside(List.of("token", "data", "metric", "corruption", "draw", "tokenizer", "prior"))));
    }

    @Test
    void processes_talk_in_one_package_alone() {
        check(
                noClasses()
                        .that()
                        .resideOutsideOfPackage(inside("distributed"))
                        .should()
                        .dependOnClassesThat()
                        .haveNameMatching(
                                "org\\.bytedeco\\.pytorch\\.(gloo\\..*|nccl\\..*|ProcessGroup.*|(TCP|File|Prefix)Store|Work|Reducer)"));
    }

    @Test
    void papers_do_not_see_one_another() {
        check(slices().matching("dev.smalti.prior.(*)..")
                .should()
                .notDependOnEachOther()
                .ignoreDependency(DescribedPredicate.alwaysTrue(), resideInAPackage(PROCESS)));
        check(noClasses().that().resideInAPackage(PROCESS).should().dependOnClassesThat(arePapers()));
        check(slices().matching("dev.smalti.tokenizer.(*)..")
                .should()
                .notDependOnEachOther()
                .ignoreDependency(DescribedPredicate.alwaysTrue(), resideInAPackage("dev.smalti.tokenizer.quantize"))
                .ignoreDependency( // RDPM's autoencoder is VQGAN's, by the paper
                        resideInAPackage("dev.smalti.tokenizer.residual"),
                        resideInAPackage("dev.smalti.tokenizer.vqgan")));
        check(noClasses()
                .that()
                .resideInAPackage(inside("tokenizer.quantize"))
                .should()
                .dependOnClassesThat()
                .resideInAPackage(inside("tokenizer.vqgan")));
    }

    @Test
    void only_recipes_name_papers() {
        List<String> blind = new ArrayList<>(ROOMS);
        blind.add("train");
        check(noClasses()
                .that()
                .resideInAnyPackage(inside(blind))
                .or()
                .resideInAnyPackage("dev.smalti.prior", "dev.smalti.tokenizer")
                .should()
                .dependOnClassesThat(arePapers()));
    }

    /** What papers share is none. */
    private static DescribedPredicate<JavaClass> arePapers() {
        return resideInAnyPackage("dev.smalti.prior.*..", "dev.smalti.tokenizer.*..")
                .and(DescribedPredicate.not(resideInAPackage(PROCESS)))
                .as("are papers");
    }

    /** Nested classes belong to the class around them. */
    @Test
    void classes_of_a_room_use_one_another_in_one_direction_alone() {
        for (String room : ROOMS) {
            check(slices().assignedFrom(classesOf(room)).should().beFreeOfCycles());
        }
    }

    private static SliceAssignment classesOf(String name) {
        return new SliceAssignment() {
            @Override
            public SliceIdentifier getIdentifierOf(JavaClass each) {
                return each.getPackageName().equals("dev.smalti." + name)
                        ? SliceIdentifier.of(outermost(each).getSimpleName())
                        : SliceIdentifier.ignore();
            }

            @Override
            public String getDescription() {
                return "classes of " + name;
            }
        };
    }

    private static JavaClass outermost(JavaClass each) {
        return each.getEnclosingClass().map(ArchitectureTest::outermost).orElse(each);
    }

    @Test
    void no_two_classes_have_one_name() {
        List<JavaClass> all = CLASSES.stream()
                .filter(each -> each.getEnclosingClass().isEmpty())
                .filter(each -> !each.getSimpleName().equals("package-info"))
                .toList();
        assertThat(all.stream().map(JavaClass::getSimpleName)).doesNotHaveDuplicates();
    }

    private static void check(ArchRule rule) {
        rule.allowEmptyShould(true).check(CLASSES);
    }

    private static String inside(String name) {
        return "dev.smalti." + name + "..";
    }

    private static String[] inside(List<String> names) {
        return names.stream().map(ArchitectureTest::inside).toArray(String[]::new);
    }
}
