package dev.smalti.langchain4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.langchain4j.data.image.Image;
import dev.langchain4j.exception.InvalidRequestException;
import dev.langchain4j.model.image.ImageModel;
import dev.langchain4j.model.output.Response;
import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.draw.Sampling;
import dev.smalti.model.Model;
import dev.smalti.model.Opening;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Base64;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** An application that knows LangChain4j, and draws with the bundled model in two steps. */
class SmaltiImageModelTest {
    private static final Sampling TWO = Sampling.USUAL.steps(2);
    private static Model model;
    private static SmaltiImageModel images;

    @BeforeAll
    static void open() {
        model = Model.open("fruits-64-small");
        images = SmaltiImageModel.builder().model(model).seed(7).steps(2).build();
    }

    @AfterAll
    static void close() {
        images.close();
        model.close();
    }

    /** All that it knows of this library is the model that it is given. */
    private record Application(ImageModel model) {
        Pixels draw(String fruit) {
            return pixels(model.generate(fruit).content());
        }
    }

    private static Pixels pixels(Image image) {
        assertThat(image.mimeType()).isEqualTo("image/png");
        return Pixels.decode(Base64.getDecoder().decode(image.base64Data()), "answer");
    }

    private static Image image(byte[] png) {
        return Image.builder()
                .base64Data(Base64.getEncoder().encodeToString(png))
                .mimeType("image/png")
                .build();
    }

    /** A fruit whose right half is erased. */
    private static byte[] erased(Pixels pixels) throws IOException {
        BufferedImage picture = new BufferedImage(pixels.width(), pixels.height(), BufferedImage.TYPE_INT_ARGB);
        for (int y = 0; y < pixels.height(); y++) {
            for (int x = 0; x < pixels.width(); x++) {
                int at = 3 * (y * pixels.width() + x);
                int rgb =
                        (pixels.rgb()[at] & 255) << 16 | (pixels.rgb()[at + 1] & 255) << 8 | pixels.rgb()[at + 2] & 255;
                picture.setRGB(x, y, rgb | (x < pixels.width() / 2 ? 0xff000000 : 0));
            }
        }
        ByteArrayOutputStream png = new ByteArrayOutputStream();
        ImageIO.write(picture, "png", png);
        return png.toByteArray();
    }

    private static void assertKept(Pixels edited, Pixels before) {
        assertThat(edited).isNotEqualTo(before);
        for (int y = 0; y < 64; y++) {
            for (int i = 3 * 64 * y; i < 3 * (64 * y + 32); i++) {
                assertThat(edited.rgb()[i]).as("byte %d", i).isEqualTo(before.rgb()[i]);
            }
        }
    }

    @Test
    void an_application_draws_what_the_library_draws_of_the_same_seed() {
        Pixels drawn = new Application(images).draw("cherry-1");
        assertThat(drawn).isEqualTo(model.images(List.of("cherry-1"), 1, 7, TWO).get(0));
    }

    @Test
    void draws_several_of_all_classes() {
        Response<List<Image>> answer = images.generate("", 3);
        assertThat(answer.content().stream().map(SmaltiImageModelTest::pixels))
                .isEqualTo(model.images(List.of(), 3, 7, TWO));
    }

    @Test
    void a_blank_prompt_stands_for_the_label() {
        SmaltiImageModel cherries = SmaltiImageModel.builder()
                .model(model)
                .label("cherry-1")
                .seed(7)
                .steps(2)
                .build();
        assertThat(cherries.generate(" ").content())
                .isEqualTo(images.generate("cherry-1").content());
    }

    @Test
    void says_the_seed_of_chance_by_which_the_same_is_drawn_again() {
        SmaltiImageModel any = SmaltiImageModel.builder().model(model).steps(2).build();
        Response<Image> first = any.generate("cherry-1");
        long seed = (Long) first.metadata().get("seed");
        SmaltiImageModel again =
                SmaltiImageModel.builder().model(model).seed(seed).steps(2).build();
        assertThat(again.generate("cherry-1").content()).isEqualTo(first.content());
        assertThat(any.generate("cherry-1").content()).isNotEqualTo(first.content());
    }

    @Test
    void draws_other_sizes_with_guidance() {
        SmaltiImageModel wide = SmaltiImageModel.builder()
                .model(model)
                .size(96, 64)
                .seed(1)
                .steps(2)
                .guidance(1)
                .temperature(0.9)
                .build();
        Pixels drawn = pixels(wide.generate("cherry-1").content());
        assertThat(drawn.width()).isEqualTo(96);
        assertThat(drawn.height()).isEqualTo(64);
    }

    @Test
    void draws_the_transparent_part_of_an_image_anew() throws IOException {
        Pixels before = pixels(images.generate("cherry-1").content());
        byte[] erased = erased(before);
        Pixels edited = pixels(images.edit(image(erased), "cherry-1").content());
        assertKept(edited, before);
        Pixels masked = pixels(images.edit(image(Pictures.png(before)), image(erased), "cherry-1")
                .content());
        assertKept(masked, before);
        Image url = Image.builder()
                .url("data:image/png;base64," + Base64.getEncoder().encodeToString(erased))
                .build();
        assertThat(pixels(images.edit(url, "cherry-1").content())).isEqualTo(edited);
    }

    @Test
    void says_what_is_wrong() {
        assertThatThrownBy(() -> images.generate("chery-1"))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("there is no class chery-1; did you mean cherry-1?");
        assertThatThrownBy(() -> images.generate("cherry-1", 0))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("at least 1, got 0");
        Image opaque = image(Pictures.png(new Pixels(64, 64, new byte[3 * 64 * 64])));
        assertThatThrownBy(() -> images.edit(opaque, ""))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("the image is opaque");
        assertThatThrownBy(() -> images.edit(opaque, opaque, ""))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("the mask has nothing to draw anew");
        Image small = image(Pictures.png(new Pixels(8, 8, new byte[3 * 64])));
        assertThatThrownBy(() -> images.edit(opaque, small, ""))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("the mask must have the size of the image, 64 x 64 pixels");
        Image elsewhere = Image.builder().url("http://example.com/fruit.png").build();
        assertThatThrownBy(() -> images.edit(elsewhere, ""))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("nothing is fetched");
        assertThatThrownBy(() ->
                        images.edit(Image.builder().base64Data("no base64!").build(), ""))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("must be in base64");
        assertThatThrownBy(() -> SmaltiImageModel.builder().build()).hasMessageContaining("a model must be given once");
        SmaltiImageModel.Builder open = SmaltiImageModel.builder().model(model).opening(Opening.USUAL);
        assertThatThrownBy(open::build).hasMessageContaining("leave opening out");
    }

    @Test
    void closes_the_model_that_it_opened_and_no_other() {
        SmaltiImageModel opened =
                SmaltiImageModel.builder().model("fruits-64-small").steps(1).build();
        opened.close();
        assertThatThrownBy(() -> opened.generate("")).isInstanceOf(IllegalStateException.class);
        SmaltiImageModel lent = SmaltiImageModel.builder().model(model).steps(1).build();
        lent.close();
        assertThat(lent.generate("").content().mimeType()).isEqualTo("image/png");
    }
}
