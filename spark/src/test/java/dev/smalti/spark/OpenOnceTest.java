package dev.smalti.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

class OpenOnceTest {
    private final List<String> told = new ArrayList<>();

    @Test
    void what_follows_finds_it_open_and_another_closes_what_nobody_uses() {
        assertThat(with("a", opened -> with("b", inner -> opened + inner))).isEqualTo("ab");
        assertThat(told).containsExactly("open a", "open b");
        with("b", opened -> opened);
        with("a", opened -> opened);
        assertThat(told).hasSize(2);
        with("c", opened -> opened);
        assertThat(told).containsExactlyInAnyOrder("open a", "open b", "close a", "close b", "open c");
        with("d", opened -> opened);
        assertThat(told).endsWith("close c", "open d");
    }

    private String with(String name, Function<String, String> work) {
        return OpenOnce.with(
                List.of("OpenOnceTest", name),
                () -> {
                    told.add("open " + name);
                    return name;
                },
                opened -> told.add("close " + opened),
                work);
    }
}
