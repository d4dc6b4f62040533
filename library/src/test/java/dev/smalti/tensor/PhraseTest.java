package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Locale;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PhraseTest {
    private static final Locale USUAL = Locale.getDefault();

    @AfterEach
    void puts_back_the_locale() {
        Locale.setDefault(USUAL);
    }

    @ParameterizedTest
    @ValueSource(strings = {"ar-EG", "fa-IR", "de-DE", "hi-IN-u-nu-deva", "tr-TR"})
    void writes_numbers_alike_in_every_locale(String locale) {
        Locale.setDefault(Locale.forLanguageTag(locale));
        assertThat(Phrase.of("%05d of %,d, %.2f %s").with(12, 34567, 8.9, "x")).isEqualTo("00012 of 34,567, 8.90 x");
    }
}
