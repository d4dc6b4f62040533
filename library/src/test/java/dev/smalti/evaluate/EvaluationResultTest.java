package dev.smalti.evaluate;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.draw.GuidanceSchedule;
import dev.smalti.draw.GuidanceSettings;
import dev.smalti.draw.GuidanceSettings.Interval;
import dev.smalti.draw.LogitFilter;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.Temperatures;
import dev.smalti.model.Drawing;
import dev.smalti.tensor.Precision;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class EvaluationResultTest {
    /** Results are files that others read: neither keys nor values may change with the classes behind them. */
    @Test
    void says_how_images_were_drawn_by_the_names_of_the_command_line() {
        assertThat(sampler(Sampling.USUAL))
                .containsExactly(
                        Map.entry("steps", "as its recipe says"),
                        Map.entry("temperature", 1.0),
                        Map.entry("top_k", "all"),
                        Map.entry("top_p", 1.0),
                        Map.entry("typical", 1.0),
                        Map.entry("guidance", 0.0));
        assertThat(sampler(Sampling.USUAL.temperatures(new Temperatures(List.of(1.0, 0.8, 0.9)))))
                .containsEntry("temperatures", List.of(1.0, 0.8, 0.9))
                .doesNotContainKeys("temperature", "last_temperature");
        Sampling all = Sampling.USUAL
                .times(List.of(1.0, 0.5))
                .filter(new LogitFilter(0.9, 5, 0.8, 0.7))
                .lastTemperature(0.5)
                .guidance(2);
        assertThat(sampler(all))
                .containsExactly(
                        Map.entry("steps", 2),
                        Map.entry("times", List.of(1.0, 0.5)),
                        Map.entry("temperature", 0.9),
                        Map.entry("last_temperature", 0.5),
                        Map.entry("top_k", 5),
                        Map.entry("top_p", 0.8),
                        Map.entry("typical", 0.7),
                        Map.entry("guidance", 2.0),
                        Map.entry("guidance_schedule", "constant"),
                        Map.entry("guidance_interval", List.of(0.0, 1.0)),
                        Map.entry("negative", "no class"));
        assertThat(sampler(all.guidance(new GuidanceSettings(2, GuidanceSchedule.COSINE, new Interval(0.2, 0.8), 3L))))
                .containsEntry("guidance_schedule", "cosine")
                .containsEntry("guidance_interval", List.of(0.2, 0.8))
                .containsEntry("negative", "class 3");
    }

    private static Map<String, Object> sampler(Sampling sampling) {
        return new EvaluationResult.Draw(
                        "model",
                        "ab",
                        "cd",
                        7,
                        Precision.FP32,
                        List.of(),
                        List.of(),
                        0,
                        sampling,
                        new Drawing.Cost(1, 1, 1),
                        1)
                .sampler();
    }
}
