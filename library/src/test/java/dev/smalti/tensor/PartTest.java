package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PartTest {
    @ParameterizedTest
    @CsvSource({"100, 32, 3", "100, 32, 4", "7, 1, 7", "1281167, 64, 16", "2147483647, 64, 999", "10, 32, 5"})
    void parts_are_the_whole_and_begin_where_a_unit_does(long count, long unit, int of) {
        long behind = 0;
        for (int i = 1; i <= of; i++) {
            Part part = new Part(i, of);
            assertThat(part.from(count, unit)).isEqualTo(behind);
            behind = part.to(count, unit);
            assertThat(behind % unit == 0 || behind == count).isTrue();
            assertThat(behind - part.from(count, unit)).isLessThanOrEqualTo(count / of + 2 * unit);
        }
        assertThat(behind).isEqualTo(count);
    }

    @Test
    void names_sort_as_numbers() {
        assertThat(Part.parse(" 3/16 ").name()).isEqualTo("part-0003-of-0016");
        assertThat(new Part(3, 20_000).name()).isEqualTo("part-00003-of-20000");
    }

    @ParameterizedTest
    @ValueSource(strings = {"0/3", "4/3", "3", "-1/3", "1/0", "1/100001", "1/9999999999", "a/b", ""})
    void refuses_what_is_no_part(String text) {
        assertThatThrownBy(() -> Part.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("I/N");
    }

    @Test
    void says_what_is_missing_and_what_is_too_much() {
        assertThat(Part.problem(List.of("a", "b.tar", "part-1.tar"))).isEmpty();
        assertThat(Part.problem(List.of("part-00000-of-00010.tar", "part-0001-of-0200.jpg", "part-0001-of-10000.tar")))
                .isEmpty();
        assertThat(Part.problem(
                        List.of("part-0001-of-0002.tar", "part-0002-of-0002.tar", ".smalti-parts-of-0002.json")))
                .isEmpty();
        assertThat(Part.problem(List.of(".smalti-part-0001-of-0003.json", ".smalti-parts-of-0003.json")))
                .contains("it has 1 of 3 parts, and 2, 3 are not there: make them with --part 2/3");
        assertThat(Part.problem(List.of(".smalti-parts-of-0001.json")).orElseThrow())
                .contains("it has 0 of 1 parts");
        assertThat(Part.problem(List.of("part-0001-of-0002.tar", "part-0002-of-0003.tar"))
                        .orElseThrow())
                .contains("parts of 2 and of 3");
        assertThat(Part.problem(List.of(
                                "part-0001-of-0002-0123abcd.safetensors", "part-0001-of-0002-cdef0123.safetensors"))
                        .orElseThrow())
                .contains("there twice");
        assertThat(Part.problem(List.of("part-0004-of-0002.tar")).orElseThrow()).contains("part 4 of 2 is none");
        assertThat(Part.problem(List.of("part-000001-of-999999.tar")).orElseThrow())
                .contains("999,999");
    }
}
