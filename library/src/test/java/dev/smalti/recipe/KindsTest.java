package dev.smalti.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.recipe.ToyRecipe.Absorbing;
import dev.smalti.recipe.ToyRecipe.MaskGit;
import dev.smalti.recipe.ToyRecipe.Prior;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KindsTest {
    /** What a third-party jar would bring. */
    public static final class Shapes implements KindProvider {
        @Override
        public List<Kind> kinds() {
            return List.of(new Kind(Shape.class, "square", Square.class));
        }
    }

    /** Brings a kind that {@link Shapes} has too. */
    public static final class OtherShapes implements KindProvider {
        @Override
        public List<Kind> kinds() {
            return List.of(new Kind(Shape.class, "square", Square.class));
        }
    }

    interface Shape {}

    record Square(int size) implements Shape {}

    record Drawing(Shape shape) {}

    @TempDir
    Path jar;

    @Test
    void finds_the_kinds_of_a_jar_that_the_thread_sees() throws IOException {
        Drawing drawing = inJarWith(
                Shapes.class.getName(),
                () -> RecipeFile.parse("shape: {kind: square, size: 3}", "toy.yaml", Drawing.class, List.of()));

        assertThat(drawing).isEqualTo(new Drawing(new Square(3)));
    }

    @Test
    void says_which_provider_cannot_be_loaded() throws IOException {
        assertThatThrownBy(() -> inJarWith("com.example.Missing", Kinds::installed))
                .isInstanceOf(RecipeException.class)
                .hasMessageStartingWith("a provider of recipe kinds cannot be loaded: ")
                .hasMessageContaining("com.example.Missing");
    }

    @Test
    void names_both_providers_of_one_kind() {
        assertThatThrownBy(() -> Kinds.of(List.of(new Shapes(), new OtherShapes())))
                .isInstanceOf(RecipeException.class)
                .hasMessage("two providers bring the kind square of Shape: %s and %s"
                        .formatted(Shapes.class.getName(), OtherShapes.class.getName()));
    }

    @Test
    void allows_one_name_in_two_families() {
        record Round() implements Prior {}
        KindProvider priors = () -> List.of(new Kind(Prior.class, "square", Round.class));

        Kinds kinds = Kinds.of(List.of(new Shapes(), priors));

        assertThat(kinds.named(Prior.class, "square")).hasValue(new Kind(Prior.class, "square", Round.class));
        assertThat(kinds.names(Shape.class)).containsExactly("square");
    }

    @Test
    void refuses_kinds_that_cannot_be_read() {
        record Kinded(String kind) implements Prior {}

        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Kind(Absorbing.class, "absorbing", Absorbing.class))
                .withMessage("a family of kinds must be an interface, got " + Absorbing.class.getName());
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Kind(Shape.class, "maskgit", MaskGit.class))
                .withMessage("kind maskgit must be a record that implements %s, got %s"
                        .formatted(Shape.class.getName(), MaskGit.class.getName()));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Kind(Prior.class, " ", MaskGit.class))
                .withMessageContaining("must have a name without spaces around it, got \" \"");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Kind(Prior.class, "kinded", Kinded.class))
                .withMessageStartingWith("kind kinded must not have a key named kind itself");
    }

    private interface Body<T> {
        T run() throws IOException;
    }

    private <T> T inJarWith(String provider, Body<T> body) throws IOException {
        Path services = Files.createDirectories(jar.resolve("META-INF/services"));
        Files.writeString(services.resolve(KindProvider.class.getName()), provider);
        Thread thread = Thread.currentThread();
        ClassLoader before = thread.getContextClassLoader();
        try (URLClassLoader loader =
                new URLClassLoader(new URL[] {jar.toUri().toURL()}, KindsTest.class.getClassLoader())) {
            thread.setContextClassLoader(loader);
            return body.run();
        } finally {
            thread.setContextClassLoader(before);
        }
    }
}
