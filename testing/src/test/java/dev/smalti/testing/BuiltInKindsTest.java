package dev.smalti.testing;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.Toy;
import dev.smalti.corruption.Corruption;
import dev.smalti.network.CausalNetworkConfiguration;
import dev.smalti.network.NetworkConfiguration;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.recipe.BuiltInKinds;
import dev.smalti.recipe.Kind;
import dev.smalti.recipe.PriorRecipe;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.recipe.TokenizerRecipe;
import dev.smalti.tokenizer.PerceptualConfiguration;
import dev.smalti.tokenizer.TokenizerConfiguration;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.Modifier;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Whatever kind a recipe may name is held to a contract, has a toy recipe, and recovers a distribution that is known. */
class BuiltInKindsTest {
    private static final List<Class<?>> TESTS = classes(BuiltInKindsTest.class, "dev/smalti");
    private static final List<PriorContract> PRIORS = every(PriorContract.class);
    private static final List<TokenizerContract> TOKENIZERS = every(TokenizerContract.class);
    private static final List<KnownJointContract> JOINTS = every(KnownJointContract.class);
    private static final List<KnownImagesContract> IMAGES = every(KnownImagesContract.class);

    @Test
    void every_prior_and_tokenizer_has_a_contract_test() {
        assertThat(configurations(PRIORS, PriorContract::configuration)).isEqualTo(kinds(PriorConfiguration.class));
        assertThat(configurations(TOKENIZERS, TokenizerContract::configuration))
                .isEqualTo(kinds(TokenizerConfiguration.class));
    }

    @Test
    void every_prior_and_tokenizer_has_a_toy_recipe() throws IOException {
        List<Path> recipes;
        try (Stream<Path> files = Files.list(Toy.FOLDER)) {
            recipes = files.filter(file -> file.toString().endsWith(".yaml")).toList();
        }
        assertThat(configurations(holding(recipes, "prior"), BuiltInKindsTest::prior))
                .isEqualTo(kinds(PriorConfiguration.class));
        assertThat(configurations(holding(recipes, "tokenizer"), BuiltInKindsTest::tokenizer))
                .isEqualTo(kinds(TokenizerConfiguration.class));
    }

    @Test
    void every_prior_and_tokenizer_recovers_a_known_distribution() {
        Set<String> priors = configurations(JOINTS, joint -> prior(joint.recipe()));
        priors.addAll(configurations(IMAGES, images -> prior(images.priorRecipe())));
        assertThat(priors).isEqualTo(kinds(PriorConfiguration.class));
        assertThat(configurations(IMAGES, images -> tokenizer(images.tokenizerRecipe())))
                .isEqualTo(kinds(TokenizerConfiguration.class));
    }

    @Test
    void every_network_is_trained_in_the_contract_test_of_a_prior() {
        String all =
                PRIORS.stream().map(each -> each.configuration().toString()).collect(Collectors.joining());
        assertThat(kinds(NetworkConfiguration.class))
                .allSatisfy(name -> assertThat(all).contains("=" + name.substring(name.lastIndexOf('.') + 1) + "["));
    }

    @Test
    void every_corruption_has_a_contract_test() {
        Set<String> corruptions = classes(Corruption.class, "dev/smalti").stream()
                .filter(each -> Corruption.class.isAssignableFrom(each) && each != Corruption.class)
                .map(Class::getName)
                .collect(Collectors.toCollection(TreeSet::new));
        assertThat(corruptions).isNotEmpty();
        assertThat(configurations(every(CorruptionContract.class), CorruptionContract::corruption))
                .isEqualTo(corruptions);
    }

    /** A family that is new must come into the tests above. */
    @Test
    void there_are_kinds_of_these_families_alone() {
        assertThat(new BuiltInKinds().kinds())
                .extracting(Kind::family)
                .containsOnly(
                        PriorConfiguration.class,
                        TokenizerConfiguration.class,
                        NetworkConfiguration.class,
                        CausalNetworkConfiguration.class,
                        PerceptualConfiguration.class);
    }

    @Test
    void what_trains_for_minutes_waits_for_its_own_run_but_for_one() {
        List<Object> trained = new ArrayList<>(JOINTS);
        trained.addAll(IMAGES);
        assertThat(trained)
                .extracting(Object::getClass)
                .filteredOn(each -> each.getAnnotation(Tag.class) == null)
                .extracting(Class::getSimpleName)
                .containsExactly("KnownJointAbsorbingTest");
        assertThat(trained)
                .extracting(each -> each.getClass().getAnnotation(Tag.class))
                .filteredOn(each -> each != null)
                .extracting(Tag::value)
                .containsOnly("learning");
    }

    private static PriorConfiguration prior(Path recipe) {
        return RecipeFile.read(recipe, PriorRecipe.class, List.of()).prior();
    }

    private static TokenizerConfiguration tokenizer(Path recipe) {
        return RecipeFile.read(recipe, TokenizerRecipe.class, List.of()).tokenizer();
    }

    /** Those that have a key at their top. */
    private static List<Path> holding(List<Path> recipes, String key) throws IOException {
        List<Path> holding = new ArrayList<>();
        for (Path recipe : recipes) {
            if (Files.readAllLines(recipe).stream().anyMatch(line -> line.startsWith(key + ":"))) {
                holding.add(recipe);
            }
        }
        return holding;
    }

    /** The names of the configurations of a family. */
    private static Set<String> kinds(Class<?> family) {
        return new BuiltInKinds()
                .kinds().stream()
                        .filter(kind -> kind.family() == family)
                        .map(kind -> kind.configuration().getName())
                        .collect(Collectors.toCollection(TreeSet::new));
    }

    private static <T> Set<String> configurations(List<T> from, Function<T, Object> configuration) {
        return from.stream()
                .map(each -> configuration.apply(each).getClass().getName())
                .collect(Collectors.toCollection(TreeSet::new));
    }

    /** One of each test class of a contract. */
    private static <T> List<T> every(Class<T> contract) {
        List<T> tests = new ArrayList<>();
        for (Class<?> each : TESTS) {
            if (contract.isAssignableFrom(each) && !Modifier.isAbstract(each.getModifiers())) {
                try {
                    Constructor<?> constructor = each.getDeclaredConstructor();
                    constructor.setAccessible(true);
                    tests.add(contract.cast(constructor.newInstance()));
                } catch (ReflectiveOperationException e) {
                    throw new IllegalStateException("can't make a " + each, e);
                }
            }
        }
        return tests;
    }

    /** The classes below a package that lie where a class does: a folder, or a jar once there is one. */
    private static List<Class<?>> classes(Class<?> beside, String folder) {
        try {
            URI location =
                    beside.getProtectionDomain().getCodeSource().getLocation().toURI();
            Path place = Path.of(location);
            if (Files.isDirectory(place)) {
                return classes(place, folder);
            }
            try (FileSystem jar = FileSystems.newFileSystem(place)) {
                return classes(jar.getPath("/"), folder);
            }
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static List<Class<?>> classes(Path root, String folder) throws IOException {
        List<Class<?>> classes = new ArrayList<>();
        try (Stream<Path> files = Files.walk(root.resolve(folder))) {
            for (Path file :
                    files.filter(each -> each.toString().endsWith(".class")).toList()) {
                String name = root.relativize(file).toString().replaceFirst("\\.class$", "");
                if (!name.endsWith("package-info")) {
                    classes.add(Class.forName(
                            name.replaceAll("[/\\\\]", "."), false, BuiltInKindsTest.class.getClassLoader()));
                }
            }
        } catch (ClassNotFoundException e) {
            throw new IllegalStateException(e);
        }
        return classes;
    }
}
