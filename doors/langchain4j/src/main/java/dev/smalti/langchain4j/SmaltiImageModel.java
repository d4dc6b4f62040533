package dev.smalti.langchain4j;

import dev.langchain4j.data.image.Image;
import dev.langchain4j.exception.InvalidRequestException;
import dev.langchain4j.model.image.ImageModel;
import dev.langchain4j.model.output.Response;
import dev.smalti.data.DataException;
import dev.smalti.data.Mask;
import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.draw.Sampling;
import dev.smalti.job.GenerateImages.Size;
import dev.smalti.job.PromptedImages;
import dev.smalti.model.Model;
import dev.smalti.model.Opening;
import dev.smalti.run.JobException;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Draws images of a model's classes, and parts of images anew. A prompt is the name of a class; a blank one stands for the builder's
 * {@link Builder#label label}, or for all classes.
 *
 * <p>Images come as PNG in base64. The metadata of an answer has the {@code seed} by which the same is drawn again. Threads may share it:
 * they draw in turn.
 */
public final class SmaltiImageModel implements ImageModel, AutoCloseable {
    private static final String PNG = "image/png";
    private static final String DATA = "data:";

    private final Model model;
    private final boolean own; // whether it is closed with this
    private final String label;
    private final Long seed; // null for one of chance
    private final Size size; // null for that of training
    private final Sampling sampling;

    private SmaltiImageModel(Builder builder) {
        if ((builder.name == null) == (builder.model == null)) {
            throw new IllegalArgumentException(
                    "a model must be given once: the name of a bundled one or the path of a run folder, or one that is open");
        }
        if (builder.model != null && builder.opening != null) {
            throw new IllegalArgumentException(
                    "opening says how a model is opened, and the one that was given is open: leave opening out, or give its name");
        }
        this.label = builder.label;
        this.seed = builder.seed;
        this.size = builder.size;
        this.sampling = builder.sampling;
        this.own = builder.model == null;
        this.model = own
                ? Model.open(builder.name, builder.opening == null ? Opening.USUAL : builder.opening)
                : builder.model;
    }

    public static Builder builder() {
        return new Builder();
    }

    /** One image. @throws InvalidRequestException naming the nearest class if there is none of that name */
    @Override
    public Response<Image> generate(String prompt) {
        return first(generate(prompt, 1));
    }

    /**
     * Images of one seed.
     *
     * @param n at least 1
     * @throws InvalidRequestException naming the nearest class if there is none of that name
     */
    @Override
    public Response<List<Image>> generate(String prompt, int n) {
        return answer(prompt, n, wish -> wish.draw(model));
    }

    /**
     * Draws the transparent part of an image anew.
     *
     * @param image with its data in base64, or in a URL that begins with {@code data:}; nothing is fetched
     * @throws InvalidRequestException if it can't be read or has no transparent part, or as {@link #generate(String)}
     */
    @Override
    public Response<Image> edit(Image image, String prompt) {
        return first(answer(prompt, 1, wish -> {
            byte[] file = bytes("the image", image);
            return wish.edit(model, Pixels.decode(file, "the image"), Mask.ofTransparency(file, "the image"));
        }));
    }

    /**
     * Draws a part of an image anew.
     *
     * @param mask of the image's size; its transparent part is drawn anew, or its white one where all is opaque
     * @throws InvalidRequestException if one can't be read or they don't go together, or as {@link #generate(String)}
     */
    @Override
    public Response<Image> edit(Image image, Image mask, String prompt) {
        return first(answer(
                prompt,
                1,
                wish -> wish.edit(
                        model,
                        Pixels.decode(bytes("the image", image), "the image"),
                        Mask.decode(bytes("the mask", mask), "the mask"))));
    }

    /** How a wish comes true. */
    private interface Drawing {
        List<Pixels> of(PromptedImages wish);
    }

    private Response<List<Image>> answer(String prompt, int count, Drawing drawing) {
        String text = prompt == null || prompt.isBlank() ? label : prompt;
        long grown = seed == null ? PromptedImages.seedOfChance() : seed;
        List<Pixels> drawn = checked(() -> drawing.of(new PromptedImages(text, count, size, grown, sampling)));
        return Response.from(drawn.stream().map(SmaltiImageModel::image).toList(), null, null, Map.of("seed", grown));
    }

    private static Response<Image> first(Response<List<Image>> all) {
        return Response.from(all.content().get(0), null, null, all.metadata());
    }

    private static Image image(Pixels pixels) {
        return Image.builder()
                .base64Data(Base64.getEncoder().encodeToString(Pictures.png(pixels)))
                .mimeType(PNG)
                .build();
    }

    private static <T> T checked(Supplier<T> work) {
        try {
            return work.get();
        } catch (JobException | DataException | IllegalArgumentException e) {
            throw new InvalidRequestException(e.getMessage(), e);
        }
    }

    /** @param what messages call it */
    private static byte[] bytes(String what, Image image) {
        String data = image.base64Data();
        if (data == null && image.url() != null && image.url().toString().startsWith(DATA)) {
            String url = image.url().toString();
            data = url.contains(";base64,") ? url.substring(url.indexOf(',') + 1) : null;
        }
        if (data == null) {
            throw new JobException(what + " must have its data in base64, or in a data URL; nothing is fetched here");
        }
        try {
            return Base64.getDecoder().decode(data);
        } catch (IllegalArgumentException e) {
            throw new JobException(what + " must be in base64: " + e.getMessage(), e);
        }
    }

    /** Frees the weights, if the model was opened here. */
    @Override
    public void close() {
        if (own) {
            model.close();
        }
    }

    /** What is drawn by, and how. */
    public static final class Builder {
        private String name;
        private Model model;
        private Opening opening; // null for the usual
        private String label;
        private Long seed;
        private Size size;
        private Sampling sampling = Sampling.USUAL;

        private Builder() {}

        /** Name of a bundled model, or path of a run folder, which is opened and closed with what is built. */
        public Builder model(String pathOrName) {
            this.name = pathOrName;
            return this;
        }

        /** One that is open, and stays open when what is built is closed. */
        public Builder model(Model model) {
            this.model = model;
            return this;
        }

        /** On which device, in which precision, with the weights of which checkpoint a model is opened by its name. */
        public Builder opening(Opening opening) {
            this.opening = opening;
            return this;
        }

        /** Name of the class that blank prompts stand for; all classes if left out. */
        public Builder label(String label) {
            this.label = label;
            return this;
        }

        /** Of every request, so that the same one gives the same images; one of chance for each if left out. */
        public Builder seed(long seed) {
            this.seed = seed;
            return this;
        }

        /** Of images from nothing, in pixels; that of training if left out. */
        public Builder size(int width, int height) {
            this.size = new Size(height, width);
            return this;
        }

        /** Steps of a draw; 0 for the method's usual number. */
        public Builder steps(int steps) {
            return sampling(sampling.steps(steps));
        }

        /** Weight with which draws are led to their class; at least 0, which is none. */
        public Builder guidance(double weight) {
            return sampling(sampling.guidance(weight));
        }

        /** Of the logits; 1 for the model as it is. */
        public Builder temperature(double temperature) {
            return sampling(sampling.temperature(temperature));
        }

        /** All that may be wished of a draw, in the place of what was given before. */
        public Builder sampling(Sampling sampling) {
            this.sampling = sampling;
            return this;
        }

        /**
         * @throws IllegalArgumentException if no model is given, or two, or an open one with an opening
         * @throws JobException if it can't be opened
         */
        public SmaltiImageModel build() {
            return new SmaltiImageModel(this);
        }
    }
}
