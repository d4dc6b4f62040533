package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ExcerptTest {
    @Test
    void leaves_a_short_text_as_it_is() {
        assertThat(Excerpt.of("fruits \uD83C\uDF52")).isEqualTo("fruits \uD83C\uDF52");
        assertThat(Excerpt.of("")).isEmpty();
    }

    @Test
    void cuts_a_long_text_and_no_pair_of_characters_in_two() {
        assertThat(Excerpt.of("x".repeat(40_000))).hasSize(Excerpt.LONGEST).endsWith("x…");
        assertThat(Excerpt.of("\uD83C\uDF52".repeat(200), 4)).isEqualTo("\uD83C\uDF52…");
    }

    @Test
    void keeps_both_ends_of_a_message() {
        String message = "plan.yaml: key " + "x".repeat(5000) + " is unknown; leave it out";
        assertThat(Excerpt.ofBothEnds(message, 1000))
                .hasSize(1000)
                .startsWith("plan.yaml: key xx")
                .contains("…")
                .endsWith("xx is unknown; leave it out");
    }

    @Test
    void has_one_line_and_nothing_that_moves_the_cursor() {
        assertThat(Excerpt.of("a\n  b\r\n\u001b[2Jc\u0000")).isEqualTo("a b ?[2Jc?");
        assertThat(Excerpt.of("\u009b2J\u007f")).isEqualTo("?2J?"); // the same in one character
    }
}
