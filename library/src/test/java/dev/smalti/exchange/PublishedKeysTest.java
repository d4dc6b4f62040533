package dev.smalti.exchange;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.exchange.PublishedKind.Asked;
import dev.smalti.prior.Prior;
import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.tensor.WeightArchive;
import dev.smalti.tokenizer.Tokenizer;
import dev.smalti.tokenizer.TokenizerConfiguration;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The tensors of models as they were published, by name and shape; their numbers aren't needed to see that all find a place. */
class PublishedKeysTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "taming-vqgan",
                "unleashing-vqgan",
                "llamagen-vq",
                "maskgit-vqgan",
                "unleashing-absorbing",
                "halton-maskgit"
            })
    void all_tensors_of_a_published_model_find_their_place(String name) {
        Scope.free(() -> {
            Device meta = new Device("meta");
            WeightArchive archive = archive(name, meta);
            PublishedKinds.Found found = PublishedKinds.find(archive, null);
            assertThat(found.kind().name()).isEqualTo(name);
            Translation translation = found.kind().translate(found.weights(), new Asked(null, List.of()));
            Set<String> taken = new HashSet<>();
            ours(translation.subject(), meta).forEach((ours, shape) -> {
                Origin origin = translation.origins().apply(ours);
                assertThat(archive.shapes())
                        .as("theirs of %s", ours)
                        .containsKeys(origin.names().toArray(String[]::new));
                long[] made = Dims.of(origin.make()
                        .apply(origin.names().stream().map(archive::tensor).toList()));
                assertThat(made).as("the shape of %s", ours).isEqualTo(shape);
                taken.addAll(origin.names());
            });
            assertThat(archive.shapes().keySet()).as("theirs").allSatisfy(theirs -> assertThat(taken.contains(theirs)
                            || translation.leftOut().apply(theirs).isPresent())
                    .as("a place of %s", theirs)
                    .isTrue());
        });
    }

    private static Map<String, long[]> ours(Subject subject, Device meta) {
        if (subject instanceof Subject.OfPrior prior) {
            try (Prior sketch = prior.configuration().build(prior.space(), prior.classes(), new Seed(0), meta)) {
                return sketch.parameters().blueprint().shapes();
            }
        }
        TokenizerConfiguration configuration = ((Subject.OfTokenizer) subject).configuration();
        try (Tokenizer tokenizer = configuration.build(new Seed(0), meta)) {
            return tokenizer.parameters().blueprint().shapes();
        }
    }

    private static WeightArchive archive(String name, Device meta) {
        Map<String, long[]> shapes =
                name.equals("taming-vqgan") ? KeyList.shapes("taming", "taming f16") : KeyList.shapes(name, null);
        assertThat(shapes).isNotEmpty();
        return WeightArchive.of(
                Path.of(name),
                shapes,
                tensor -> torch.zeros(shapes.get(tensor), Tensors.options(ScalarType.Float, meta)));
    }
}
