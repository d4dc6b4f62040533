package dev.smalti.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.draw.LogitFilter;
import dev.smalti.draw.Sampling;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class IdentityTest {
    @Test
    void is_the_same_in_whatever_order_the_values_were_named() {
        Map<String, Object> one = new LinkedHashMap<>();
        one.put("seed", 1);
        one.put("model", Map.of("prior", "ab", "set", List.of("x=1")));
        one.put("times", null);
        Map<String, Object> other = new LinkedHashMap<>();
        other.put("times", null);
        other.put("model", Map.of("set", List.of("x=1"), "prior", "ab"));
        other.put("seed", 1);
        assertThat(Identity.of(one)).isEqualTo(Identity.of(other));
        assertThat(Identity.of(one).json())
                .isEqualTo("{\"model\":{\"prior\":\"ab\",\"set\":[\"x=1\"]},\"seed\":1,\"times\":null}");
        assertThat(Identity.of(one).sha256(16))
                .hasSize(16)
                .isEqualTo(Identity.of(other).sha256(16));
    }

    /** In the text of a map these are all alike, or alike in pairs. */
    @Test
    void tells_values_apart_that_print_alike() {
        List<Map<String, Object>> all = List.of(
                Map.of("labels", List.of("a", "b")),
                Map.of("labels", List.of("a, b")),
                Map.of("labels", "[a, b]"),
                Map.of("labels", List.of("a"), "b]", "c"),
                Map.of("seed", 1),
                Map.of("seed", "1"));
        assertThat(all.stream().map(each -> Identity.of(each).sha256(64)).distinct())
                .hasSameSizeAs(all);
    }

    @Test
    void refuses_what_would_be_printed_as_its_class_pleases() {
        assertThatThrownBy(() -> Identity.of(Map.of("sampling", Arrays.asList(1, Sampling.USUAL))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("sampling must be a string")
                .hasMessageContaining(Sampling.class.getName());
    }

    /** These bytes name files of results that people have: they may not change. */
    @Test
    void names_a_sampling_as_it_did() {
        Sampling sampling = Sampling.USUAL
                .steps(8)
                .guidance(1.5)
                .filter(new LogitFilter(0.9, 5, 1))
                .lastTemperature(0.5);
        assertThat(Identity.of(sampling.named()).json())
                .isEqualTo("{\"guidance\":1.5,\"last_temperature\":0.5,\"steps\":8,\"temperature\":0.9,\"top_k\":5}");
        assertThat(Identity.of(Sampling.USUAL.named()).json()).isEqualTo("{}");
    }
}
