package dev.smalti.exchange;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.WeightArchive;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

class PublishedKindsTest {
    private static WeightArchive archive(String... names) {
        Map<String, long[]> shapes = new java.util.LinkedHashMap<>();
        for (String name : names) {
            shapes.put(name, new long[] {1});
        }
        return WeightArchive.of(Path.of("made"), shapes, name -> null);
    }

    @Test
    void no_two_kinds_have_one_name() {
        assertThat(PublishedKinds.all())
                .extracting(PublishedKind::name)
                .doesNotHaveDuplicates()
                .allMatch(name -> name.matches("[a-z0-9-]+"));
    }

    @Test
    void kinds_of_other_jars_are_found() {
        WeightArchive file = archive("a name that nobody else has");
        assertThat(PublishedKinds.find(file, null).kind()).isInstanceOf(ForeignKind.class);
    }

    @Test
    void what_is_of_no_kind_is_refused_with_some_of_its_names() {
        assertThatThrownBy(() -> PublishedKinds.find(archive("one", "two"), null))
                .isInstanceOf(BadFileException.class)
                .hasMessageContaining("taming-vqgan")
                .hasMessageContaining("one, two");
        assertThatThrownBy(() -> PublishedKinds.find(archive("one"), "no-such"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("no-such");
        assertThatThrownBy(() -> PublishedKinds.find(archive("one"), "sedd"))
                .isInstanceOf(BadFileException.class)
                .hasMessageContaining("one");
    }
}
