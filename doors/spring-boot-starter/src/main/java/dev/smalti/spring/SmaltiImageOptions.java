package dev.smalti.spring;

import dev.smalti.draw.Sampling;
import dev.smalti.job.GenerateImages.Size;
import dev.smalti.run.JobException;
import dev.smalti.tensor.Excerpt;
import org.springframework.ai.image.ImageOptions;

/**
 * What may be wished of a request for images beside its prompt; null is what the model has as usual.
 *
 * <pre>{@code
 * SmaltiImageOptions options = SmaltiImageOptions.USUAL.n(4).seed(42).steps(16).guidance(1);
 * }</pre>
 *
 * @param n images, at least 1
 * @param model name by which the model was opened
 * @param width in pixels, of the images; with a height
 * @param height likewise; with a width
 * @param seed the same again for the same images; one of chance where there is none
 * @param steps of a draw; 0 for the method's usual number
 * @param guidance weight with which draws are led to their class; at least 0, which is none
 * @param temperature of the logits; 1 for the model as it is
 */
public record SmaltiImageOptions(
        Integer n,
        String model,
        Integer width,
        Integer height,
        Long seed,
        Integer steps,
        Double guidance,
        Double temperature)
        implements ImageOptions {
    private static final String BASE64 = "b64_json";

    /** Nothing is wished. */
    public static final SmaltiImageOptions USUAL =
            new SmaltiImageOptions(null, null, null, null, null, null, null, null);

    /**
     * Of any provider.
     *
     * @throws JobException if another form is wished than base64, or a style
     */
    public static SmaltiImageOptions of(ImageOptions options) {
        if (options == null) {
            return USUAL;
        }
        if (options instanceof SmaltiImageOptions own) {
            return own;
        }
        String form = options.getResponseFormat();
        if (form != null && !form.equals(BASE64)) {
            throw new JobException(
                    "response_format must be " + BASE64 + ", since images are at no address, got " + form);
        }
        String style = options.getStyle();
        if (style != null && !style.isBlank()) {
            throw new JobException("style must be left out: a model of classes has none, got " + Excerpt.brief(style));
        }
        return new SmaltiImageOptions(
                options.getN(), options.getModel(), options.getWidth(), options.getHeight(), null, null, null, null);
    }

    /** These, and in the place of nulls what {@code usual} has. */
    public SmaltiImageOptions over(SmaltiImageOptions usual) {
        boolean sized = width != null || height != null;
        return new SmaltiImageOptions(
                n == null ? usual.n : n,
                model == null ? usual.model : model,
                sized ? width : usual.width,
                sized ? height : usual.height,
                seed == null ? usual.seed : seed,
                steps == null ? usual.steps : steps,
                guidance == null ? usual.guidance : guidance,
                temperature == null ? usual.temperature : temperature);
    }

    /** Null for that of training. @throws JobException if one side is given alone */
    Size size() {
        if ((width == null) != (height == null)) {
            throw new JobException("width and height must be given together, got " + width + " and " + height);
        }
        return width == null ? null : new Size(height, width);
    }

    /** @throws IllegalArgumentException if a number is outside its range */
    Sampling sampling() {
        return Sampling.USUAL
                .steps(steps == null ? 0 : steps)
                .guidance(guidance == null ? 0 : guidance)
                .temperature(temperature == null ? 1 : temperature);
    }

    /** So many images. */
    public SmaltiImageOptions n(int count) {
        return new SmaltiImageOptions(count, model, width, height, seed, steps, guidance, temperature);
    }

    /** Of this size in pixels. */
    public SmaltiImageOptions size(int across, int down) {
        return new SmaltiImageOptions(n, model, across, down, seed, steps, guidance, temperature);
    }

    /** Of this seed. */
    public SmaltiImageOptions seed(long number) {
        return new SmaltiImageOptions(n, model, width, height, number, steps, guidance, temperature);
    }

    /** In so many steps. */
    public SmaltiImageOptions steps(int count) {
        return new SmaltiImageOptions(n, model, width, height, seed, count, guidance, temperature);
    }

    /** Led to the class with this weight. */
    public SmaltiImageOptions guidance(double weight) {
        return new SmaltiImageOptions(n, model, width, height, seed, steps, weight, temperature);
    }

    /** At this temperature. */
    public SmaltiImageOptions temperature(double degree) {
        return new SmaltiImageOptions(n, model, width, height, seed, steps, guidance, degree);
    }

    @Override
    public Integer getN() {
        return n;
    }

    @Override
    public String getModel() {
        return model;
    }

    @Override
    public Integer getWidth() {
        return width;
    }

    @Override
    public Integer getHeight() {
        return height;
    }

    @Override
    public String getResponseFormat() {
        return BASE64;
    }

    /** A model of classes has none. */
    @Override
    public String getStyle() {
        return null;
    }
}
