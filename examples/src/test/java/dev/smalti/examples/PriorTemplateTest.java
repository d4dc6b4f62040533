package dev.smalti.examples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The project to copy: compiled, put on the class path of the command line as SMALTI_CLASSPATH does, and trained. */
@Tag("learning") // a build of its own
class PriorTemplateTest {
    private static final Path TEMPLATE = Jvm.HOME.resolve("examples/prior-template");
    private static final String SERVICE = "META-INF/services/dev.smalti.recipe.KindProvider";

    @TempDir
    Path folder;

    @Test
    void a_prior_of_another_jar_trains_and_draws_through_the_command_line() throws Exception {
        Path classes = folder.resolve("classes");
        Jvm.compile(Jvm.sources(TEMPLATE.resolve("src")), classes);
        Files.createDirectories(classes.resolve(SERVICE).getParent());
        Files.copy(TEMPLATE.resolve("src/main/resources").resolve(SERVICE), classes.resolve(SERVICE));
        long[] codes = LongStream.range(0, 40 * 4).map(i -> i % 4).toArray(); // 40 grids of 0 1, 2 3
        TensorFile.write(
                folder.resolve("toy.safetensors"),
                Map.of("codes", Tensors.longs(codes).view(40, 2, 2).to(ScalarType.Int)),
                Map.of("codebook_size", "4"));

        String recipe = TEMPLATE.resolve("marginals.yaml").toString();
        smalti(
                classes,
                "train-prior",
                recipe,
                "--tokens",
                "toy.safetensors",
                "--set",
                "training.steps=200",
                "--out",
                "run");
        smalti(classes, "generate", "run", "--format", "tokens", "--count", "8", "--out", "drawn.safetensors");

        try (TensorFile drawn = TensorFile.open(folder.resolve("drawn.safetensors"))) {
            long[] grids = Tensors.toLongs(drawn.tensor("codes").to(ScalarType.Long));
            assertThat(grids).hasSize(8 * 4);
            long right = LongStream.range(0, grids.length)
                    .filter(i -> grids[(int) i] == i % 4)
                    .count();
            assertThat(right).as("tokens that are those of their place, of 32").isGreaterThan(26);
        }
    }

    @Test
    void its_pom_is_of_this_version() throws Exception {
        assertThat(Files.readString(TEMPLATE.resolve("pom.xml"))).contains("<version>" + SnippetsTest.version() + "<");
        assertThat(Files.readString(Jvm.HOME.resolve("bom/pom.xml")))
                .as("the BOM, which has no parent")
                .contains("<version>" + SnippetsTest.version() + "<");
    }

    private void smalti(Path classes, String... arguments) throws Exception {
        Jvm.run(
                folder,
                classes,
                List.of(Stream.concat(Stream.of("dev.smalti.app.Main"), Stream.of(arguments))
                        .toArray(String[]::new)));
    }
}
