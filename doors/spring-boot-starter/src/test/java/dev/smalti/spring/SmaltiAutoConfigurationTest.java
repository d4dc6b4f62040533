package dev.smalti.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.data.Pixels;
import dev.smalti.draw.Sampling;
import dev.smalti.model.Model;
import java.net.URI;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.springframework.ai.content.Media;
import org.springframework.ai.image.ImageMessage;
import org.springframework.ai.image.ImageModel;
import org.springframework.ai.image.ImageOptions;
import org.springframework.ai.image.ImageOptionsBuilder;
import org.springframework.ai.image.ImagePrompt;
import org.springframework.ai.image.ImageResponse;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.stereotype.Service;
import org.springframework.util.MimeTypeUtils;

/** Applications that know Spring AI, and draw with the bundled model in two steps. */
class SmaltiAutoConfigurationTest {
    private static final Sampling TWO = Sampling.USUAL.steps(2);
    private static Model model;

    @BeforeAll
    static void open() {
        model = Model.open("fruits-64-small");
    }

    @AfterAll
    static void close() {
        model.close();
    }

    /** All that it knows of this library is its properties. */
    @SpringBootApplication
    static class Application {
        /** Is given what draws. */
        @Service
        record Greengrocer(ImageModel images) {
            List<Pixels> draw(String fruit, ImageOptions options) {
                return pixels(images.call(new ImagePrompt(fruit, options)));
            }
        }
    }

    private static List<Pixels> pixels(ImageResponse response) {
        return response.getResults().stream()
                .map(each -> Pixels.decode(
                        Base64.getDecoder().decode(each.getOutput().getB64Json()), "answer"))
                .toList();
    }

    @Test
    void an_application_draws_what_the_library_draws_of_the_same_seed() {
        SpringApplication application = new SpringApplication(Application.class);
        Model opened;
        try (ConfigurableApplicationContext context = application.run(
                "--smalti.model=fruits-64-small",
                "--smalti.device=cpu",
                "--smalti.image.steps=2",
                "--smalti.image.seed=7",
                "--spring.main.banner-mode=off")) {
            opened = context.getBean(Model.class);
            Application.Greengrocer grocer = context.getBean(Application.Greengrocer.class);
            assertThat(grocer.draw("cherry-1", null)).isEqualTo(model.images(List.of("cherry-1"), 1, 7, TWO));
            assertThat(grocer.draw("", ImageOptionsBuilder.builder().n(3).build()))
                    .isEqualTo(model.images(List.of(), 3, 7, TWO));
            assertThat(grocer.draw("cherry-1", SmaltiImageOptions.USUAL.seed(8)))
                    .isEqualTo(model.images(List.of("cherry-1"), 1, 8, TWO));
        }
        assertThatThrownBy(opened::prior)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("closed");
    }

    private final ApplicationContextRunner runner =
            new ApplicationContextRunner().withConfiguration(AutoConfigurations.of(SmaltiAutoConfiguration.class));

    @Configuration
    static class OwnModel {
        @Bean
        ImageModel own() {
            return prompt -> new ImageResponse(List.of());
        }

        @Bean(destroyMethod = "")
        Model open() {
            return model;
        }
    }

    @Test
    void an_application_without_the_property_has_no_such_beans() {
        runner.run(
                context -> assertThat(context).doesNotHaveBean(ImageModel.class).doesNotHaveBean(Model.class));
    }

    @Test
    void an_applications_own_beans_go_before() {
        runner.withUserConfiguration(OwnModel.class)
                .withPropertyValues("smalti.model=fruits-64-small")
                .run(context -> {
                    assertThat(context).hasSingleBean(ImageModel.class).hasSingleBean(Model.class);
                    assertThat(context).doesNotHaveBean(SmaltiImageModel.class);
                });
    }

    @Test
    void leaves_the_place_to_another_provider() {
        runner.withPropertyValues("smalti.model=fruits-64-small", "spring.ai.model.image=other")
                .run(context -> assertThat(context).doesNotHaveBean(ImageModel.class));
    }

    @Test
    void an_application_with_a_model_that_is_not_there_does_not_start() {
        runner.withPropertyValues("smalti.model=vegetables-64")
                .run(context ->
                        assertThat(context.getStartupFailure()).rootCause().hasMessageContaining("vegetables-64"));
    }

    @Test
    void options_of_a_request_go_before_those_of_the_application() {
        SmaltiImageModel images = new SmaltiImageModel(
                model, SmaltiImageOptions.USUAL.n(2).steps(2).size(96, 64));
        ImageOptions square =
                ImageOptionsBuilder.builder().n(1).width(64).height(64).build();
        assertThat(pixels(images.call(new ImagePrompt("cherry-1", square))))
                .hasSize(1)
                .allSatisfy(each -> assertThat(each.width()).isEqualTo(64));
        ImageResponse wide = images.call(new ImagePrompt("cherry-1"));
        assertThat(pixels(wide)).hasSize(2).allSatisfy(each -> assertThat(each.width())
                .isEqualTo(96));
        SmaltiImageMetadata first =
                (SmaltiImageMetadata) wide.getResults().get(0).getMetadata();
        assertThat(((SmaltiImageMetadata) wide.getResults().get(1).getMetadata()))
                .isEqualTo(new SmaltiImageMetadata(first.seed(), 1));
        ImagePrompt again = new ImagePrompt("cherry-1", SmaltiImageOptions.USUAL.seed(first.seed()));
        assertThat(pixels(images.call(again))).isEqualTo(pixels(wide));
    }

    @Test
    void says_what_is_wrong() {
        SmaltiImageModel images = new SmaltiImageModel(model, SmaltiImageOptions.USUAL.steps(1));
        assertThatThrownBy(() -> images.call(new ImagePrompt("chery-1")))
                .hasMessageContaining("there is no class chery-1; did you mean cherry-1?");
        ImageOptionsBuilder url = ImageOptionsBuilder.builder().responseFormat("url");
        assertThatThrownBy(() -> images.call(new ImagePrompt("", url.build()))).hasMessageContaining("b64_json");
        ImageOptionsBuilder other = ImageOptionsBuilder.builder().model("dall-e-3");
        assertThatThrownBy(() -> images.call(new ImagePrompt("", other.build())))
                .hasMessageContaining("got dall-e-3");
        ImageOptionsBuilder narrow = ImageOptionsBuilder.builder().width(64);
        assertThatThrownBy(() -> images.call(new ImagePrompt("", narrow.build())))
                .hasMessageContaining("given together, got 64 and null");
        assertThatThrownBy(() -> images.call(new ImagePrompt("", SmaltiImageOptions.USUAL.guidance(-1))))
                .hasMessageContaining("guidance must be at least 0");
        assertThatThrownBy(() -> images.call(new ImagePrompt(List.of()))).hasMessageContaining("one message");
        ImageOptionsBuilder vivid = ImageOptionsBuilder.builder().style("vivid");
        assertThatThrownBy(() -> images.call(new ImagePrompt("", vivid.build())))
                .hasMessageContaining("style must be left out");
        Media picture = new Media(MimeTypeUtils.IMAGE_PNG, URI.create("file:///cherry.png"));
        List<ImageMessage> shown = List.of(new ImageMessage("cherry-1", null, List.of(picture), Map.of()));
        assertThatThrownBy(() -> images.call(new ImagePrompt(shown))).hasMessageContaining("got 1 media");
        List<ImageMessage> away = List.of(new ImageMessage("cherry-1", -1f));
        assertThatThrownBy(() -> images.call(new ImagePrompt(away)))
                .hasMessageContainingAll("weight of a message", "-1");
    }
}
